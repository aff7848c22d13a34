"""What can be asked of a running classroom, by the command line and by the page: one method for each `/api/<name>`."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from services.lab.cast import ADMINISTRATORS, OPERATOR, handset
from services.lab.desk import Note
from services.lab.page.door import Door
from services.lab.page.watched import WatchedDesk
from services.lab.story import play
from services.wire.api.enterprise import Order, Reason
from services.wire.chassis.web import body
from services.wire.envelope import Channel, Service
from services.wire.errors import Missing, Yours
from services.wire.warrant import Window

MAX_MINUTES = 24 * 60


class SendNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`send`."""

    sender: str
    to: str
    channel: Channel
    service: Service
    text: str
    subject: str = ""


class ApplyFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`apply`: a warrant on a handset for so many minutes, from now or `after` minutes later."""

    target: str
    services: tuple[Service, ...]
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES)]
    after: Annotated[int, Meta(ge=0, le=MAX_MINUTES)] = 0


class Warrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`decide` (`verb`), `serve` and `inspect` name a warrant; `inspect` may name a window (ms since 1970)."""

    jti: str
    verb: str = ""
    reason: str = ""
    start: int | None = None
    until: int | None = None


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`turn`: the classroom clock, minutes forward."""

    minutes: int


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`read`: a customer's own message."""

    org: str
    mid: str


class OrderFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`order`: one message (`mid`), or what a handset sent and received within `window` (ms since 1970)."""

    org: str
    reference: str
    reason: Reason
    mid: str | None = None
    handset: str | None = None
    window: Window | None = None


class RevokeDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`revoke`: a device of a customer's own."""

    org: str
    handset: str


class RotateKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rotate`: a customer's key; `destroy` is the kill switch."""

    org: str
    destroy: bool = False


class Prove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prove`: that a leaf stands in the tree of `size` leaves."""

    index: Annotated[int, Meta(ge=0)]
    size: Annotated[int, Meta(ge=0)]


@dataclass(slots=True)
class Acts:
    """The acts. What changes the whole lesson (the story, the attack, the beginning) is done one at a time."""

    desk: WatchedDesk
    door: Door
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, request: web.Request) -> Any:
        """Send a message between two handsets and wait until the receiver has it."""
        ask = await body(request, SendNote)
        note = Note(_known(ask.sender), _known(ask.to), ask.channel, ask.service, ask.text, ask.subject)
        sent = await self.desk.send(note)
        got = await self.desk.received(note.to)
        return {"mid": sent.mid, "opened": got.content is not None, "unreadable": got.unreadable}

    async def apply(self, request: web.Request) -> Any:
        """Apply for a warrant."""
        ask = await body(request, ApplyFor)
        return {"jti": await self.desk.apply(_known(ask.target), ask.services, ask.minutes, ask.after)}

    async def decide(self, request: web.Request) -> Any:
        """Have the judge decide."""
        ask = await body(request, Warrant)
        return await self.desk.decide(ask.jti, ask.verb, ask.reason)

    async def serve(self, request: web.Request) -> Any:
        """Serve a warrant."""
        return await self.desk.serve((await body(request, Warrant)).jti)

    async def inspect(self, request: web.Request) -> Any:
        """Inspect."""
        ask = await body(request, Warrant)
        return await self.desk.inspect(ask.jti, ask.start, ask.until)

    async def read(self, request: web.Request) -> Any:
        """Read as the customer."""
        ask = await body(request, Read)
        return await self.desk.read(_customer(ask.org), ask.mid)

    async def order(self, request: web.Request) -> Any:
        """Have the court serve a production order."""
        ask = await body(request, OrderFrom)
        pin = handset(_known(ask.handset)).pin if ask.handset else None
        return await self.desk.order(_customer(ask.org), Order(ask.reference, ask.reason, ask.mid, pin, ask.window))

    async def revoke(self, request: web.Request) -> Any:
        """Revoke a device."""
        ask = await body(request, RevokeDevice)
        await self.desk.revoke(_customer(ask.org), _known(ask.handset))
        return {}

    async def rotate(self, request: web.Request) -> Any:
        """Rotate a customer's key."""
        ask = await body(request, RotateKey)
        return await self.desk.rotate(_customer(ask.org), destroy=ask.destroy)

    async def turn(self, request: web.Request) -> Any:
        """Turn the classroom clock."""
        ask = await body(request, Turn)
        if not 1 <= ask.minutes <= MAX_MINUTES:
            raise Yours("lab.turn", "Turn the clock forward by 1 minute to 24 hours.")
        return {"now": self.desk.world.clock.turn(ask.minutes)}

    async def prove(self, request: web.Request) -> Any:
        """Fetch an inclusion proof from the ledger, as anybody may."""
        ask = await body(request, Prove)
        ledger = self.desk.as_(OPERATOR).peer("ledger")
        return await ledger.ask("GET", f"/v1/proofs/inclusion?index={ask.index}&size={ask.size}", msgspec.Raw)

    async def story(self, _request: web.Request) -> Any:
        """Play the story of `tiers demo`."""
        async with self._alone:
            self.desk.story = await play(self.desk, self.desk.tell)
        return {"messages": len(self.desk.story.messages)}

    async def measure(self, _request: web.Request) -> Any:
        """Attack the bytes that every party really holds."""
        async with self._alone:
            if self.desk.story is None:
                raise Missing("lab.story", "Play the story first: its messages are what the attack is after.")
            from services.lab.matrix import measure  # noqa: PLC0415 - a classroom starts without the attack

            matrix = await measure(self.desk, self.desk.story)
            self.desk.measured(matrix, self.desk.story)
        return matrix.agreement

    async def reset(self, _request: web.Request) -> Any:
        """Begin the lesson again."""
        async with self._alone:
            await self.desk.reset()
        return {}

    async def invite(self, _request: web.Request) -> Any:
        """Return an address that lets one more browser in, once."""
        return {"address": self.door.invite()}


NAMES = (
    "send", "apply", "decide", "serve", "inspect", "read", "order", "revoke", "rotate", "turn",
    "prove", "story", "measure", "reset", "invite",
)  # fmt: skip


def _customer(org: str) -> str:
    if org not in ADMINISTRATORS:
        raise Missing("lab.customer", f"Name a customer of the classroom: {', '.join(ADMINISTRATORS)}.")
    return org


def _known(name: str) -> str:
    try:
        return handset(name).name
    except StopIteration:
        raise Missing("lab.handset", "Name a handset of the classroom, such as alice.") from None
