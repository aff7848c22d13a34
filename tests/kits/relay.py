"""A relay over real TLS on a real store, with a carrier's real admission, and handsets that speak to it."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
import uuid_utils
from aiohttp import WSMsgType, web
from prometheus_client import CollectorRegistry, generate_latest

from kits.pki import issue
from tiers.carrier.admission import Admission, read
from tiers.carrier.keystore import Keystore
from tiers.chassis.tls import device_context
from tiers.gateway.app import Handlers
from tiers.gateway.channels import INDIA
from tiers.gateway.devices import Registry
from tiers.gateway.interception.tasks import Tasks
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.orders import Docket, InForce
from tiers.gateway.path.delivery import Delivery
from tiers.gateway.path.intake import Intake
from tiers.gateway.path.session import SessionContext
from tiers.gateway.path.sessions import Sessions
from tiers.gateway.processes.bus import Bus
from tiers.wire.api.carrier import Ask, Refusal
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, epoch_of, leaf, wrap_key
from tiers.wire.message.envelope import (
    CTY,
    TYP,
    Channel,
    Envelope,
    Protected,
    Recipient,
    RecipientHeader,
    Service,
    format_envelope,
    format_protected,
    message_epoch,
    parse_envelope,
)
from tiers.wire.message.frames import (
    Accepted,
    Ack,
    Bye,
    Challenge,
    Deliver,
    Drained,
    FromRelay,
    Hello,
    Refused,
    Send,
    Welcome,
    parse_from_relay,
    session_message,
)
from tiers.wire.message.sealing import (
    HPKE,
    ContentKey,
    open_message,
    seal_content,
    unwrap_from_carrier,
    wrap_for_carrier,
)

ALICE, BOB, CAROL, DAVE = "2100000a", "2100000b", "2100000c", "2100000d"
ACME, GLOBEX = "S50000001", "S50000002"
IN = Identity(Role.CARRIER, "in")
GATEWAY = Identity(Role.GATEWAY, "1")
SECONDS = 10.0
F = TypeVar("F")
_KEYS: dict[str, SigningKey] = {}


def signing_key(pin: str) -> SigningKey:
    """Return the key of a PIN's handset, the same one all through the tests."""
    return _KEYS.setdefault(pin, SigningKey(pin.encode() * 4))


class Clock:
    """Real time, and what a test adds to it (ms)."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


class Carrier:
    """A carrier's own admission, in process. `open` unset holds every answer back; `down` gives none."""

    def __init__(self, clock: Clock) -> None:
        self.keys = Keystore(Master(b"m" * 32))
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.down = False
        self.batches: list[int] = []
        self.subscribers = {ALICE, BOB, CAROL, DAVE}
        self._admission = Admission("in", self.keys)
        self._clock = clock

    async def admit(self, asks: Sequence[Ask]) -> Sequence[Recipient | Refusal]:
        self.batches.append(len(asks))
        self.asked.set()
        await self.open.wait()
        if self.down:
            raise Ours("carrier.unavailable", "down")
        return self._admission.admit(read(asks), self.subscribers, epoch_of(self._clock()))


CEK = ContentKey(b"k" * 32)


def header(channel: Channel, sender: str, to: str, ts: int, **changed: object) -> Protected:
    """Write a protected header."""
    org = {"org": ACME} if channel is Channel.ENTERPRISE else {}
    service = Service.BBM
    fields = {
        "typ": TYP,
        "enc": "A256GCM",
        "mid": str(uuid_utils.uuid7()),
        "channel": channel,
        "service": service,
        "sender": sender,
        "to": to,
        "ts": ts,
        "cty": CTY[channel, service],
        "cmt": CEK.commitment,
    }
    return Protected(**{**fields, **org, **changed})  # type: ignore[arg-type]


def consumer(head: Protected, content: bytes = b"hello", kid: str | None = None) -> Envelope:
    """Seal as a subscriber does."""
    protected = format_protected(head)
    epoch = message_epoch(head)
    minute = Keystore(Master(b"m" * 32)).leaf(head.sender, epoch)
    kid = kid or f"carrier/in/{head.sender}/{epoch}"
    recipient = wrap_for_carrier(kid, CEK, wrap_key(minute, protected))
    return Envelope(head, seal_content(CEK, protected, [recipient], content))


