"""One session: the conversation with a device, over a WebSocket (rules: docs/spec/session.md).

    -> send        <- accepted | refused       at most MAX_UNDECIDED of them without an answer, then we stop reading
    <- deliver     -> ack                      at most a window of them without an ack, then we stop reading back
    <- drained                                 when all is acknowledged; at most once a minute
    <- bye                                     replaced, revoked, stopping, or the device broke the grammar

A session has one writer, and only it writes: what others have for the device waits in bounded lists until the peer has
read what came before, so a slow reader holds up nobody but itself. Who it is was proved before (`sessions`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from tiers.chassis.background import wanted
from tiers.gateway.devices import Registry
from tiers.gateway.mailbox.promises import Message, Removal
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.orders import InForce
from tiers.gateway.path.delivery import Delivery, Submission
from tiers.gateway.path.intake import Intake, mid_of
from tiers.gateway.path.window import Window
from tiers.gateway.processes.bus import Bus
from tiers.wire.errors import TiersError, TooLarge, Yours
from tiers.wire.identity import Identity
from tiers.wire.message.envelope import parse_envelope
from tiers.wire.message.frames import (
    MAX_FRAME,
    Accepted,
    Ack,
    Bye,
    Drained,
    FromDevice,
    Refused,
    Send,
    envelope_in,
    format_deliver,
    parse_from_device,
)

_encode = msgspec.json.encode
MAX_UNDECIDED = 64
MAX_UNDECIDED_BYTES = 1024 * 1024
BYE_SECONDS = 2.0
DRAINED_MS = 60_000

Socket = web.WebSocketResponse


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What every session needs. `clock` is ms since 1970."""

    identity: Identity
    registry: Registry
    intake: Intake
    delivery: Delivery
    mailboxes: Mailboxes
    clock: Callable[[], int]
    metrics: Metrics
    bus: Bus
    orders: InForce


