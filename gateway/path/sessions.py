"""All open sessions: who may have one, and what happens to them from outside (rules: docs/spec/session.md).

    <- challenge   -> hello   <- welcome       who is it: Ed25519 over the challenge, once

One live session for a PIN, in all processes of the relay together.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from tiers.chassis.background import every
from tiers.gateway.mailbox.promises import KEEP_MS
from tiers.gateway.path.session import BYE_SECONDS, Session, SessionContext, Socket, parse_frame, say_bye
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Forbidden, Ours, TiersError, Unauthenticated, Yours
from tiers.wire.message.frames import MAX_FRAME, Challenge, Hello, Welcome, session_message

_encode = msgspec.json.encode
HELLO_SECONDS = 10.0
HEARTBEAT_SECONDS = 30.0


class Sessions:
    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._live: dict[str, Session] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._closing = False
        context.bus.on("stored", self.look)
        context.bus.on("opened", self._opened_elsewhere)
        context.bus.on("changed", self.changed)
        context.bus.on("lifted", self._reopen)
        context.bus.on_missed(self._look_at_all)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /v1/session`: hold one session from challenge to bye; raises `Yours` for anything else."""
        socket = Socket(
            timeout=BYE_SECONDS,
            heartbeat=HEARTBEAT_SECONDS,
            compress=False,
            max_msg_size=2 * MAX_FRAME,
            decode_text=False,
        )
        if not _is_upgrade(socket, request):
            raise Yours("session.upgrade", "Open this address as a WebSocket (RFC 6455).")
        if self._closing:
            raise _stopping()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in a task
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await socket.prepare(request)
        try:
            with suppress(ConnectionError):
                await self._converse(socket)
        finally:
            if request.transport is not None and not socket.closed:
                request.transport.abort()  # whoever did not read the bye in time
        return socket

    async def _converse(self, socket: Socket) -> None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                pin = await self._authenticate(socket)
                await self._context.mailboxes.expire(pin, KEEP_MS)
        except TimeoutError:
            detail = f"Answer the challenge within {HELLO_SECONDS:.0f} s."
            await say_bye(socket, Unauthenticated("session.hello", detail))
            return
        except TiersError as error:
            await say_bye(socket, error)
            return
        session = Session(pin, socket, self._context)
        if before := self._live.get(pin):
            before.end(_replaced())
        self._live[pin] = session
        self._context.delivery.arrived(pin, session)
        try:
            await self._context.bus.tell("opened", pin)
            await socket.send_frame(_encode(Welcome(self._context.clock())), WSMsgType.TEXT)
            await session.run()
        except Ours as error:
            await say_bye(socket, error)
        finally:
            if self._live.get(pin) is session:
                del self._live[pin]
                self._context.delivery.left(pin)

    async def _authenticate(self, socket: Socket) -> str:
        """Return the PIN that proved its key on a fresh challenge; raises `Yours`."""
        nonce = b64u(os.urandom(32))
        await socket.send_frame(_encode(Challenge(nonce)), WSMsgType.TEXT)
        message = await socket.receive()
        if message.type is not WSMsgType.TEXT:
            raise Unauthenticated("session.hello", "Answer the challenge with a hello frame.")
        hello = parse_frame(message.data)
        if not isinstance(hello, Hello):
            raise Unauthenticated("session.hello", "Answer the challenge with a hello frame.")
        signature = unb64u(hello.signature, "session.signature")
        key = await self._context.registry.key(hello.pin)
        key.verify(signature, session_message(self._context.identity, nonce, hello.pin), "session.signature")
        return hello.pin

    def end(self, pin: str, error: TiersError) -> None:
        if session := self._live.get(pin):
            session.end(error)

    def look(self, pin: str) -> None:
        if session := self._live.get(pin):
            session.changed()

    def _look_at_all(self) -> None:
        for session in self._live.values():
            session.changed()

    def _opened_elsewhere(self, pin: str) -> None:
        self.end(pin, _replaced())

    def changed(self, pin: str) -> None:
        """End the session of a PIN: what is registered for it changed."""
        self._context.registry.forget(pin)
        self.end(pin, Forbidden("session.rekeyed", "Open a session again: what is registered for this PIN changed."))

    def _reopen(self, _about: str) -> None:
        """End every session, so that each device reads its mailbox from the start again."""
        for session in self._live.values():
            session.end(_stopping())

    def count(self) -> int:
        return len(self._live)

    async def keep(self) -> None:
        """Say `drained` once a minute to whoever is, until cancelled."""
        await every(1, self._tick)

    async def _tick(self) -> None:
        now = self._context.clock()
        for session in self._live.values():
            session.tick(now)

    async def close(self) -> None:
        self._closing = True
        for session in self._live.values():
            session.end(_stopping())
        if self._running:
            await asyncio.wait(self._running, timeout=3 * BYE_SECONDS)


def _is_upgrade(socket: Socket, request: web.Request) -> bool:
    try:
        return bool(socket.can_prepare(request))
    except ValueError:  # aiohttp fails on a header that is not ASCII
        return False


def _replaced() -> Forbidden:
    return Forbidden("session.replaced", "Another session was opened for this PIN; this one is over.")


def _stopping() -> Ours:
    return Ours("gateway.unavailable", "Connect again in a second: the relay is restarting.")
