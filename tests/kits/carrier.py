"""The others, as far as a carrier meets them: a log and a relay that speak the specified API, a court, a clock."""

import asyncio
import itertools
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from kits import pki
from tiers.carrier.__main__ import wire
from tiers.carrier.config import Settings
from tiers.chassis.client import Peer, client_session
from tiers.chassis.program import outside_of
from tiers.chassis.tls import device_context
from tiers.chassis.web import Route, application, body, raw_body
from tiers.lab.world.processes import free_ports
from tiers.wire.api.carrier import Served, ServeWarrant, WarrantStatus
from tiers.wire.api.gateway import ActivateTask, Done, RegisterDevice
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Missing, Ours, TiersError, Yours
from tiers.wire.identity import Role, parse_identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.lawful.evidence import verify_logged_warrant
from tiers.wire.lawful.warrant import (
    MAX_WORD_MS,
    Claims,
    Delivery,
    Service,
    Status,
    StatusStatement,
    Window,
    apply_for,
    approve,
    seal_of,
    sign_status,
    verify_application,
    verify_warrant,
    verify_word,
)
from tiers.wire.log.checkpoint import (
    LoggedLeaf,
    LogSigner,
    PinnedLog,
    ProofOfLogging,
    WitnessSigner,
    b64,
    verify_logged,
    verify_signed,
)
from tiers.wire.log.leaf import Leaf, encode_leaf, parse_leaf, verify_opening
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash
from tiers.wire.log.policy import write_policy
from tiers.wire.message.sealing import HpkePrivateKey

NOW = 1_764_000_000_000  # a whole minute
MINUTE = 60_000
TARGET = "2100000a"
APPLICANT, JUDGE = SigningKey(b"A" * 32), SigningKey(b"J" * 32)
AUDITOR, CARRIER = HpkePrivateKey(b"H" * 32), SigningKey(b"C" * 32)
APPLICANTS, JUDGES = {"applicant/cbi": APPLICANT.public}, {"judge/delhi": JUDGE.public}
LOG, WITNESS = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32)), WitnessSigner("w1", SigningKey(b"W" * 32))
PINNED = PinnedLog(LOG.key, (WITNESS.key,))
_numbers = itertools.count(1)


def claims(**members) -> Claims:
    """A warrant for the target: it holds from ten minutes ago for an hour, its window for the next half hour."""
    number = next(_numbers)
    basis = {
        "jti": f"0190a0b0-0000-4000-8000-{number:012x}",
        "iss": "in",
        "aud": "in",
        "sub": TARGET,
        "nbf": NOW // 1000 - 600,
        "exp": NOW // 1000 + 3600,
        "window": Window(NOW, NOW + 30 * MINUTE),
        "services": (Service.BBM, Service.EMAIL),
        "delivery": Delivery.BOTH,
        "agency": "cbi",
        "legal_basis": "Telegraph Act 1885, section 5(2)",
        "liid": f"IN-{number:06d}",
        "salt": b64u(number.to_bytes(32, "big")),
    }
    return Claims(**(basis | members))


def warrant(said: Claims, applicant: SigningKey = APPLICANT, judge: SigningKey = JUDGE) -> GeneralJws:
    applied = apply_for(said, applicant, "applicant/cbi")
    return approve(verify_application(applied, {"applicant/cbi": applicant.public}), judge, "judge/delhi")


def verified(said: Claims, now: int = NOW):
    return verify_warrant(warrant(said), APPLICANTS, JUDGES, "in", now)


def statement(
    said: Claims, status: Status, serial: int, key: SigningKey = JUDGE, at: int = NOW, kid: str = "judge/delhi"
) -> str:
    commitment = seal_of(said).commit()
    return sign_status(StatusStatement(said.jti, commitment, status, serial, at, at + MAX_WORD_MS), key, kid)


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of(hashes[:half]), root_of(hashes[half:]))


