"""A tap on the link between a handset and the relay: what somebody on the radio or the wire records. User-space TCP."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CHUNK = 65_536


class Tap:
    """Listens where the handset connects, forwards to the relay, appends every byte of both directions to a file."""

    def __init__(self, capture: Path, port: int) -> None:
        self.capture = capture
        self.port = 0
        self._relay = port
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}

    async def start(self) -> None:
        self.capture.touch(mode=0o600)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writers in self._open.values():
            for writer in writers:
                writer.transport.abort()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, device: asyncio.StreamReader, to_device: asyncio.StreamWriter) -> None:
        try:
            relay, to_relay = await asyncio.open_connection("127.0.0.1", self._relay)
        except OSError:
            to_device.close()
            return
        task = asyncio.ensure_future(self._forward((device, to_relay), (relay, to_device)))
        self._open[task] = (to_device, to_relay)
        task.add_done_callback(self._open.pop)
        await task

    async def _forward(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        with self.capture.open("ab", buffering=0) as file:
            both = [asyncio.ensure_future(_copy(source, sink, file.write)) for source, sink in ways]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for _, sink in ways:
                sink.transport.abort()
            await asyncio.gather(*both, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: Callable[[bytes], object]) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(_CHUNK):
            record(chunk)
            sink.write(chunk)
            await sink.drain()
