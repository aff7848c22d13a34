"""A tap on a link: what somebody on the radio or the wire records. User-space TCP."""

import asyncio
from collections.abc import Callable
from pathlib import Path

_CHUNK = 65_536


class Tap:
    """Listens where others connect, forwards to whom they mean, appends every byte of both directions to a file."""

    def __init__(self, capture: Path, port: int) -> None:
        self.port = 0
        self._capture = capture
        self._to = port
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}

    async def start(self) -> None:
        self._capture.touch(mode=0o600)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writers in self._open.values():
            for writer in writers:
                writer.transport.abort()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, theirs: asyncio.StreamReader, to_them: asyncio.StreamWriter) -> None:
        try:
            other, to_other = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            to_them.transport.abort()
            return
        task = asyncio.ensure_future(self._forward((theirs, to_other), (other, to_them)))
        self._open[task] = (to_them, to_other)
        task.add_done_callback(self._open.pop)
        await task

    async def _forward(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        with self._capture.open("ab", buffering=0) as file:
            await asyncio.gather(*(_copy(source, sink, file.write) for source, sink in ways))
        for _, sink in ways:
            sink.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: Callable[[bytes], object]) -> None:
    """Copy one direction to its end; whoever breaks off is broken off from."""
    try:
        while chunk := await source.read(_CHUNK):
            record(chunk)
            sink.write(chunk)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.transport.abort()
