"""Two customers' key servers over real TLS, with a small relay and a small log that speak what is specified."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
import uuid_utils
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from kits import pki
from kits.outside import outside
from tiers.chassis.client import Peer
from tiers.chassis.outside import LedgerClient
from tiers.chassis.program import pinned
from tiers.chassis.state import StateDir
from tiers.chassis.tls import device_context
from tiers.chassis.web import Route, application, body, raw_body
from tiers.enterprise.app import Parts, build
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.orders import parse_policy
from tiers.enterprise.partners import Partners
from tiers.enterprise.store import Store
from tiers.wire.api.enterprise import (
    Activated,
    AddPartner,
    Journal,
    Lookup,
    NewPassword,
    Opened,
    Password,
    Read,
    Roots,
)
from tiers.wire.api.gateway import Done, RegisterDevice
from tiers.wire.enterprise import activation
from tiers.wire.enterprise import directory as wire
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.errors import Missing, Ours, TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.log.checkpoint import LogSigner, ProofOfLogging, WitnessSigner, b64, verify_signed
from tiers.wire.log.leaf import Author, Leaf, parse_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash
from tiers.wire.log.policy import write_policy
from tiers.wire.message.content import readers_of, sign_content
from tiers.wire.message.envelope import (
    CTY,
    MAX_CIPHERTEXT,
    TYP,
    BesKid,
    Channel,
    DeviceKid,
    Protected,
    Service,
    format_jwe,
    format_kid,
    format_protected,
)
from tiers.wire.message.proof import Request, sign_request
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, HpkePublicKey, encrypt_for, seal_content

ACME, GLOBEX = "S50000001", "S50000002"
ALICE, BOB, ERIN, GINA = "a11ce001", "b0b00001", "e0000001", "61a00001"
NOW = 1_764_000_000_000


@dataclass
class Clock:
    """Milliseconds since 1970, moved by hand."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Relay:
    """What a relay answers to a customer: devices come and go."""

    devices: dict[str, tuple[VerifyKey, str]] = field(default_factory=dict)
    reserved: dict[str, str] = field(default_factory=dict)
    down: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        async def put(caller, request):
            self.arrived.set()
            self._check()
            sign = (await body(request, RegisterDevice)).sign
            self.devices[request.match_info["pin"]] = VerifyKey.from_jwk(sign), str(caller)
            return Done()

        async def reserve(caller, request):
            self._check()
            self.reserved[request.match_info["pin"]] = str(caller)
            return Done()

        async def delete(_caller, request):
            self._check()
            pin = request.match_info["pin"]
            held = [found.pop(pin, None) for found in (self.devices, self.reserved)]
            if held == [None, None]:
                raise Missing("device.unknown", "Name a registered device.")
            return Done()

        routes = [
            Route("PUT", "/v1/devices/{pin}", {Role.CUSTOMER}, put, ""),
            Route("PUT", "/v1/reservations/{pin}", {Role.CUSTOMER}, reserve, ""),
            Route("DELETE", "/v1/devices/{pin}", {Role.CUSTOMER}, delete, ""),
        ]
        return application(routes, CollectorRegistry(), _ready)

    def _check(self) -> None:
        if self.down:
            raise Ours("gateway.unavailable", "Try again.")


