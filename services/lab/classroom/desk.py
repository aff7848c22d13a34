"""What people do in the classroom: send, apply, approve, serve, inspect, read. Each act is a real request.

A desk stands on a running world. It holds the handsets (they live in the lab's process) and the people's certificates.
"""

# Long because every act of the classroom is a method of one desk, which page, terminal and scenarios share.

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import msgspec
import uuid_utils

from tiers.chassis.client import Peer, client_session
from tiers.chassis.tls import device_context
from tiers.device.client import Device
from tiers.device.network import Address, Network
from tiers.device.store import HandsetStore, Message
from tiers.lab.world.cast import (
    ACME,
    ADMINISTRATORS,
    APPLICANT,
    GLOBEX,
    HANDSETS,
    INVESTIGATOR,
    JUDGE,
    OPERATOR,
    Person,
    handset,
    org_of,
    party,
)
from tiers.lab.world.tap import Tap
from tiers.lab.world.world import As, World, customer_of
from tiers.wire.api.auditor import Filed, FileWarrant, Inspect, Inspection
from tiers.wire.api.carrier import IssueVoucher, Served, ServeWarrant, Voucher
from tiers.wire.api.court import Apply, Decide, Entry
from tiers.wire.api.enterprise import (
    AddPartner,
    NewPassword,
    Opened,
    Order,
    OrderAnswer,
    Password,
    Read,
    Revoke,
    Roots,
    Rotate,
    Rotated,
)
from tiers.wire.api.gateway import OrderAnswered as RegulatorAnswered
from tiers.wire.api.gateway import ServeOrder
from tiers.wire.encoding import b64u, parse_json, unb64u
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import EPOCH_MS, epoch_of, epoch_start
from tiers.wire.lawful.order import Order as RegulatorsOrder
from tiers.wire.lawful.order import sign_order
from tiers.wire.lawful.warrant import Claims, Delivery, Window, apply_for
from tiers.wire.message.envelope import Channel, Envelope, Service
from tiers.wire.message.mail import write_mail

_DECISIONS = ("approval", "rejection", "suspension", "resumption", "cancellation")
PATIENCE = 30
"""Seconds after which what has not come is missed."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wants to say, to whom and how. `subject` is for mail."""

    sender: str
    to: str
    channel: Channel
    service: Service
    text: str
    subject: str = ""

    def __post_init__(self) -> None:
        """Take channel and service as text, too: `Note("alice", "bob", "consumer", "bbm", "hello")`."""
        object.__setattr__(self, "channel", Channel(self.channel))
        object.__setattr__(self, "service", Service(self.service))


def bbm(sender: str, to: str, text: str) -> Note:
    return Note(sender, to, Channel.CONSUMER, Service.BBM, text)


def bis_mail(sender: str, to: str, text: str, subject: str) -> Note:
    return Note(sender, to, Channel.CONSUMER, Service.EMAIL, text, subject)


def bes_bbm(sender: str, to: str, text: str) -> Note:
    return Note(sender, to, Channel.ENTERPRISE, Service.BBM, text)


