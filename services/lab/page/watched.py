"""A desk that writes down what happens on it. The desk does the same as ever; the feed grows beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from tiers.device.client import Device
from tiers.device.store import Message
from tiers.lab.classroom.desk import Desk, Note, Sent, claims_of
from tiers.lab.page import events
from tiers.lab.page.feed import Feed
from tiers.lab.page.judging import Judging
from tiers.lab.page.observers import LedgerWatch, ProductWatch
from tiers.lab.page.scenes import Back
from tiers.lab.page.shapes import CUSTOMERS, declared_by, handsets, slug, vantages
from tiers.lab.world.cast import APPLICANT, HANDSETS, OPERATOR, handset, party
from tiers.lab.world.clock import Clock
from tiers.wire.api.auditor import Inspection
from tiers.wire.api.carrier import Served
from tiers.wire.api.court import Entry
from tiers.wire.api.enterprise import Opened, Order, OrderAnswer, Rotated
from tiers.wire.api.gateway import OrderAnswered as RegulatorAnswered
from tiers.wire.errors import Missing, TiersError
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.order import Order as RegulatorsOrder
from tiers.wire.lawful.warrant import Claims
from tiers.wire.log.policy import FILE, parse_policy
from tiers.wire.message.envelope import Service, format_envelope, parse_envelope
from tiers.wire.message.frames import Delivery
from tiers.wire.message.mail import read_mail
from tiers.wire.message.visible import visible

T = TypeVar("T")


class WatchedClock(Clock):
    """The classroom clock; the feed hears of every turn."""

    def __init__(self, clock: Clock, feed: Feed) -> None:
        super().__init__(clock.path)
        self._feed = feed

    def turn(self, minutes: int) -> int:
        """See `Clock`."""
        now = super().turn(minutes)
        self._feed.append(events.Turned(now))
        return now


class WatchedDesk(Desk):
    """The desk of the glass box."""

    def __init__(self, desk: Desk, feed: Feed) -> None:
        super().__init__(desk.world, desk.devices, desk._stack)  # noqa: SLF001 - the same desk, seen
        self.feed = feed
        self.sent, self.taps, self.sessions = desk.sent, desk.taps, desk.sessions
        self.warrants = desk.warrants
        self._people = desk._people  # noqa: SLF001 - the same
        self._log = LedgerWatch(self.as_(OPERATOR).peer("ledger"), feed)
        self._here: set[str] = set()
        self._claims: dict[str, Claims] = {}
        self._served: dict[str, ProductWatch] = {}
        self._early: dict[str, events.Stored] = {}
        self._accepted: dict[str, Sent] = {}
        self._written = 0
        self._judging = Judging(feed, self._in_force)

    def tell(self, title: str, text: str) -> None:
        """Write down what the story says."""
        self.feed.append(events.Told(slug(title), title, text))

    def asserted(self, cells: Sequence[tuple[str, str, str]], mids: dict[str, str]) -> None:
        """Write down which cells a scenario's act has measured."""
        self._judging.asserted(cells, mids)

    async def measure(self, only: str = "") -> None:
        """Attack every message since the lesson began, or the one with the mid `only`; write down what was found."""
        from tiers.lab.page.measuring import measure  # noqa: PLC0415 - a classroom starts without the attack

        messages = {sent.key: sent for sent in self.sent if sent.mid in self._here and only in {"", sent.mid}}
        if not messages:
            raise Missing("lab.nothing", "Send a message first: there is nothing to attack.")
        found = await measure(self, messages, list(self._served), self._judging.declared)
        self.feed.append(found)
        self._judging.measured(found.cells)

    async def send(self, note: Note, key: str = "", *, own: bool = False) -> Sent:
        """See `Desk`; the copies that a warrant brings are waited for."""
        self._written += 1
        key = key or f"m{self._written}"
        kind = note.channel.value, note.service.value
        self.feed.append(events.Written(key, note.sender, note.to, *kind, note.text, note.subject))
        sent = await self._try("relay", "send", key, super().send(note, key, own=own))
        self.feed.append(events.Accepted(key, sent.mid, format_envelope(sent.envelope).decode()))
        self._here.add(sent.mid)
        self._judging.passes(note.sender, note.to, sent.envelope)
        self._accepted[sent.mid] = sent
        if (stored := self._early.pop(sent.mid, None)) is not None:
            self._write_stored(stored)
        await asyncio.gather(*(self._served[jti].wait_for(sent.mid) for jti in self._standing(sent)))
        return sent

    async def received(self, name: str, mid: str = "") -> Message:
        """See `Desk`."""
        got = await super().received(name, mid)
        self.feed.append(events.Opened(got.mid, name, _text(got), got.unreadable))
        return got

    async def command(self, regulator: Identity, order: RegulatorsOrder, key: SigningKey) -> RegulatorAnswered:
        """See `Desk`."""
        answer = await self._try("relay", "command", order.jti, super().command(regulator, order, key))
        await self._wrote(
            events.Commanded(
                regulator.name,
                order.jti,
                order.kind.value,
                tuple(order.channels),
                tuple(order.services),
                order.nbf * 1000,
                order.lifts,
                answer.outcome.value,
            )
        )
        return answer

    async def apply(self, target: str, services: tuple[Service, ...], minutes: int, after: int = 0) -> str:
        """See `Desk`."""
        jti = await self._try("court", "apply", target, super().apply(target, services, minutes, after))
        entry = await self.as_(APPLICANT).peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)
        self._claims[jti] = claims_of(entry.warrant)
        await self._wrote(events.Applied(target, self._claims[jti]))
        return jti

    async def decide(self, jti: str, verb: str, reason: str = "") -> Entry:
        """See `Desk`."""
        entry = await self._try("court", "decide", jti, super().decide(jti, verb, reason))
        await self._wrote(events.Decided(jti, verb, entry.status.value, reason))
        return entry

    async def serve(self, jti: str) -> Served:
        """See `Desk`."""
        served = await self._try("carrier", "serve", jti, super().serve(jti))
        carrier = self.as_(party("auditor").identity).peer("carrier")
        copied = partial(self._judging.copied, target=self._target(jti))
        self._served[jti] = ProductWatch(carrier, self.feed, jti, copied)
        await self._wrote(events.Served(jti, served.liid, served.leaf))
        return served

    async def inspect(self, jti: str, start: int | None = None, until: int | None = None) -> Inspection:
        """See `Desk`."""
        found = await self._try("auditor", "inspect", jti, super().inspect(jti, start, until))
        window, now = self._claims[jti].window, self.world.clock.now()
        asked = window.start if start is None else start
        end = max(min(window.until, now - now % EPOCH_MS), asked) if until is None else until
        await self._wrote(events.Inspected(jti, asked, end, found))
        if not found.grant_refused:
            self._judging.granted(self._target(jti), asked, end)
        return found

    async def read(self, org: str, mid: str) -> Opened:
        """See `Desk`."""
        opened = await self._try(CUSTOMERS.get(org, org), "read", mid, super().read(org, mid))
        self.feed.append(events.Read(org, mid, opened.content))
        return opened

    async def order(self, org: str, order: Order) -> OrderAnswer:
        """See `Desk`."""
        answer = await self._try(CUSTOMERS.get(org, org), "order", org, super().order(org, order))
        mids = tuple(one.mid for one in answer.messages)
        await self._wrote(events.Ordered(org, answer.decision.value, answer.leaf, mids))
        return answer

    async def revoke(self, org: str, name: str) -> None:
        """See `Desk`."""
        await self._try(CUSTOMERS.get(org, org), "revoke", name, super().revoke(org, name))
        self.feed.append(events.Revoked(org, name))

    async def rotate(self, org: str, *, destroy: bool) -> Rotated:
        """See `Desk`."""
        rotated = await self._try(CUSTOMERS.get(org, org), "rotate", org, super().rotate(org, destroy=destroy))
        self.feed.append(events.Rotated(org, rotated.generation, rotated.destroyed))
        return rotated

    async def reset(self) -> None:
        """Begin the lesson again: the judge cancels what still stands, and the page goes back to its first picture."""
        now = self.world.clock.now()
        for jti, claims in self._claims.items():
            if jti in self._served and now < claims.window.until:
                await super().decide(jti, "cancellation", "the lesson begins again")
        self._claims.clear()
        self._served.clear()
        self._here.clear()
        await self._wrote(events.Reset())

    def leave(self) -> None:
        """Write nothing down until `back`: the page shows another world."""
        self._log.silent = True

    async def back(self) -> None:
        """Show the classroom again, as it was."""
        self._log.silent, self.feed.clock = False, self.world.clock.now
        await self._wrote(Back())

    async def look(self) -> None:
        """Follow the public log for ever."""
        await self._log.keep_looking()

    def watch(self, name: str, device: Device) -> None:
        """See what reaches a handset, byte by byte, before the handset does."""
        receive = device._receive  # noqa: SLF001 - the glass box sees what no interface shows

        async def seen(message: Delivery) -> bool:
            self._arrived(name, bytes(message.envelope))
            return await receive(message)

        device._receive = seen  # type: ignore[method-assign]  # noqa: SLF001 - same

    def _arrived(self, name: str, raw: bytes) -> None:
        mid = parse_envelope(raw).header.mid
        stored = events.Stored(mid, name, raw.decode())
        if mid in self._accepted:
            self._write_stored(stored)
        else:  # delivered before the sender heard that it was accepted
            self._early[mid] = stored

    def _write_stored(self, stored: events.Stored) -> None:
        sent = self._accepted.pop(stored.mid)
        raw = stored.envelope.encode() if stored.envelope is not None else b""
        same = raw == format_envelope(sent.envelope)
        self.feed.append(events.Stored(stored.mid, stored.by, None if same else stored.envelope))
        self._judging.passes(sent.note.sender, sent.note.to, parse_envelope(raw))

    def _target(self, jti: str) -> str:
        return handset_of(self._claims[jti].sub)

    def _in_force(self) -> frozenset[str]:
        now = self.world.clock.now() // 1000
        return frozenset(self._target(jti) for jti in self._served if now < self._claims[jti].exp)

    def _standing(self, sent: Sent) -> list[str]:
        head = sent.envelope.header
        return [
            jti
            for jti, claims in self._claims.items()
            if jti in self._served
            and claims.sub in {head.sender, head.to}
            and claims.window.start <= head.ts < claims.window.until
            and head.service in claims.services
        ]

    async def _try(self, by: str, act: str, about: str, doing: Awaitable[T]) -> T:
        try:
            return await doing
        except TiersError as error:
            await self._wrote(events.Refused(by, act, about, error.code, error.detail))
            raise

    async def _wrote(self, event: events.Event) -> None:
        """Write an act down, and then what it left in the public log."""
        self.feed.append(event)
        await self._log.look()


def handset_of(pin: str) -> str:
    """Return whose PIN this is."""
    return next(person.name for person in HANDSETS if person.pin == pin)


def _text(message: Message) -> str | None:
    if message.content is None:
        return None
    if message.service == Service.EMAIL:
        return visible(read_mail(message.content).text)
    return visible(message.content.decode(errors="replace"))


@asynccontextmanager
async def watched(desk: Desk, feed: Feed | None = None) -> AsyncIterator[WatchedDesk]:
    """Open the glass box over a desk: from now on everything is written down, on a log of its own or on `feed`."""
    world = desk.world
    feed = feed or Feed(world.clock.now)
    feed.clock = world.clock.now
    pinned = parse_policy((world.root / "trust" / FILE).read_text(encoding="ascii")).pinned
    witnesses = tuple(key.vkey() for key in pinned.witnesses)
    keys = pinned.log.vkey(), witnesses, pinned.quorum
    feed.append(events.World(vantages(), handsets(), CUSTOMERS, *keys, declared_by(world.arrangement)))
    world.clock = WatchedClock(world.clock, feed)
    seen = WatchedDesk(desk, feed)
    for name, device in desk.devices.items():
        seen.watch(handset(name).name, device)
    looking = asyncio.create_task(seen.look())
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
