"""What every peer of the bench is: a server of Debian's that is started in a folder of ours, and how to speak to it.

No peer runs as a system service and none needs root: own configuration, own port of the loopback address, own data.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.client import Connection
from bench.frames import KEY, Ready
from tiers.lab.world.processes import START_SECONDS, Child, base_environ, start, stop
from tiers.wire.errors import Ours, Yours

_HEAD = len(b'{"protected":"')
KEY_IN_ENVELOPE = slice(_HEAD + KEY.start, _HEAD + KEY.stop)
"""Which bytes of an envelope tell it from others."""
_T = TypeVar("_T")
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


class Reader(Connection):
    """A connection whose protocol is read by a pure function: from bytes to what is whole, and how many it took."""

    def _whole(self, data: bytes, read: Callable[[bytes], tuple[list[_T], int]]) -> list[_T]:
        if self._buffer:
            self._buffer += data
            data = bytes(self._buffer)
        found, used = read(data)
        self._buffer = bytearray(data[used:])
        return found

    def _tell(self, accepted: list[str], delivered: list[bytes]) -> None:
        """Tell what came, and answer in one write."""
        if accepted:
            self._accepted(tuple(accepted))
        if delivered:
            self._delivered(delivered)
        self.flush()


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    port: int
    tls: Path
    pins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer. `settings` writes its files, and gives its command and what an answer of it promises.

    `message` makes a sender's nth envelope what goes on the wire; `share` of the messages are sent.
    """

    package: str
    program: str
    settings: Callable[[Place, str], Awaitable[tuple[list[str], str]]]
    client: type[Connection]
    message: Callable[[str, int, Ready], Ready]
    share: float = 1.0

    def binary(self) -> str:
        """Find the server; raises `Yours` where it is not installed."""
        found = shutil.which(self.program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
        if found is None:
            ask = f"apt-get install --no-install-recommends {self.package}"
            raise Yours("bench.peer", f"Install Debian's package {self.package}: {ask}.")
        return found

    async def version(self) -> str:
        """Return the version of Debian's package, or where the server is if it is not Debian's."""
        found = self.binary()
        if shutil.which("dpkg-query") is None or not (await output("dpkg-query", "-S", found))[0]:
            return found
        _, said = await output("dpkg-query", "-W", "-f", "${Version}", self.package)
        return said

    async def started(self, place: Place) -> tuple[Child, str]:
        """Start the server; gives its promise too. Raises `Yours` where it is not installed, `Ours` if it is not up."""
        place.folder.mkdir(mode=0o700)
        command, promise = await self.settings(place, self.binary())
        child = await start(self.package, command, base_environ(), place.folder / "server.log")
        try:
            await _listening(child, place.port)
        except BaseException:
            await stop(child)
            raise
        return child, promise


def nth(pin: str, number: int) -> str:
    return f"{pin}/{number}"


async def output(*command: str) -> tuple[bool, str]:
    quiet, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=pipe, stderr=quiet)
    said, _ = await process.communicate()
    return process.returncode == 0, said.decode(errors="replace").strip()


async def _listening(child: Child, port: int) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_SECONDS
    while loop.time() < until and child.running:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    tail = child.log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
    raise Ours("bench.peer", f"{child.name} did not start. It said: {tail or 'nothing'}")
