"""Regulators' orders at the relay: what is suspended, what is kept, and what a demand is answered with.

    regulator -> POST /v1/orders   a signed order       <- what was done, logged first
    anyone    -> GET  /v1/orders   the orders in force, as they were signed

A suspended service is refused with 451 (RFC 7725) and the order's reference. What waits for a handset is kept and is
delivered when the order is withdrawn. A demand for contents is answered with the list of those who hold a key: the
relay is not on it. It opens nothing and could not. Spec page: docs/spec/order.md.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping

import msgspec
import structlog
from aiohttp import web

from tiers.chassis.background import every
from tiers.chassis.outside import Outside
from tiers.chassis.web import Route, body
from tiers.gateway.channels import Arrangement
from tiers.gateway.processes.bus import Bus
from tiers.wire.api.gateway import Answer, OrderAnswered, OrdersInForce, ReadersOf, ServeOrder, Specimen
from tiers.wire.encoding import b64u, parse_own
from tiers.wire.errors import Conflict, Forbidden, Missing, Suspended, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.lawful.order import Kind, Order, VerifiedOrder, verify_order
from tiers.wire.log.leaf import SALT_BYTES, Leaf, Seal
from tiers.wire.message.envelope import Channel, Envelope, Protected, parse_envelope

_log = structlog.get_logger()
ORDERS = "gateway:orders"
"""A hash on disk: reference -> `Record`."""
_WITH_WARRANT = ("carrier/", "escrow/", "global/")
_DETAIL = {
    Answer.SUSPENDED: "order.suspended",
    Answer.WITHDRAWN: "order.withdrawn",
    Answer.NOT_HELD: "order.not_held",
    Answer.BY_WARRANT: "order.by_warrant",
}
SENTENCES = {
    Answer.SUSPENDED: "Suspended from the date in the order; what waits in mailboxes is kept.",
    Answer.WITHDRAWN: "Withdrawn; what was kept is being delivered.",
    Answer.NOT_HELD: "Nobody at the provider holds a key to these contents: only the readers below do.",
    Answer.BY_WARRANT: "The relay holds no key; the readers below who answer to warrants are the ones to serve.",
}


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order on disk, verified when it came: what it says, as it was signed, and which order lifted it."""

    order: Order
    token: str
    lifted: str = ""


# ---- pure: the orders in force and what follows ----


class InForce:
    """The suspensions in force, by reference, and the last message of each channel. The hot path asks this alone."""

    def __init__(self) -> None:
        self.suspensions: dict[str, Order] = {}
        self._seen: dict[Channel, Envelope] = {}

    def check(self, header: Protected, now: int) -> Protected:
        """Return the header of a message whose service is carried at `now` (ms); raises `Suspended`."""
        if order := self._suspending(header, now):
            what = f"{header.channel} {header.service} is suspended in {order.jurisdiction}"
            raise Suspended("order.suspended", f"Wait until order {order.jti} of {order.iss} is withdrawn: {what}.")
        return header

    def holds(self, envelope: bytes, now: int) -> bool:
        """Whether a stored message is kept back at `now` (ms)."""
        try:
            return bool(self.suspensions) and self._suspending(parse_envelope(envelope).header, now) is not None
        except TiersError:  # what cannot be read holds up nothing behind it
            return False

    def saw(self, envelope: Envelope) -> None:
        """Remember the last message of a channel: its recipients are the answer to a demand."""
        self._seen[envelope.header.channel] = envelope

    def specimens(self, channels: Iterable[Channel]) -> tuple[Specimen, ...]:
        """Show who could read the last message of each channel."""
        seen = (self._seen[channel] for channel in channels if channel in self._seen)
        return tuple(
            Specimen(one.header.mid, one.header.channel, tuple(r.header.kid for r in one.jwe.recipients))
            for one in seen
        )

    def _suspending(self, header: Protected, now: int) -> Order | None:
        for order in self.suspensions.values():
            if order.suspends(header, now):
                return order
        return None


def answer_to(order: VerifiedOrder, arrangement: Arrangement) -> Answer:
    """Say what an order comes to: a demand is met by a warrant where a carrier holds a key, and by nobody elsewhere."""
    if order.order.kind is Kind.SUSPEND:
        return Answer.SUSPENDED
    if order.order.kind is Kind.WITHDRAW:
        return Answer.WITHDRAWN
    readers = [kid for one in readers_of(order.order.channels, arrangement) for kid in one.patterns]
    return Answer.BY_WARRANT if any(kid.startswith(_WITH_WARRANT) for kid in readers) else Answer.NOT_HELD


def readers_of(channels: Iterable[Channel], arrangement: Arrangement) -> tuple[ReadersOf, ...]:
    """Name the readers that the relay insists on, for each channel."""
    rules = {Channel.CONSUMER: arrangement.consumer, Channel.ENTERPRISE: arrangement.enterprise}
    return tuple(ReadersOf(channel, tuple(rules[channel].patterns.replace(" | ", " ").split())) for channel in channels)


