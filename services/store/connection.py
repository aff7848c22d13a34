"""One connection to a node of the store: a batch of commands is one write, its replies come back together.

What other processes publish is heard on the same connection (RESP3), so it stands in one order with our own commits.

Why not redis-py: packing and parsing by hiredis alone carries two to four times as many messages a second
(docs/performance.md), and one client that knows when a store has changed its part is better than two.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import hiredis
import structlog

from tiers.store.url import Location
from tiers.wire.errors import Ours

_log = structlog.get_logger()

Command = tuple[bytes | str | int, ...]
Heard = Callable[[bytes, bytes], None]
"""Told of a channel and what was published there."""
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub takes 1-tuples only
_PIECE = 24
_MARK = b"subscribed"
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


def is_moved(reply: Any) -> bool:
    """Return whether a command was not done, because its slot is on another node of the cluster."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("MOVED ")


NO_MASTER = ("READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN")


def is_no_master(reply: Any) -> bool:
    """Return whether a command was not done because who answered is no master now."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith(NO_MASTER)


class _Link(asyncio.Protocol):
    """The socket's end: counts replies until those of the batch are all there."""

    def __init__(self, heard: Heard, unheard: Callable[[], None]) -> None:
        self._heard = heard
        self._unheard = unheard
        self.channels: set[str] = set()
        self.lost = asyncio.Event()
        self.given_up = False
        self._reader = hiredis.Reader()
        self._replies: list[Any] = []
        self._wanted = 0
        self._mark: bytes | None = None
        self._done: asyncio.Future[list[Any]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                if isinstance(reply, hiredis.PushNotification):
                    self._hear(reply)
                else:
                    self._replies.append(reply)
        except hiredis.ProtocolError:
            self.abort()
            return
        if self._done is not None and len(self._replies) >= self._wanted and not self._done.done():
            if self._mark is not None and self._replies[-1] != self._mark:
                return
            self._done.set_result(self._replies)

    def _hear(self, pushed: list[Any]) -> None:
        kind, channel, said = pushed
        if kind == b"smessage":
            self._heard(channel, said)
        elif kind == b"ssubscribe":
            self.channels.add(channel.decode())
        elif kind == b"sunsubscribe":  # its slot has moved to another node
            self.channels.discard(channel.decode())
            self._unheard()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.transport = None
        self.lost.set()
        if self._done is not None and not self._done.done():
            self._done.set_exception(unavailable())

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
            self.transport = None  # `connection_lost` comes a turn later

    async def subscribe(self, channels: Iterable[str]) -> list[Any]:
        """Subscribe one by one, for each has a slot of its own; returns the refusals. Confirmations are pushes."""
        said: list[Command] = [*(("SSUBSCRIBE", channel) for channel in channels), ("ECHO", _MARK)]
        *refused, _mark = await self.run(b"".join(map(_pack, said)), 1, _MARK)
        return refused

    async def run(self, packed: bytes, wanted: int, mark: bytes | None = None) -> list[Any]:
        """Send a batch and wait for `wanted` replies, or for one that is `mark`."""
        if self.transport is None:
            raise unavailable()
        self._replies, self._wanted, self._mark = [], wanted, mark
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(packed)
        try:
            async with asyncio.timeout(SECONDS):
                return await self._done
        except TimeoutError:
            self.given_up = True
            self.abort()
            raise unavailable() from None
        finally:
            self._done = None


class Connection:
    """One connection, made when it is needed and made anew when it breaks; one batch under way at a time.

    `heard` is told of what is published on `channels`, `missed` that a connection is new: what was published before it
    was not heard. In a cluster a channel is refused where its slot is not, and `unheard` called when one moves away.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a connection is told when, each once
        self,
        location: Location,
        hello: Sequence[Command] = (),
        channels: Sequence[str] = (),
        heard: Heard = lambda _channel, _said: None,
        missed: Callable[[], None] = lambda: None,
        unheard: Callable[[], None] = lambda: None,
    ) -> None:
        """Speak to the node at a location; `hello` is said on every new connection."""
        self._location = location
        self._hello = hello
        self.channels = channels
        self._heard = heard
        self._missed = missed
        self._unheard = unheard
        self._link: _Link | None = None
        self.down = False
        """Whether it was last waited for in vain, which nobody shall do twice."""
        self._connecting = asyncio.Lock()

    async def run(self, commands: Sequence[Command], *, again: bool = False) -> list[Any]:
        """Run commands; returns their replies in order, errors as `hiredis.ReplyError`.

        Raises `Ours` if the connection breaks: the commands may have run or not. `again` says that they may run twice:
        then a connection that had broken meanwhile is made anew, once.
        """
        link = self._link
        before = link is not None and link.transport is not None
        if link is None or link.transport is None:
            link = await self._connected()
        packed = b"".join(chain.from_iterable(map(pack, commands)))
        try:
            return await link.run(packed, len(commands))
        except Ours:
            self.down = link.given_up
            if not (again and before) or link.given_up:
                raise
        return await (await self._connected()).run(packed, len(commands))

    async def hold(self) -> None:
        """Connect and return when the connection is lost; raises `Ours`."""
        await (await self._connected()).lost.wait()

    async def subscribe(self) -> bool:
        """Subscribe what there is in `channels` and is not heard yet; returns whether anything was.

        Not while a batch is under way. What is refused stays unheard. Raises `Ours`.
        """
        if self._link is None or not (before := self.missing()):
            return False
        await self._link.subscribe(before)
        return self.missing() != before

    def missing(self) -> list[str]:
        """Return the channels that are not subscribed on the present connection."""
        known = self._link.channels if self._link is not None and self._link.transport is not None else set()
        return [channel for channel in self.channels if channel not in known]

    def close(self) -> None:
        """Hang up; the next `run` connects again."""
        if self._link is not None:
            self._link.abort()

    async def _connected(self) -> _Link:
        async with self._connecting:
            if self._link is None or self._link.transport is None:
                self._link = await self._connect()
                self.down = False
                self._missed()
            return self._link

    async def _connect(self) -> _Link:
        at, loop = self._location, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                if at.address.port:
                    tls = _tls(at)
                    _, link = await loop.create_connection(self._new, *at.address, ssl=tls)
                else:
                    _, link = await loop.create_unix_connection(self._new, at.address.host)
        except (OSError, TimeoutError) as error:
            self.down = isinstance(error, TimeoutError)
            raise unavailable() from None
        greetings = [*_login(at), *self._hello]
        try:
            replies = await link.run(b"".join(map(_pack, greetings)), len(greetings))
            replies += await link.subscribe(self.channels) if self.channels else ()
        except BaseException:
            self.down = link.given_up
            link.abort()
            raise
        if refused := [one for one in replies if isinstance(one, hiredis.ReplyError) and not is_moved(one)]:
            link.abort()
            _log.warning("store.refused", said=str(refused[0]).partition(" ")[0])
            raise Ours("store.unavailable", "Try again; if it stays so, check the user in TIERS_STORE_URL.")
        return link

    def _new(self) -> _Link:
        return _Link(self._heard, self._unheard)


def _login(at: Location) -> list[Command]:
    """Return HELLO (RESP3, with who we are) and SELECT as the URL asks."""
    who = ("AUTH", at.user or "default", at.password) if at.password else ()
    out: list[Command] = [("HELLO", "3", *who)]
    if at.database:
        out.append(("SELECT", at.database))
    return out


def _tls(at: Location) -> ssl.SSLContext | None:
    if not at.tls:
        return None
    context = ssl.create_default_context(cafile=at.files.get("ssl_ca_certs"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # on from Python 3.13: no CA that `openssl req -x509` makes passes
    if "ssl_certfile" in at.files:
        context.load_cert_chain(at.files["ssl_certfile"], at.files.get("ssl_keyfile"))
    return context
