"""A party's open port: what a stranger may take of it before anybody has proved anything.

    connection        MAX_OPEN from one address, and half of what the process may open
    TLS handshake     HANDSHAKE_SECONDS
    request's head    HEAD_SECONDS; at most MAX_HALF_OPEN connections from one address that have not sent one
    request's body    BODY_SECONDS, at most what its route allows (web.py)
    answer            READ_SECONDS without an octet of it taken
    nothing           IDLE_SECONDS between requests

A classroom of thirty, or a load generator of some thousands, behind one address stays far below.
"""

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from tiers.chassis import background
from tiers.chassis.begin import raise_descriptors
from tiers.chassis.logs import seldom
from tiers.chassis.tls import Tls
from tiers.wire.errors import Yours

HANDSHAKE_SECONDS = 5.0
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
READ_SECONDS = 30.0
_ACKED, _INFO = 120, 128
"""Where `tcpi_bytes_acked` begins and ends (struct tcp_info, linux/tcp.h)."""
IDLE_SECONDS = 75.0
MAX_OPEN = 16_384
MAX_HALF_OPEN = 256
_BACKLOG = 1024
_PAUSE = 0.1


class Counts:
    """Connections by address. Pure."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self._half: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count a new connection in, half open; returns whether it may stay. One that may not is not counted."""
        if self._open[address] >= self._most or self._half[address] >= min(MAX_HALF_OPEN, self._most):
            return False
        self._open[address] += 1
        self._half[address] += 1
        return True

    def complete(self, address: str) -> None:
        """Note that a connection has sent a whole head."""
        self._less(self._half, address)

    def leave(self, address: str, *, half: bool) -> None:
        self._less(self._open, address)
        if half:
            self._less(self._half, address)

    @staticmethod
    def _less(counts: "Counter[str]", address: str) -> None:
        counts[address] -= 1
        if counts[address] <= 0:
            del counts[address]


class _Connection(RequestHandler):
    """A connection that ends when a head is not there in time."""

    __slots__ = ("_address", "_counts", "_deadline", "_half", "_unread")

    def __init__(self, counts: Counts, address: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._counts = counts
        self._address = address
        self._half = True
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._current_request is not None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
            if self._half:
                self._half = False
                self._counts.complete(self._address)
        elif self._deadline is None:
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        self._counts.leave(self._address, half=self._half)
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self._loop.call_later(HEAD_SECONDS, self._too_slow)

    def _watch(self) -> None:
        self._unread = self._loop.call_later(READ_SECONDS, self._look, self._taken())

    def _look(self, before: int) -> None:
        if self._taken() == before:
            self._too_slow()
        else:
            self._watch()

    def _taken(self) -> int:
        """Count the octets that the other side has taken, on Linux; elsewhere it is the same only if none was."""
        assert self.transport is not None  # noqa: S101 - it is asked while something is being written
        if not hasattr(socket, "TCP_USER_TIMEOUT"):
            return -self.transport.get_write_buffer_size()
        info = self.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
        return int.from_bytes(info[_ACKED:_INFO], sys.byteorder)

    def _too_slow(self) -> None:
        seldom("connection.too_slow", address=self._address)
        if self.transport is not None:
            self.transport.abort()


Speak = Callable[[Counts, str], asyncio.Protocol]
"""Makes the protocol of a connection from an address. It tells `Counts` when it is complete, and when it is lost."""


def http(server: web.Server) -> Speak:
    """Return what speaks HTTP for a server."""
    options = server._kwargs  # noqa: SLF001 - as the server itself makes them
    return lambda counts, address: _Connection(counts, address, server, loop=asyncio.get_running_loop(), **options)


class Listener:
    """Accepts connections, one address counted beside another."""

    def __init__(self, speak: Speak, tls: Tls) -> None:
        self._speak = speak
        self._tls = tls
        self._counts = Counts(min(MAX_OPEN, raise_descriptors() // 2))
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, *, shared: bool = False) -> int:
        """Listen, and return the port. A `shared` one is listened on by several processes. Raises `Yours`."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, address in {(family, where) for family, _, _, _, where in found}:
                one = socket.create_server(address[:2], family=family, backlog=_BACKLOG, reuse_port=shared)
                one.setblocking(False)
                self._sockets.append(one)
        except (OSError, UnicodeError) as error:  # taken, not this machine's, or no address at all
            await self.stop()
            why = error.strerror if isinstance(error, OSError) else "no such host"
            raise Yours("settings.listen", f"Set TIERS_LISTEN to a free address of this machine: {why}.") from None
        self._accepting += [background.start(self._accept(one)) for one in self._sockets]
        return int(self._sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Accept no more; what is open stays open."""
        await background.stop(*self._accepting, *self._greeting)
        for one in self._sockets:
            one.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:  # most likely no descriptor is left: those that are open will end
                seldom("connection.not_accepted", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
                continue
            if not self._counts.enter(address[0]):
                seldom("connection.too_many", address=address[0])
                connection.close()
                continue
            task = asyncio.create_task(self._greet(connection, address[0]))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket, address: str) -> None:
        """Shake hands; from then on the connection counts itself out."""
        loop = asyncio.get_running_loop()
        made = False
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere the system's own patience has to do
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * READ_SECONDS))
            await loop.connect_accepted_socket(
                lambda: self._speak(self._counts, address),
                connection,
                ssl=self._tls.server,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
            made = True
        except (OSError, TimeoutError):
            seldom("connection.no_handshake", address=address)
        finally:
            if not made:
                connection.close()
                self._counts.leave(address, half=True)