def bes_mail(sender: str, to: str, text: str, subject: str) -> Note:
    return Note(sender, to, Channel.ENTERPRISE, Service.EMAIL, text, subject)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that the relay accepted: the note, the envelope as it left the handset, and what it is called.

    `own`: somebody's own words. The attack looks for them as a whole: their pieces are found by chance.
    """

    note: Note
    envelope: Envelope
    key: str = ""
    own: bool = False

    @property
    def mid(self) -> str:
        return self.envelope.header.mid


class Desk:
    """The classroom's people at work."""

    def __init__(self, world: World, devices: dict[str, Device], stack: AsyncExitStack) -> None:
        self.world = world
        self.devices = devices
        self.sent: list[Sent] = []
        self.taps: dict[str, Tap] = {}
        self.sessions: dict[str, asyncio.Task[None]] = {}
        self.warrants: list[str] = []
        """Each `jti` that was served."""
        self._stack = stack
        self._people: dict[Identity, As] = {}

    def as_(self, identity: Identity) -> As:
        """Return the parties as a person or party reaches them."""
        if identity not in self._people:
            self._people[identity] = As(self.world, identity)
            self._stack.push_async_callback(self._people[identity].close)
        return self._people[identity]

    async def send(self, note: Note, key: str = "", *, own: bool = False) -> Sent:
        """Send a message between two handsets; returns once it is accepted. Raises `Yours` for what nobody can send."""
        _check(note)
        device, receiver = self.devices[note.sender], handset(note.to).pin
        content = note.text.encode()
        if note.service is Service.EMAIL:
            content = write_mail(device.ring.pin, receiver, note.subject, note.text, self.world.clock.now())
        sent = Sent(note, await device.send(note.channel, note.service, receiver, content), key, own)
        self.sent.append(sent)
        return sent

    async def offline(self, name: str) -> None:
        """Switch a handset off: what is sent to it waits in its mailbox."""
        if session := self.sessions.pop(handset(name).name, None):
            await _end([session])

    async def online(self, name: str) -> None:
        """Switch a handset on again."""
        device = self.devices[handset(name).name]
        await self.offline(name)
        self.sessions[name] = device.start()
        await device.online()

    async def received(self, name: str, mid: str = "") -> Message:
        """Return the message `mid`, or the next that is new to a handset's user.

        Raises what ended its session, or `Ours` where none comes.
        """
        async with _in_time(f"no such message has come to {name}"):
            return await self.devices[handset(name).name].received.get(mid)

    async def apply(self, target: str, services: tuple[Service, ...], minutes: int, after: int = 0) -> str:
        """Apply for a warrant on a handset, as `apply_on` does on a PIN."""
        return await self.apply_on(handset(target).pin, services, minutes, after)

    async def apply_on(self, pin: str, services: tuple[Service, ...], minutes: int, after: int = 0) -> str:
        """Apply for a warrant for `minutes` whole minutes; returns its `jti`.

        The window starts with the present minute, or `after` minutes later.
        """
        now = self.world.clock.now()
        start = epoch_start(epoch_of(now) + after)
        window = Window(start, start + minutes * EPOCH_MS)
        jti = str(uuid_utils.uuid4())
        claims = Claims(
            jti=jti,
            iss=party("court").identity.name,
            aud=party("carrier").identity.name,
            sub=pin,
            nbf=epoch_start(epoch_of(now)) // 1000,
            exp=(window.until + 60 * EPOCH_MS) // 1000,
            window=window,
            services=services,
            delivery=Delivery.BOTH,
            agency="cbi",
            legal_basis="Indian Telegraph Act 1885, section 5(2)",
            liid=f"IN-{jti[:8]}",
            salt=b64u(os.urandom(32)),
        )
        application = apply_for(claims, self.world.applicant_key(), str(APPLICANT))
        await self.as_(APPLICANT).peer("court").ask("POST", "/v1/applications", Entry, Apply(application))
        return jti

    async def decide(self, jti: str, verb: str, reason: str = "") -> Entry:
        """Have the judge decide: `approval`, `rejection`, `suspension`, `resumption` or `cancellation`."""
        if verb not in _DECISIONS:
            raise Yours("lab.decision", f"Name what the judge decides: {', '.join(_DECISIONS)}.")
        path = f"/v1/applications/{jti}/{verb}"
        return await self.as_(JUDGE).peer("court").ask("POST", path, Entry, Decide(reason))

    async def serve(self, jti: str) -> Served:
        """Serve an approved warrant on the carrier, and hand it to the auditor."""
        applicant = self.as_(APPLICANT)
        entry = await applicant.peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)
        served = await applicant.peer("carrier").ask("POST", "/v1/warrants", Served, ServeWarrant(entry.warrant))
        await applicant.peer("auditor").ask("POST", "/v1/warrants", Filed, FileWarrant(entry.warrant))
        self.warrants.append(jti)
        return served

    async def copied(self) -> None:
        """Wait until the mediation has every copy that the relay made: the product travels behind the messages.

        Raises `Ours` if it does not get them.
        """
        operator = self.as_(OPERATOR).peer("gateway")
        async with _in_time("the carrier does not have every copy of the relay's"):
            while b"\ntiers_gateway_copies 0.0\n" not in await operator.ask_raw("GET", "/metrics"):
                await asyncio.sleep(0.02)

    async def inspect(self, jti: str, start: int | None = None, until: int | None = None) -> Inspection:
        """Have the auditor inspect the product of a warrant, for [start, until) or all that has elapsed (ms)."""
        await self.copied()
        ask = Inspect(jti, start, until)
        return await self.as_(INVESTIGATOR).peer("auditor").ask("POST", "/v1/inspections", Inspection, ask)

    async def command(self, regulator: Identity, order: RegulatorsOrder, key: SigningKey) -> RegulatorAnswered:
        """Have a regulator sign an order and serve it on the relay."""
        relay = self.as_(regulator).peer("gateway")
        return await relay.ask("POST", "/v1/orders", RegulatorAnswered, ServeOrder(sign_order(order, key)))

    async def read(self, org: str, mid: str) -> Opened:
        """Have a customer's administrator read a message of the customer's own."""
        return await self.server(org).ask("POST", "/v1/read", Opened, Read(mid))

    async def order(self, org: str, order: Order) -> OrderAnswer:
        """Have the court serve a production order on a customer, whose policy file answers it."""
        court = self.as_(party("court").identity)
        return await court.peer(customer_of(org_of(org))).ask("POST", "/v1/orders", OrderAnswer, order)

    async def voucher(self, pin: str, giver: str = "carrier") -> str:
        """Have the carrier's shop make the voucher that goes with a handset, or the judge the court's."""
        person = OPERATOR if giver == "carrier" else JUDGE
        made = await self.as_(person).peer(giver).ask("POST", "/v1/vouchers", Voucher, IssueVoucher(pin))
        return made.voucher

    async def lost(self, name: str) -> None:
        """Have the carrier shut a lost handset out."""
        path = f"/v1/subscribers/{handset(name).pin}"
        await self.as_(OPERATOR).peer("carrier").ask_raw("DELETE", path)
        if self.world.arrangement.escrow:
            await self.as_(JUDGE).peer("court").ask_raw("DELETE", path)

    async def revoke(self, org: str, name: str) -> None:
        """Have a customer's administrator shut a device out."""
        await self.server(org).ask_raw("POST", "/v1/revocations", Revoke(handset(name).pin))

    async def rotate(self, org: str, *, destroy: bool) -> Rotated:
        """Have a customer's administrator rotate its key; `destroy` erases the older ones: the kill switch."""
        return await self.server(org).ask("POST", "/v1/rotations", Rotated, Rotate(destroy))

    def server(self, company: str) -> Peer:
        """Return a customer's key server, as its administrator reaches it; raises `Missing`."""
        org = org_of(company)
        return self.as_(ADMINISTRATORS[org]).peer(customer_of(org))