class Session:
    def __init__(self, pin: str, socket: Socket, context: SessionContext) -> None:
        self._pin = pin
        self._socket = socket
        self._context = context
        self._window = Window()
        self._wake = asyncio.Event()
        self._wake.set()
        self._room = asyncio.Event()
        self._ended: asyncio.Future[TiersError] = asyncio.get_running_loop().create_future()
        self._decided = asyncio.Event()
        self._decided.set()
        self._under_way = 0  # sends without an outcome
        self._unsaid = 0  # sends whose outcome the device has not been told, or that have none
        self._unsaid_bytes = 0
        self._accepted: list[str] = []
        self._refused: list[Refused] = []
        self._deliver: list[Message] = []
        self._told_bytes = 0
        self._next_drained = 0
        self._kept = False  # something stays in the mailbox by a regulator's order, so it is never said to be drained

    def accepted(self, item: Submission) -> None:
        self._accepted.append(item.parsed.header.mid)
        self._settle(item.size)

    def refused(self, item: Submission, error: TiersError) -> None:
        self._refuse(item.parsed.header.mid, error, item.size)

    def stored(self, message: Message) -> None:
        """Push, if the device has all that came before and room for more (delivery.Receiver)."""
        if self._keeps(message):
            return
        if self._window.push(message):
            self._deliver.append(message)
        self._wake.set()

    def changed(self) -> None:
        """Look into the mailbox again (delivery.Receiver)."""
        self._window.changed()
        self._wake.set()

    def tick(self, now: int) -> None:
        if now >= self._next_drained and self._window.drained:
            self._wake.set()

    def end(self, error: TiersError) -> None:
        """End the session: what is under way is answered first, then comes the bye."""
        if not self._ended.done():
            self._ended.set_result(error)

    async def run(self) -> None:
        ends: list[asyncio.Future[Any]] = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        await asyncio.wait([*ends, self._ended], return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        for result in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(result, TiersError):
                self.end(result)
            elif isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result
        if self._ended.done():
            await self._finish(self._ended.result())

    async def _finish(self, error: TiersError) -> None:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(BYE_SECONDS):
                await self._decided.wait()
                await self._flush()
                await say_bye(self._socket, error)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                raise Yours("frame.malformed", "Send each frame as one WebSocket text message.")
            if not self._take_at_once(message.data):
                await self._take(parse_frame(message.data))
            while self._unsaid >= MAX_UNDECIDED or self._unsaid_bytes >= MAX_UNDECIDED_BYTES:
                self._room.clear()
                await self._room.wait()

    def _take_at_once(self, frame: bytes) -> bool:
        """Take what nearly every frame is: a compact `send` between known devices. Any other is left as it is."""
        raw = envelope_in(frame)
        if raw is None:
            return False
        try:
            parsed = parse_envelope(raw)
        except TiersError:
            return False
        try:
            taken = self._context.intake.take_known(self._pin, parsed, raw, self)
        except TiersError as error:
            self._begin(len(raw))
            self._turn_away(parsed.header.mid, error, len(raw))
            return True
        if taken:
            self._begin(len(raw))
        return taken

    async def _take(self, frame: FromDevice) -> None:
        if isinstance(frame, Send):
            await self._send(bytes(frame.envelope))
        elif isinstance(frame, Ack):
            self._ack(frame)
        else:
            raise Yours("frame.unexpected", "Say hello once: this session is open already.")

    async def _send(self, raw: bytes) -> None:
        self._begin(len(raw))
        try:
            await self._context.intake.take(self._pin, raw, self)
        except TiersError as error:
            self._turn_away(mid_of(raw), error, len(raw))

    def _begin(self, size: int) -> None:
        self._under_way += 1
        self._unsaid += 1
        self._unsaid_bytes += size
        self._decided.clear()

    def _turn_away(self, mid: str, error: TiersError, size: int) -> None:
        self._context.metrics.refused.labels(error.code).inc()
        self._refuse(mid, error, size)

    def _refuse(self, mid: str, error: TiersError, size: int) -> None:
        self._refused.append(Refused(mid, error.code, error.detail))
        self._settle(size)

    def _settle(self, size: int) -> None:
        self._told_bytes += size
        self._under_way -= 1
        if self._under_way == 0:
            self._decided.set()
        self._wake.set()

    def _ack(self, frame: Ack) -> None:
        places, octets = self._window.acknowledge(frame.ids)
        if places:
            self._context.metrics.delivered.inc(len(places))
            self._context.delivery.acknowledge(Removal(self._pin, places, octets))
            if not self._window.level:
                self._wake.set()  # there is room to read back
            elif self._window.drained:
                self.tick(self._context.clock())

    async def _write(self) -> None:
        while wanted():
            await self._wake.wait()
            self._wake.clear()
            if asked := self._window.wants():
                mark = self._window.mark
                read = await self._context.mailboxes.read(self._pin, self._window.after, asked)
                self._deliver += self._window.read_back(read, asked, mark, self._keeps)
                if self._window.wants():
                    self._wake.set()
            await self._flush()

    def _keeps(self, message: Message) -> bool:
        """Whether a message of a suspended service stays in the mailbox."""
        orders = self._context.orders
        if not (orders.suspensions and orders.holds(message.envelope, self._context.clock())):
            return False
        self._kept = True
        return True

    async def _flush(self) -> None:
        told, size = len(self._accepted) + len(self._refused), self._told_bytes
        self._told_bytes = 0
        for frame in self._frames():
            await self._socket.send_frame(frame, WSMsgType.TEXT)
        if told:
            self._unsaid -= told
            self._unsaid_bytes -= size
            self._room.set()

    def _frames(self) -> list[bytes]:
        """Take what there is to say, one frame of each kind."""
        out: list[bytes] = []
        if self._accepted:
            out.append(_encode(Accepted(tuple(self._accepted))))
            self._accepted.clear()
        if self._refused:
            out.extend(map(_encode, self._refused))
            self._refused.clear()
        if self._deliver:
            out.append(format_deliver((one.id, one.envelope) for one in self._deliver))
            self._deliver.clear()
        if self._window.drained and not self._kept and (now := self._context.clock()) >= self._next_drained:
            self._next_drained = now + DRAINED_MS
            out.append(_encode(Drained(self._context.delivery.horizon(now))))
        return out


def parse_frame(raw: bytes) -> FromDevice:
    """Read a frame; raises `Yours`."""
    if len(raw) > MAX_FRAME:
        raise TooLarge("frame.too_large", f"Send frames of at most {MAX_FRAME} bytes.")
    return parse_from_device(raw)


async def say_bye(socket: Socket, error: TiersError) -> None:
    await socket.send_frame(_encode(Bye(error.code, error.detail)), WSMsgType.TEXT)
    await socket.close(message=error.code.encode())