_EK, _ENCRYPTED_KEY = b64u(os.urandom(1120)), b64u(os.urandom(48))


def hpke(kid: str) -> Recipient:
    """A recipient as long as a real one: the relay opens none."""
    return Recipient(RecipientHeader(HPKE, kid, ek=_EK), _ENCRYPTED_KEY)


def enterprise(head: Protected, content: bytes = b"hello", kids: Sequence[str] | None = None) -> Envelope:
    """Write an enterprise envelope to the receiver's device and acme's key server, or to `kids`."""
    kids = kids or (f"org/{ACME}/{head.to}/1", f"org/{ACME}/bes/1")
    return Envelope(head, seal_content(CEK, format_protected(head), [hpke(kid) for kid in kids], content))


def opened(envelope: Envelope, pin: str) -> bytes:
    """Open a consumer envelope as its receiver does."""
    epoch = message_epoch(envelope.header)
    minute = leaf(Keystore(Master(b"m" * 32)).cover(pin, epoch, epoch + 1), epoch)
    mine = next(one for one in envelope.jwe.recipients if one.header.kid == f"carrier/in/{pin}/{epoch}")
    return open_message(envelope, unwrap_from_carrier(mine, wrap_key(minute, envelope.jwe.protected)))


class Handset:
    """One end of a session."""

    def __init__(self, pin: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.pin = pin
        self.socket = socket

    async def say(self, frame: msgspec.Struct) -> None:
        await self.socket.send_str(msgspec.json.encode(frame).decode())

    async def send(self, envelope: Envelope) -> str:
        await self.say(Send(msgspec.Raw(format_envelope(envelope))))
        return envelope.header.mid

    async def hear(self) -> FromRelay:
        async with asyncio.timeout(SECONDS):
            message = await self.socket.receive()
        assert message.type is WSMsgType.TEXT, message
        return parse_from_relay(message.data)

    async def expect(self, kind: type[F]) -> F:
        """Return the next frame of this kind; `drained` and `accepted` in between are passed over."""
        while True:
            frame = await self.hear()
            if isinstance(frame, kind):
                return frame
            assert isinstance(frame, Drained | Accepted), frame

    async def accepted(self, count: int = 1) -> list[str]:
        mids: list[str] = []
        while len(mids) < count:
            mids += (await self.expect(Accepted)).mids
        return mids

    async def refused(self) -> str:
        return (await self.expect(Refused)).code

    async def bye(self) -> str:
        code = (await self.expect(Bye)).code
        async with asyncio.timeout(SECONDS):
            assert (await self.socket.receive()).type in {WSMsgType.CLOSE, WSMsgType.CLOSED}
        return code

    async def receive(self, count: int = 1, *, ack: bool = True) -> list[Envelope]:
        got: list[Envelope] = []
        while len(got) < count:
            frame = await self.expect(Deliver)
            got += [parse_envelope(bytes(message.envelope)) for message in frame.messages]
            if ack:
                await self.say(Ack(tuple(message.id for message in frame.messages)))
        return got


@dataclass
class World:
    """A running relay."""

    url: str
    folder: Path
    store_url: str
    mailboxes: Mailboxes
    relay: SessionContext
    sessions: Sessions
    delivery: Delivery
    registry: Registry
    carrier: Carrier
    clock: Clock
    http: aiohttp.ClientSession
    stop: AsyncExitStack
    _people: dict[str, aiohttp.ClientSession] = field(default_factory=dict)

    async def open(self, pin: str, key: SigningKey | None = None) -> Handset:
        """Open a session up to `welcome`."""
        handset, challenge = await self.challenged(pin)
        signature = (key or signing_key(pin)).sign(session_message(GATEWAY, challenge.nonce, pin))
        await handset.say(Hello(pin, b64u(signature)))
        assert isinstance(await handset.hear(), Welcome)
        return handset

    async def challenged(self, pin: str) -> tuple[Handset, Challenge]:
        socket = await self.http.ws_connect(
            f"{self.url}/v1/session", server_hostname=GATEWAY.host, max_msg_size=1 << 24, compress=0, autoping=False
        )
        handset = Handset(pin, socket)
        challenge = await handset.hear()
        assert isinstance(challenge, Challenge)
        return handset, challenge

    async def enrol(self, *pins: str) -> None:
        for pin in pins:
            await self.registry.register(pin, signing_key(pin).public.jwk(), IN)

    async def activate(self, org: str, *pins: str) -> None:
        for pin in pins:
            await self.registry.register(pin, signing_key(pin).public.jwk(), Identity(Role.CUSTOMER, org))

    def consumer(self, sender: str, to: str, content: bytes = b"hello") -> Envelope:
        return consumer(header(Channel.CONSUMER, sender, to, self.clock()), content)

    def enterprise(self, sender: str, to: str, content: bytes = b"hello") -> Envelope:
        return enterprise(header(Channel.ENTERPRISE, sender, to, self.clock()), content)

    async def ask(
        self, identity: str | None, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        """Ask as a party, or as a device without a certificate."""
        name = identity or "device"
        if name not in self._people:
            context = (
                issue(identity, self.folder).client if identity else device_context(self.folder / "gateway/1/ca.pem")
            )
            self._people[name] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
            self.stop.push_async_callback(self._people[name].close)
        async with self._people[name].request(
            method, self.url + path, data=body, server_hostname=GATEWAY.host, headers=headers
        ) as response:
            return response.status, await response.read()

    async def undecided(self, count: int) -> None:
        """Wait until so many messages are between arrival and answer."""
        async with asyncio.timeout(SECONDS):
            while self.delivery.depth() < count:  # noqa: ASYNC110 - the path has no hook for tests
                await asyncio.sleep(0)

    def metrics(self) -> str:
        return generate_latest(self.relay.metrics.registry).decode()


_ports = itertools.count(1)


@asynccontextmanager
async def running(
    folder: Path,
    store_url: str,
    tasks: Tasks | None = None,
    clock: Clock | None = None,
    carrier: Carrier | None = None,
    docket: Callable[[Clock, Bus], Docket] | None = None,
) -> AsyncIterator[World]:
    """Start a relay on what is in the store; leaving stops it as SIGTERM would."""
    async with AsyncExitStack() as stack:
        tls = issue("gateway/1", folder)
        clock = clock or Clock()
        carrier = carrier or Carrier(clock)
        bus = Bus(store_url, HELLO)
        store = await stack.enter_async_context(bus.store)
        await store.check()  # from here on it hears what others tell
        mailboxes = Mailboxes(bus)
        metrics = Metrics(CollectorRegistry())
        orders = docket(clock, bus) if docket else None
        in_force = orders.in_force if orders else InForce()
        delivery = Delivery(mailboxes, carrier, tasks or Tasks(lambda: None), clock, metrics, 0, in_force.saw)
        registry = Registry(store, clock, mailboxes)
        intake = Intake(registry, delivery, clock, INDIA, in_force)
        relay = SessionContext(GATEWAY, registry, intake, delivery, mailboxes, clock, metrics, bus, in_force)
        sessions = Sessions(relay)
        app = Handlers(relay, sessions).build(orders.routes() if orders else [])
        if orders:
            await orders.load()
        app.on_shutdown.append(lambda _app: sessions.close())
        kept = [orders.keep()] if orders else []
        path = [asyncio.create_task(one) for one in (delivery.run(), *kept)]
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server)
        await site.start()
        port = runner.addresses[0][1]
        context = device_context(folder / "gateway/1/ca.pem")
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0))
        )
        stack.push_async_callback(_stop, runner, delivery, path)
        async with AsyncExitStack() as people:
            yield World(
                f"https://127.0.0.1:{port}", folder, store_url, mailboxes, relay, sessions, delivery, registry,
                carrier, clock, http, people,
            )  # fmt: skip


async def _stop(runner: web.AppRunner, delivery: Delivery, path: list[asyncio.Task[None]]) -> None:
    await runner.cleanup()
    await delivery.idle()
    for task in path:
        task.cancel()
    await asyncio.gather(*path, return_exceptions=True)


def mids(got: list[Envelope]) -> list[str]:
    return [envelope.header.mid for envelope in got]