def path_of(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    half = 1 << (len(hashes) - 1).bit_length() - 1
    if index < half:
        return [*path_of(index, hashes[:half]), root_of(hashes[half:])]
    return [*path_of(index - half, hashes[half:]), root_of(hashes[:half])]


class Log:
    """A log with its witness, in memory."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []

    def add(self, entry: bytes) -> ProofOfLogging:
        if entry not in self.entries:
            self.entries.append(entry)
        hashes = [leaf_hash(one) for one in self.entries]
        note = LOG.sign(TreeHead(len(hashes), root_of(hashes)))
        note += WITNESS.cosign(verify_signed(note, LOG.key), NOW // 1000)
        index = self.entries.index(entry)
        return ProofOfLogging(index, entry.decode(), tuple(b64(node) for node in path_of(index, hashes)), note)

    def prove(self, leaf: Leaf) -> LoggedLeaf:
        return verify_logged(self.add(encode_leaf(leaf)), PINNED)

    @property
    def leaves(self) -> list[Leaf]:
        return [parse_leaf(entry) for entry in self.entries]

    @property
    def facts(self) -> list[str]:
        return [leaf.type for leaf in self.leaves]


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


class StandInLedger:
    """`POST /v1/leaves`, with the checks of the ledger's spec page. `lose` logs and then fails, as a crash would."""

    def __init__(self, clock: Clock) -> None:
        self.log = Log()
        self.clock = clock
        self.down = False
        self.lose = False
        self.grew = asyncio.Condition()

    def app(self) -> web.Application:
        return application([Route("POST", "/v1/leaves", {Role.CARRIER}, self.append, "")], CollectorRegistry(), _ready)

    async def append(self, caller, request) -> ProofOfLogging:
        if self.down:
            raise Ours("ledger.failed", "down")
        entry = await raw_body(request)
        leaf = parse_leaf(entry)
        assert leaf.party == caller.uri
        if entry not in self.log.entries:
            if abs(leaf.ts - self.clock()) > 300_000:
                raise Yours("leaf.clock", "late")
            if leaf.opens is not None:
                verify_opening(leaf, parse_leaf(self.log.entries[leaf.opens.index]))
        proof = self.log.add(entry)
        async with self.grew:
            self.grew.notify_all()
        if self.lose:
            self.lose = False
            raise Ours("ledger.failed", "logged, and the answer lost")
        return proof

    async def wait_for(self, *facts: str) -> None:
        """Wait until the last facts in the log are these."""
        async with self.grew:
            await asyncio.wait_for(self.grew.wait_for(lambda: self.log.facts[-len(facts) :] == list(facts)), 10)


@dataclass
class StandInGateway:
    """Devices and tasks. It checks warrant and evidence as the relay does."""

    clock: Clock
    devices: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, ActivateTask] = field(default_factory=dict)
    ever: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fails: TiersError | None = None
    lose: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def holds(self, count: int) -> None:
        """Wait until so many tasks stand."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: len(self.tasks) == count), 10)

    def app(self) -> web.Application:
        routes = [
            Route("PUT", "/v1/devices/{pin}", {Role.CARRIER}, self.register, ""),
            Route("DELETE", "/v1/devices/{pin}", {Role.CARRIER}, self.revoke, ""),
            Route("PUT", "/v1/tasks/{xid}", {Role.CARRIER}, self.activate, ""),
            Route("DELETE", "/v1/tasks/{xid}", {Role.CARRIER}, self.deactivate, ""),
        ]
        return application(routes, CollectorRegistry(), _ready)

    async def register(self, _caller, request) -> Done:
        self.calls.append(f"PUT device {request.match_info['pin']}")
        if self.fails:
            raise self.fails
        self.devices[request.match_info["pin"]] = (await body(request, RegisterDevice)).sign.x
        return Done()

    async def revoke(self, _caller, request) -> Done:
        self.calls.append(f"DELETE device {request.match_info['pin']}")
        if self.fails:
            raise self.fails
        if self.devices.pop(request.match_info["pin"], None) is None:
            raise Missing("device.unknown", "no such device")
        return Done()

    async def activate(self, _caller, request) -> Done:
        self.calls.append("PUT task")
        if self.fails:
            raise self.fails
        xid, asked = request.match_info["xid"], await body(request, ActivateTask)
        checked = verify_warrant(asked.warrant, APPLICANTS, JUDGES, "in", self.clock())
        verify_logged_warrant(checked, asked.evidence, PINNED)
        verify_word(asked.status, checked.jws, checked.claims, JUDGES)
        self.tasks[xid] = asked
        self.ever.append(xid)
        async with self.changed:
            self.changed.notify_all()
        if self.lose:
            self.lose = False
            raise Ours("store.unavailable", "set, and the answer lost")
        return Done()

    async def deactivate(self, _caller, request) -> Done:
        self.calls.append("DELETE task")
        if self.fails:
            raise self.fails
        if self.tasks.pop(request.match_info["xid"], None) is None:
            raise Missing("task.unknown", "no such task")
        async with self.changed:
            self.changed.notify_all()
        return Done()


async def _ready() -> None:
    """Nothing to wait for."""


class World:
    """A carrier with its neighbours, all over mutual TLS on loopback."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self.folder = folder
        self.store_url = store_url
        self.clock = Clock()
        self.ledger = StandInLedger(self.clock)
        self.gateway = StandInGateway(self.clock)
        self.runners: list[web.AppRunner] = []
        self.sessions: list[aiohttp.ClientSession] = []
        self.store = Redis.from_url(store_url)
        self.url = ""
        self.carrier = AsyncExitStack()
        (self.mediation_port,) = free_ports(1)
        self.writers: list[asyncio.StreamWriter] = []
        self._pin_keys()

    def _pin_keys(self) -> None:
        trust = self.folder / "trust"
        files = {
            "applicants/cbi.jwk": msgspec.json.encode(APPLICANT.public.jwk()),
            "judges/delhi.jwk": msgspec.json.encode(JUDGE.public.jwk()),
            "auditors/cbi.jwk": msgspec.json.encode(AUDITOR.public.jwk()),
            "log.policy": write_policy(LOG.key.vkey(), {"w1": WITNESS.key.vkey()}, 1).encode(),
        }
        for name, raw in files.items():
            (trust / name).parent.mkdir(parents=True, exist_ok=True)
            (trust / name).write_bytes(raw)

    async def serve(self, app: web.Application, identity: str) -> str:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self.runners.append(runner)
        tls = pki.issue(identity, self.folder / "tls")
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server)
        await site.start()
        return f"https://127.0.0.1:{runner.addresses[0][1]}"

    async def start(self) -> None:
        self.gateway_url = await self.serve(self.gateway.app(), "gateway/1")
        self.ledger_url = await self.serve(self.ledger.app(), "ledger/in")
        await self.start_carrier()

    async def start_carrier(self) -> None:
        tls = pki.issue("carrier/in", self.folder / "tls")
        settings = Settings(
            listen="127.0.0.1:0",
            mediation_listen=f"127.0.0.1:{self.mediation_port}",
            state=self.folder / "carrier",
            tls=self.folder / "tls" / "carrier/in",
            trust=self.folder / "trust",
            store_url=self.store_url,
            gateway_url=self.gateway_url,
            ledger_url=self.ledger_url,
        )
        self.carrier = AsyncExitStack()
        http = await self.carrier.enter_async_context(client_session(tls.client))
        app = await wire(settings, outside_of(settings, tls, http, self.clock), self.carrier)
        self.url = await self.serve(app, "carrier/in")

    async def restart_carrier(self) -> None:
        await self.runners.pop().cleanup()
        await self.carrier.aclose()
        await self.start_carrier()

    def peer(self, identity: str) -> Peer:
        """The carrier, as `identity` reaches it; `anyone` has no certificate."""
        tls = pki.issue(identity, self.folder / "tls")
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client))
        self.sessions.append(session)
        return Peer(session, self.url, parse_identity("carrier/in"))

    def device(self, proof: str) -> Peer:
        """The carrier, as a handset reaches it: no certificate, the request signed."""
        context = device_context(self.folder / "tls" / "carrier/in" / "ca.pem")
        connector = aiohttp.TCPConnector(ssl=context)
        session = aiohttp.ClientSession(connector=connector, headers={"Authorization": proof})
        self.sessions.append(session)
        return Peer(session, self.url, parse_identity("carrier/in"))

    async def stop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        for session in self.sessions:
            await session.close()
        for runner in reversed(self.runners):
            await runner.cleanup()
        await self.carrier.aclose()
        await self.store.aclose()


async def serve(world: World, jws: GeneralJws, *, by: str = "applicant/cbi") -> Served:
    """Serve a warrant of which the court has said that it stands."""
    with suppress(TiersError, msgspec.MsgspecError):
        said = msgspec.json.decode(unb64u(jws.payload, "test.payload"), type=Claims)
        await state(world, said, Status.APPROVED, 1)
    return await world.peer(by).ask("POST", "/v1/warrants", Served, ServeWarrant(jws))


async def state(world: World, said, status: Status, serial: int, **signed) -> Done:
    body = WarrantStatus(statement(said, status, serial, **signed))
    return await world.peer("court/in").ask("POST", f"/v1/warrants/{said.jti}/status", Done, body)


async def refused(call) -> TiersError:
    with pytest.raises(TiersError) as caught:
        await call
    return caught.value