@dataclass
class Log:
    """What a ledger answers: a leaf, proved in a tree of all leaves so far, signed and cosigned."""

    entries: list[bytes] = field(default_factory=list)
    down: bool = False
    unwitnessed: bool = False
    signer: LogSigner = field(default_factory=lambda: LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32)))
    witness: WitnessSigner = field(
        default_factory=lambda: WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
    )

    @property
    def leaves(self) -> list[Leaf]:
        return [parse_leaf(entry) for entry in self.entries]

    def pin_in(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        policy = write_policy(self.signer.key.vkey(), {"w1": self.witness.key.vkey()}, 1)
        (folder / "log.policy").write_text(policy)

    def app(self) -> web.Application:
        async def append(_caller, request):
            if self.down:
                raise Ours("ledger.unwitnessed", "Try again.")
            self.entries.append(await raw_body(request))
            hashes = [leaf_hash(entry) for entry in self.entries]
            note = self.signer.sign(TreeHead(len(hashes), _root(hashes)))
            if not self.unwitnessed:
                note += self.witness.cosign(verify_signed(note, self.signer.key), NOW // 1000)
            path = tuple(b64(node) for node in _path(len(hashes) - 1, hashes))
            return ProofOfLogging(len(hashes) - 1, self.entries[-1].decode(), path, note)

        routes = [Route("POST", "/v1/leaves", {Role.CUSTOMER}, append, "")]
        return application(routes, CollectorRegistry(), _ready)


async def _ready() -> None:
    pass


def _split(hashes):
    return 1 << (len(hashes) - 1).bit_length() - 1


def _root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    at = _split(hashes)
    return node_hash(_root(hashes[:at]), _root(hashes[at:]))


def _path(index, hashes):
    if len(hashes) == 1:
        return []
    at = _split(hashes)
    if index < at:
        return [*_path(index, hashes[:at]), _root(hashes[at:])]
    return [*_path(index - at, hashes[at:]), _root(hashes[:at])]


class Customer:
    """One key server that runs."""

    def __init__(self, town: "Town", org: str) -> None:
        self.town, self.org = town, org
        self.identity = Identity(Role.CUSTOMER, org)
        self.folder = town.folder / "state" / org
        self.url = ""

    async def start(self, stack: AsyncExitStack) -> None:
        """Wire it as its process does, on the clock of the test."""
        state = StateDir(self.folder)
        self.keys = KeyStore(state, self.org, self.town.clock)
        self.store = Store(state)
        stack.callback(self.store.close)
        session = await self.town.session(stack, str(self.identity))
        trust = pinned(self.town.folder / "trust")
        log = LedgerClient(Peer(session, self.town.log_url, parse_identity("ledger/in")), trust)
        lies = outside(Author(self.identity, "IN"), log, trust, self.town.clock, session)
        failures = Counter("tiers_enterprise_partner_failures", "Answers not had", ["org"], registry=lies.metrics)
        parts = Parts(
            lies,
            self.keys,
            self.store,
            Partners(session, self.store, self.keys, failures),
            lies.peer(self.town.relay_url, parse_identity("gateway/1")),
            lambda: parse_policy(state.read("policy.toml")),
        )
        self.url = await self.town.serve(stack, build(parts), str(self.identity))

    def policy(self, text: str) -> None:
        StateDir(self.folder).write("policy.toml", text.encode())

    async def ask(self, who: str, method: str, path: str, kind, asked=None):
        """Ask as a certified caller, such as `administrator/S50000001`."""
        session = await self.town.session(self.town.stack, who)
        return await Peer(session, self.url, self.identity).ask(method, path, kind, asked)

    async def ask_raw(self, who: str, method: str, path: str) -> bytes:
        session = await self.town.session(self.town.stack, who)
        return await Peer(session, self.url, self.identity).ask_raw(method, path)

    async def administer(self, method: str, path: str, kind, asked=None):
        return await self.ask(f"administrator/{self.org}", method, path, kind, asked)

    async def password(self, pin: str) -> str:
        return (await self.administer("POST", "/v1/passwords", Password, NewPassword(pin))).password

    async def pin_partner(self, other: "Customer") -> None:
        root = (await other.administer("GET", "/v1/root", Roots)).root
        await self.administer("PUT", f"/v1/partners/{other.org}", Done, AddPartner(root, other.url))

    async def read(self, mid: str) -> Opened:
        return await self.administer("POST", "/v1/read", Opened, Read(mid))

    async def hire(self, pin: str) -> "Handset":
        handset = Handset(self, pin)
        await handset.activate(await self.password(pin))
        return handset


@dataclass(frozen=True)
class Contact:
    entry: Entry
    bes: BesKey

    @property
    def kid(self) -> str:
        return format_kid(DeviceKid(self.entry.org, self.entry.pin, self.entry.generation))


class Handset:
    """A device as docs/spec/activation.md and directory.md want it, in as few lines as they allow."""

    def __init__(self, customer: Customer, pin: str) -> None:
        self.customer, self.pin = customer, pin
        self.sign = SigningKey(uuid_utils.uuid4().bytes * 2)
        self.hpke = HpkePrivateKey.generate()

    def request(self, password: str):
        return activation.request(password, self.pin, self.sign.public.jwk(), self.hpke.public.jwk())

    async def activate(self, password: str) -> activation.Pinned:
        asked = self.request(password)
        said = await self.ask("POST", "/v1/activations", Activated, asked, proof=False)
        self.pinned = activation.verify_answer(password, asked, said)
        return self.pinned

    async def ask(self, method: str, path: str, kind, asked=None, *, proof: bool = True):
        raw = b"" if asked is None else msgspec.json.encode(asked)
        signed = sign_request(
            self.sign, self.pin, self.customer.identity, Request(method, path, raw), self.customer.town.clock()
        )
        session = await self.customer.town.session(self.customer.town.stack, "")
        peer = Peer(session, self.customer.url, self.customer.identity)
        return await peer.ask(method, path, kind, raw or None, signed if proof else "")

    async def look_up(self, pin: str) -> Contact:
        return verify_lookup(await self.ask("GET", f"/v1/directory/{pin}", Lookup), pin, self.pinned)

    async def journal(self, envelope: bytes) -> Done:
        return await self.ask("POST", "/v1/journal", Done, Journal(msgspec.Raw(envelope)))

    async def write(self, to: str, content: bytes, **changed) -> tuple[str, bytes]:
        """Seal a message to an employee, here or at a partner; returns its mid and its bytes."""
        mine, theirs = await self.look_up(self.pin), await self.look_up(to)
        return seal(self.sign, mine, theirs, content, self.customer.town.clock(), **changed)


def outcome(work: Callable[[], object]) -> object:
    """Return what a decision returns, or our own error; any other error escapes, and the test fails."""
    try:
        return work()
    except TiersError as error:
        return error


def verify_lookup(answer: Lookup, pin: str, pinned: activation.Pinned) -> Contact:
    """Check a look-up as a device does, with nothing but the root that it pinned."""
    return Contact(*wire.verify_lookup(answer, pin, pinned.org, pinned.root))


def seal(sign: SigningKey, mine: Contact, to: Contact, content: bytes, ts: int, **changed) -> tuple[str, bytes]:
    """Seal as a device does. `changed` replaces header members, the key servers (`servers`), the signer (`kid`)."""
    servers = changed.pop("servers", {mine.bes, to.bes})
    kid = changed.pop("kid", mine.kid)
    service, cek = changed.get("service", Service.BBM), ContentKey.draw()
    members = {
        "typ": TYP, "enc": "A256GCM", "mid": str(uuid_utils.uuid7()), "channel": Channel.ENTERPRISE,
        "service": service, "sender": mine.entry.pin, "to": to.entry.pin, "ts": ts,
        "cty": CTY[Channel.ENTERPRISE, service], "org": mine.entry.org,
        "cmt": cek.commitment,
    }  # fmt: skip
    header = Protected(**members | changed)
    protected = format_protected(header)
    readers = [(to.kid, to.entry.hpke)]
    readers += sorted((format_kid(BesKid(bes.org, bes.generation)), bes.hpke) for bes in servers)
    recipients = [encrypt_for(name, cek, HpkePublicKey.from_jwk(jwk)) for name, jwk in readers]
    signed = readers_of(recipients, {name: jwk.thumbprint() for name, jwk in readers})
    plaintext = sign_content(sign, kid, protected, service, signed, content)
    return header.mid, format_jwe(seal_content(cek, protected, recipients, plaintext, MAX_CIPHERTEXT))


issued = cache(pki.issue)  # one certificate for each identity of the whole run


class Town:
    """Two customers, a relay and a log."""

    def __init__(self, folder: Path, tls: Path) -> None:
        self.folder, self.tls = folder, tls
        self.clock = Clock()
        self.relay, self.log = Relay(), Log()
        self.stack = AsyncExitStack()
        self.relay_url = self.log_url = ""
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self.acme, self.globex = Customer(self, ACME), Customer(self, GLOBEX)

    async def __aenter__(self) -> Self:
        self.log.pin_in(self.folder / "trust")
        self.relay_url = await self.serve(self.stack, self.relay.app(), "gateway/1")
        self.log_url = await self.serve(self.stack, self.log.app(), "ledger/in")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stack.aclose()

    async def exchange_roots(self) -> None:
        await self.acme.pin_partner(self.globex)
        await self.globex.pin_partner(self.acme)

    async def serve(self, stack: AsyncExitStack, app: web.Application, identity: str) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=issued(identity, self.tls).server).start()
        return f"https://127.0.0.1:{runner.addresses[0][1]}"

    async def session(self, stack: AsyncExitStack, identity: str) -> aiohttp.ClientSession:
        """Return the session of an identity; of a device, which has no certificate, for an empty one."""
        if identity not in self._sessions:
            if identity:
                context = issued(identity, self.tls).client
            else:
                context = device_context(self.tls / "gateway/1" / "ca.pem")
            made = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
            self._sessions[identity] = await stack.enter_async_context(made)
        return self._sessions[identity]