def check_new(order: VerifiedOrder, known: Mapping[str, Record]) -> VerifiedOrder:
    """Return an order that may take effect; raises `Conflict` or `Missing`.

    1. A reference is used once. 2. What it lifts stands, and is the same regulator's.
    """
    claims = order.order
    if claims.jti in known:  # 1
        raise Conflict("order.known", "Give each order a reference of its own: this one was served before.")
    if claims.lifts is not None:  # 2
        earlier = known.get(claims.lifts)
        if earlier is None or claims.lifts not in in_force(known) or earlier.order.iss != claims.iss:
            raise Missing("order.unknown", "Lift a suspension of your own that is still in force.")
    return order


def in_force(known: Mapping[str, Record]) -> dict[str, Record]:
    return {jti: one for jti, one in known.items() if one.order.kind is Kind.SUSPEND and not one.lifted}


# ---- thin I/O ----


class Docket:
    """The orders of one relay, on disk and in force. It says `lifted` on the bus before a suspension ends."""

    def __init__(self, outside: Outside, arrangement: Arrangement, bus: Bus) -> None:
        self._bus = bus
        self._news = asyncio.Event()
        bus.on("orders", lambda _about: self._news.set())
        bus.on_missed(self._news.set)
        self._store = bus.store
        self._outside = outside
        self._arrangement = arrangement
        self._lock = asyncio.Lock()
        self._known: dict[str, Record] = {}
        self.in_force = InForce()

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/orders", {Role.REGULATOR}, self._serve, "serve a regulator's order"),
            Route("GET", "/v1/orders", {Role.ANYONE}, self._list, "the orders in force, as signed"),
        ]

    async def load(self) -> None:
        """Read the orders from disk; raises `Ours`."""
        raw: dict[bytes, bytes] = await self._store.ask("HGETALL", ORDERS)
        for jti, one in raw.items():
            try:
                self._known[jti.decode()] = parse_own(Record, one, "order.record")
            except TiersError as error:  # the others are in force all the same
                _log.error("order.not_restored", reference=jti.decode(errors="replace"), code=error.code)
        self._take_effect()

    async def keep(self) -> None:
        """Read the orders again when another process was served one, until cancelled."""
        await every(None, self._reread, self._news)

    async def _reread(self) -> None:
        async with self._lock:
            before = set(self.in_force.suspensions)
            await self.load()
        if before - set(self.in_force.suspensions):
            self._bus.say("lifted")

    async def _serve(self, caller: Identity, request: web.Request) -> OrderAnswered:
        token = (await body(request, ServeOrder)).order
        relay, where = self._outside.author.party.name, self._outside.author.jurisdiction
        order = verify_order(token, self._outside.trust().regulators, relay, where)
        if order.order.iss != caller.name:
            raise Forbidden("order.caller", "Serve your own orders, with your own certificate.")
        async with self._lock:
            return await self._carry_out(check_new(order, self._known))

    async def _carry_out(self, order: VerifiedOrder) -> OrderAnswered:
        """Log it, write it down, let it take effect, answer."""
        claims, outcome = order.order, answer_to(order, self._arrangement)
        logged = await self._outside.ledger.append(self._leaf(order, outcome))
        records = {claims.jti: Record(claims, order.token)}
        if claims.lifts is not None:
            records[claims.lifts] = msgspec.structs.replace(self._known[claims.lifts], lifted=claims.jti)
        fields = [part for jti, one in records.items() for part in (jti, msgspec.json.encode(one))]
        await self._store.ask("HSET", ORDERS, *fields)
        self._known |= records
        if claims.lifts is not None:
            self._bus.say("lifted")  # first: whoever was kept waiting reads its mailbox from the start
        self._take_effect()
        await self._bus.tell("orders")
        _log.info("order.answered", reference=claims.jti, outcome=outcome, leaf=logged.index)
        shown = self.in_force.specimens(claims.channels) if claims.kind is Kind.DEMAND else ()
        readers = readers_of(claims.channels, self._arrangement)
        return OrderAnswered(claims.jti, outcome, SENTENCES[outcome], logged.index, readers, shown)

    async def _list(self, _caller: Identity, _request: web.Request) -> OrdersInForce:
        return OrdersInForce(tuple(one.token for one in in_force(self._known).values()))

    def _take_effect(self) -> None:
        self.in_force.suspensions = {jti: one.order for jti, one in in_force(self._known).items()}

    def _leaf(self, order: VerifiedOrder, outcome: Answer) -> Leaf:
        seal = Seal(os.urandom(SALT_BYTES), order.order.jti, order.digest)
        _log.info("order.sealed", reference=order.order.jti, salt=b64u(seal.salt))
        now, commitment = self._outside.clock(), seal.commit()
        return self._outside.author.leaf("order.answered", now, order.order.iss, commitment, detail=_DETAIL[outcome])
