"""Stand-ins for the parties around court and auditor: they speak the specified API over real TLS, with real keys."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from kits import pki
from tiers.chassis.client import Peer
from tiers.chassis.state import read_folder
from tiers.chassis.tls import Tls
from tiers.chassis.web import Route, application, body, raw_body
from tiers.lab.world.processes import free_ports
from tiers.wire.api.carrier import WarrantStatus
from tiers.wire.api.gateway import Done
from tiers.wire.errors import Ours, Policy, TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.trust import Trust, parse_trust
from tiers.wire.lawful.warrant import StatusStatement, verify_status
from tiers.wire.log.checkpoint import LogSigner, ProofOfLogging, WitnessSigner, b64, verify_signed
from tiers.wire.log.leaf import Leaf, parse_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash
from tiers.wire.log.policy import write_policy

MINUTE = 60_000
NOW = 1_764_000_000_000  # ms since 1970, a whole minute
JTI = "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f"
ALICE, BOB, CAROL, DAVE = "2100000a", "2100000b", "2100000c", "2100000d"
APPLICANT, JUDGE, CARRIER = (SigningKey(letter * 32) for letter in (b"A", b"J", b"C"))


def claims_json(**changed: object) -> dict[str, object]:
    """The claims of a warrant on Alice's chat and mail, for ten minutes around NOW; some of them changed."""
    return {
        "jti": JTI,
        "iss": "in",
        "aud": "in",
        "sub": ALICE,
        "nbf": NOW // 1000 - 600,
        "exp": NOW // 1000 + 600,
        "window": {"from": NOW, "until": NOW + 5 * MINUTE},
        "services": ["bbm", "email"],
        "delivery": "iri+cc",
        "agency": "cbi",
        "legal_basis": "Indian Telegraph Act 1885, s. 5(2)",
        "liid": "LIID-2013-0001",
        "salt": "c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
        **changed,
    }


@cache
def tls_of(identity: str, folder: Path) -> Tls:
    """Certificates are made once for all the tests that share a folder."""
    return pki.issue(identity, folder)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Site:
    """One application on its own loopback port, over real TLS; it can be stopped and started again."""

    def __init__(self, folder: Path, identity: str, make: Callable[[], web.Application]) -> None:
        self._tls = tls_of(identity, folder)
        self._make = make
        self._runner: web.AppRunner | None = None
        (self.port,) = free_ports(1)
        self.url = f"https://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls.server).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class People:
    """Mutual-TLS clients by identity, closed together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sessions: list[aiohttp.ClientSession] = []

    def session(self, identity: str) -> aiohttp.ClientSession:
        tls = tls_of(identity, self._folder)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client))
        self._sessions.append(session)
        return session

    def peer(self, identity: str, url: str, to: str) -> Peer:
        return Peer(self.session(identity), url, parse_identity(to))

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()


class StandinLedger:
    """A log and its witness: every leaf is on a witnessed checkpoint when it is answered."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.down = False
        self.refuses: TiersError | None = None
        self.log = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
        self.witness = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))

    @property
    def leaves(self) -> list[Leaf]:
        return [parse_leaf(entry) for entry in self.entries]

    @property
    def facts(self) -> list[str]:
        return [leaf.type for leaf in self.leaves]

    def append(self, entry: bytes) -> ProofOfLogging:
        parse_leaf(entry)
        self.entries.append(entry)
        hashes = [leaf_hash(each) for each in self.entries]
        index = len(hashes) - 1
        note = self.log.sign(TreeHead(len(hashes), _root(hashes)))
        note += self.witness.cosign(verify_signed(note, self.log.key), NOW // 1000)
        path = tuple(b64(node) for node in _path(index, hashes))
        return ProofOfLogging(index, entry.decode(), path, note)

    def application(self) -> web.Application:
        async def append(_caller: Identity, request: web.Request) -> ProofOfLogging:
            if self.down:
                raise Ours("ledger.unwitnessed", "Try again.")
            if self.refuses:
                raise self.refuses
            return self.append(await raw_body(request))

        writers = {Role.COURT, Role.AUDITOR, Role.CARRIER}
        return application([Route("POST", "/v1/leaves", writers, append, "")], CollectorRegistry(), _always)


class CarrierEar:
    """The carrier, as far as a court speaks to it: it hears statements that the judge has signed."""

    def __init__(self) -> None:
        self.heard: list[StatusStatement] = []
        self.event = asyncio.Event()
        self.refuses = False

    def application(self) -> web.Application:
        async def status(_caller: Identity, request: web.Request) -> Done:
            if self.refuses:
                raise Policy("warrant.judge", "Not now.")
            said = verify_status((await body(request, WarrantStatus)).statement, {"judge/delhi": JUDGE.public})
            assert said.jti == request.match_info["jti"]
            self.heard.append(said)
            self.event.set()
            return Done()

        routes = [Route("POST", "/v1/warrants/{jti}/status", {Role.COURT}, status, "")]
        return application(routes, CollectorRegistry(), _always)


def pin(folder: Path, ledger: StandinLedger, auditor: bytes | None = None) -> Callable[[], Trust]:
    """Write a trust folder with everybody's public keys; returns what reads it."""
    files = {
        "applicants/cbi.jwk": msgspec.json.encode(APPLICANT.public.jwk()),
        "applicants/raw.jwk": msgspec.json.encode(SigningKey(b"R" * 32).public.jwk()),
        "applicants/delhi.jwk": msgspec.json.encode(SigningKey(b"D" * 32).public.jwk()),
        "judges/delhi.jwk": msgspec.json.encode(JUDGE.public.jwk()),
        "carriers/in.jwk": msgspec.json.encode(CARRIER.public.jwk()),
        "log.policy": write_policy(ledger.log.key.vkey(), {"w1": ledger.witness.key.vkey()}, 1).encode(),
    }
    if auditor is not None:
        files["auditors/cbi.jwk"] = auditor
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return lambda: parse_trust(read_folder(folder))


def _root(hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, written down again so that the ledger does not check itself."""
    if len(hashes) == 1:
        return hashes[0]
    half = _split(len(hashes))
    return node_hash(_root(hashes[:half]), _root(hashes[half:]))


def _path(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    half = _split(len(hashes))
    if index < half:
        return [*_path(index, hashes[:half]), _root(hashes[half:])]
    return [*_path(index - half, hashes[half:]), _root(hashes[:half])]


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


async def _always() -> None:
    return None