@asynccontextmanager
async def _in_time(late: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise Ours("lab.late", f"Look into the logs: after {PATIENCE} seconds {late}.") from None


def _check(note: Note) -> None:
    """Raise `Yours` for a subject of a chat, and a channel that the sender or the receiver has no keys for."""
    if note.subject and note.service is Service.BBM:
        raise Yours("lab.subject", "Leave the subject out: a chat message has none. Mail has one.")
    for person in (handset(note.sender), handset(note.to)):
        if note.channel is Channel.ENTERPRISE and not person.org:
            others = ", ".join(one.name for one in HANDSETS if one.org)
            raise Yours("lab.channel", f"{person.name.capitalize()} belongs to no company: try {others}.")
        if note.channel is Channel.CONSUMER and not person.subscriber:
            others = ", ".join(one.name for one in HANDSETS if one.subscriber)
            raise Yours("lab.channel", f"{person.name.capitalize()} is no subscriber of the carrier's: try {others}.")


def claims_of(warrant: GeneralJws) -> Claims:
    """Return what a warrant says, signatures unchecked: the lab saw it being made."""
    return parse_json(Claims, unb64u(warrant.payload, "warrant.malformed"), "warrant.malformed")


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Desk]:
    """Open a desk: every handset enrolled and activated, the two customers' roots exchanged, all sessions open."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(client_session(device_context(world.ca), at_once=0))
        desk = Desk(world, {}, stack)
        await _exchange_roots(desk)
        for person in HANDSETS:
            desk.taps[person.name] = await _tapped(desk, person, "gateway")
        devices = await asyncio.gather(*(_handset(desk, http, person) for person in HANDSETS))
        desk.devices = {person.name: device for person, device in zip(HANDSETS, devices, strict=True)}
        if world.arrangement.custody.names("device/"):
            _meet(devices)
        desk.sessions = {name: device.start() for name, device in desk.devices.items()}
        stack.push_async_callback(lambda: _end(list(desk.sessions.values())))
        await asyncio.gather(*(device.online() for device in devices))
        yield desk


async def _tapped(desk: Desk, person: Person, name: str) -> Tap:
    """Put a tap on the link from a handset to a party; all links of a handset are kept in one file."""
    tap = Tap(desk.world.root / "taps" / f"{person.name}.bin", desk.world.ports[name])
    await tap.start()
    desk._stack.push_async_callback(tap.stop)  # noqa: SLF001 - the desk's own maker
    return tap


async def _address(desk: Desk, person: Person, name: str) -> Address:
    tap = desk.taps[person.name] if name == "gateway" else await _tapped(desk, person, name)
    return Address(f"https://127.0.0.1:{tap.port}", party(name).identity)


async def _handset(desk: Desk, http: aiohttp.ClientSession, person: Person) -> Device:
    world = desk.world
    store = HandsetStore(world.root / "handsets" / person.name)
    desk._stack.callback(store.close)  # noqa: SLF001 - the desk's own maker
    gateway = await _address(desk, person, "gateway")
    bes = await _address(desk, person, customer_of(person.org)) if person.org else None
    network = Network(gateway, bes, world.clock.now, world.arrangement.custody, world.arrangement.home(person.name))
    device = Device(store, store.create(person.pin, world.factory_key()), http, network)
    if person.subscriber:
        carrier = await _address(desk, person, "carrier")
        await device.enrol(carrier, await desk.voucher(person.pin))
        if world.arrangement.escrow:
            court = await _address(desk, person, "court")
            await device.enrol_escrow(court, await desk.voucher(person.pin, "court"))
    if person.org:
        administrator = desk.server(person.org)
        password = await administrator.ask("POST", "/v1/passwords", Password, NewPassword(person.pin))
        await device.activate(password.password)
    return device


def _meet(devices: Sequence[Device]) -> None:
    """Let every two subscribers meet and show each other their cards, as where no customer vouches for anybody."""
    for device in devices:
        for other in devices:
            if other is not device:
                device.meet(other.ring.card())


async def _exchange_roots(desk: Desk) -> None:
    for org, other in ((ACME, GLOBEX), (GLOBEX, ACME)):
        theirs = await desk.server(other).ask("GET", "/v1/root", Roots)
        partner = AddPartner(theirs.root, desk.world.url(customer_of(other)))
        await desk.server(org).ask("PUT", f"/v1/partners/{other}", msgspec.Raw, partner)


async def _end(sessions: list[asyncio.Task[None]]) -> None:
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
