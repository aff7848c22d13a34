"""One connection to the store for the hot path: a batch of commands is one write, its replies come back together.

Why not redis-py here: packing and parsing by hiredis alone carries two to four times as many messages a second
(docs/performance.md). Everything that is not on the path of a message uses redis-py.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

from services.wire.errors import Ours

Command = tuple[bytes | str | int, ...]
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub takes 1-tuples only
_PIECE = 24
SECONDS = 5.0
"""How long a batch may take before the connection is given up."""


def pack(command: Command) -> Iterator[bytes]:
    """Write a command as the store reads it (RESP), a long one in pieces: hiredis is ten times slower with it whole."""
    if len(command) <= _PIECE:
        yield _pack(command)
        return
    yield b"*%d\r\n" % len(command)
    for start in range(0, len(command), _PIECE):
        piece = command[start : start + _PIECE]
        yield _pack(piece)[len(f"*{len(piece)}\r\n") :]


def unavailable() -> Ours:
    """Return what everybody is told while the store does not answer."""
    return Ours("store.unavailable", "Try again in a second: the relay's store is not answering.")


class _Link(asyncio.Protocol):
    """The socket's end: counts replies until those of the batch are all there."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._replies: list[Any] = []
        self._wanted = 0
        self._done: asyncio.Future[list[Any]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._replies.append(reply)
        except hiredis.ProtocolError:
            self.abort()
            return
        if self._done is not None and len(self._replies) >= self._wanted and not self._done.done():
            self._done.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.transport = None
        if self._done is not None and not self._done.done():
            self._done.set_exception(unavailable())

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
            self.transport = None  # `connection_lost` comes a turn later

    async def run(self, packed: bytes, wanted: int) -> list[Any]:
        if self.transport is None:
            raise unavailable()
        self._replies, self._wanted = [], wanted
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(packed)
        try:
            async with asyncio.timeout(SECONDS):
                return await self._done
        except TimeoutError:
            self.abort()
            raise unavailable() from None
        finally:
            self._done = None


class Pipeline:
    """One connection, made when it is needed and made anew when it breaks; one batch under way at a time."""

    def __init__(self, url: str, hello: Sequence[Command] = ()) -> None:
        """Speak to `redis://`, `rediss://` or `unix://`; `hello` is said on every new connection."""
        self._url = url
        self._hello = hello
        self._link: _Link | None = None

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands; returns their replies in order, errors as `hiredis.ReplyError`.

        Raises `Ours` if the connection breaks: the commands may have run or not.
        """
        link = self._link
        if link is None or link.transport is None:
            link = self._link = await self._connect()
        return await link.run(b"".join(chain.from_iterable(map(pack, commands))), len(commands))

    def close(self) -> None:
        """Hang up; the next `run` connects again."""
        if self._link is not None:
            self._link.abort()

    async def _connect(self) -> _Link:
        at = parse_url(self._url)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                if "path" in at:
                    _, link = await loop.create_unix_connection(_Link, at["path"])
                else:
                    host, port = at.get("host", "localhost"), at.get("port", 6379)
                    _, link = await loop.create_connection(_Link, host, port, ssl=_tls(at))
        except (OSError, TimeoutError):
            raise unavailable() from None
        greetings = [*_login(at), *self._hello]
        if greetings:
            replies = await link.run(b"".join(map(_pack, greetings)), len(greetings))
            if any(isinstance(reply, hiredis.ReplyError) for reply in replies):
                link.abort()
                raise Ours("store.unavailable", "Try again; if it stays so, check the user in TIERS_STORE_URL.")
        return link


def _login(at: Any) -> list[Command]:
    """Return AUTH and SELECT as the URL asks."""
    out: list[Command] = []
    if at.get("password"):
        out.append(("AUTH", at.get("username") or "default", at["password"]))
    if at.get("db"):
        out.append(("SELECT", at["db"]))
    return out


def _tls(at: Any) -> ssl.SSLContext | None:
    """Return the context of a `rediss://` URL; `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` are as in redis-py."""
    if at.get("connection_class") is not SSLConnection:
        return None
    context = ssl.create_default_context(cafile=at.get("ssl_ca_certs"))
    if "ssl_certfile" in at:
        context.load_cert_chain(at["ssl_certfile"], at.get("ssl_keyfile"))
    return context
