"""The owner's side of the nursery (nursery.py): starts it, has children forked, hears how they end."""

import asyncio
import atexit
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from tiers.lab.world.nursery import STATUS, Order
from tiers.wire.errors import Ours


class Forked:
    """A child of the nursery, as `asyncio.subprocess.Process` would show it, in whatever event loop asks."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; `None` while it runs."""
        if self._code is None:
            with suppress(BlockingIOError):
                said = os.read(self._pipe, STATUS.size)
                # A nursery that was killed says nothing, and has its children told to stop.
                (self._code,) = STATUS.unpack(said) if said else (-signal.SIGTERM,)
                os.close(self._pipe)
        return self._code

    def send_signal(self, number: int, /) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        while (code := self.returncode) is None:
            await _readable(self._pipe)
        return code


class Nursery:
    """The nursery of this process. One that was killed is replaced at the next birth."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self._open()
        atexit.register(self.close)

    def _open(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", "-m", "tiers.lab.world.nursery"]
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, stdin=theirs.fileno(), env=self.environ, start_new_session=True
            )

    def close(self) -> None:
        self._socket.close()
        self.process.terminate()
        self.process.wait()

    async def fork(self, name: str, arguments: Sequence[str], environ: Mapping[str, str], output: int) -> Forked:
        """Have a child forked that writes to `output`; raises `Ours` if a second nursery, too, dies of it."""
        order = msgspec.json.encode(Order(name, tuple(arguments), dict(environ)))
        for _ in range(2):
            asked = self.process
            if (child := await self._born(name, order, output)) is not None:
                return child
            if asked is self.process:  # else somebody else has replaced it
                self.close()
                self._open()
        raise Ours("lab.start", f"Look at what the nursery wrote above: it died of {name}.")

    async def _born(self, name: str, order: bytes, output: int) -> Forked | None:
        with os.fdopen(os.memfd_create(name), "w+b") as file:
            file.write(order)
            file.seek(0)
            pipe, theirs = os.pipe()
            with suppress(BrokenPipeError):
                socket.send_fds(self._socket, [b"+"], [file.fileno(), output, theirs])
            os.close(theirs)
        try:
            await _readable(pipe)
            said = os.read(pipe, STATUS.size)
        except BaseException:
            os.close(pipe)  # nobody waits for it: the nursery ends it
            raise
        if not said:
            os.close(pipe)
            return None
        os.set_blocking(pipe, False)
        (pid,) = STATUS.unpack(said)
        return Forked(pid, pipe)


async def _readable(pipe: int) -> None:
    """Wait until there is something to read. On a copy: an event loop knows one reader for each descriptor."""
    loop, own = asyncio.get_running_loop(), os.dup(pipe)
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(own, _done, ready)
    try:
        await ready
    finally:
        loop.remove_reader(own)
        os.close(own)


def _done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
