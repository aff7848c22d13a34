"""The world: every party as its own process, with its own identity, state directory and store user.

A world lives in one fresh folder (0700): `state/<party>`, `tls/<role>/<name>`, `trust/`, `logs/`, `store/`, `people/`,
`handsets/`. It knows addresses and files; what people do with it is in `desk.py`.
"""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import msgspec

from tiers.chassis.client import Peer, client_session
from tiers.chassis.state import StateDir, replace_file
from tiers.chassis.tls import Tls
from tiers.lab.world import arrangement as arrangements
from tiers.lab.world import cluster as cluster_module
from tiers.lab.world import store as store_module
from tiers.lab.world.arrangement import Arrangement
from tiers.lab.world.cast import ACME, GLOBEX, PARTIES, PEOPLE, WITNESS_QUORUM, WITNESSES, Party, party
from tiers.lab.world.clock import Clock
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import LAUNCHER, Child, base_environ, get_ready, held_ports, start_party, stop
from tiers.lab.world.store import Store
from tiers.lab.world.tap import Tap
from tiers.measure.capture.places import Before, around
from tiers.wire.custody import GlobalKey
from tiers.wire.errors import Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.policy import FILE, write_policy

WORD_MINUTES = 120
"""How long the court's word holds in the classroom: a quarter less, and a court may be down for an hour."""

# Which public file of a party goes where in the trust folder.
PUBLIC = {
    "court": ("judge.jwk", "judges/delhi.jwk"),
    "carrier": ("carrier.jwk", "carriers/in.jwk"),
    "auditor": ("auditor.jwk", "auditors/cbi.jwk"),
}


@dataclass(slots=True)
class World:
    """A running world."""

    root: Path
    authority: Authority
    ports: Mapping[str, int]
    store: Store
    clock: Clock
    children: dict[str, Child] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    arrangement: Arrangement = field(default_factory=lambda: arrangements.load(arrangements.DEFAULT))
    workers: int = 1
    taps: Mapping[str, Tap] = field(default_factory=dict)
    """What listens on the links between parties; whoever has an address from here goes through it."""
    before: Before = field(default_factory=lambda: around(Path.cwd()))
    """What lay about in temporary folders, home and here, before any party ran."""
    count: ClassVar[int] = 0
    """How many this process has booted."""

    def url(self, name: str) -> str:
        """Return the address of a party."""
        return f"https://127.0.0.1:{self._reached(name)}"

    def _reached(self, name: str) -> int:
        return self.taps[name].port if name in self.taps else self.ports[name]

    def state(self, name: str) -> Path:
        """Return a party's state directory."""
        return self.root / "state" / name

    def log(self, name: str) -> Path:
        """Return a party's log; the store writes plain lines."""
        return self.root / "logs" / (f"{name}.log" if name == "store" else f"{name}.jsonl")

    def tls(self, identity: Identity) -> Path:
        """Return the folder of an identity's certificate."""
        return self.root / "tls" / identity.role / identity.name

    @property
    def ca(self) -> Path:
        return self.tls(PEOPLE[0]) / "ca.pem"

    def settings(self, one: Party) -> dict[str, str]:
        """Return a party's settings, as `TIERS_…` variables."""
        said = {
            "listen": f"127.0.0.1:{self.ports[one.name]}",
            "state": str(self.state(one.name)),
            "tls": str(self.tls(one.identity)),
            "trust": str(self.root / "trust"),
            "name": one.identity.name,
            "jurisdiction": self.arrangement.declared.jurisdiction,
            **{f"{name}_url": self.url(name) for name in ("gateway", "carrier", "ledger")},
        }
        more = {
            "gateway": {
                "mediation": f"127.0.0.1:{self._reached('mediation')}",
                "workers": str(self.workers),
                **self.arrangement.settings(),
            },
            "carrier": {"mediation_listen": f"127.0.0.1:{self.ports['mediation']}"},
            "court": {"word_minutes": str(WORD_MINUTES), "escrow": str(self.arrangement.escrow)},
            "auditor": {"court_url": self.url("court") if self.arrangement.escrow else ""},
        }
        said |= more.get(one.name, {})
        if one.identity.role in self.store.urls:
            said |= self.store.settings(one.identity.role)
        return {f"TIERS_{key.upper()}": value for key, value in said.items()}

    async def launch(self, name: str) -> None:
        """Start one party (again) and wait until it listens."""
        one = party(name)
        fault = ["--fault", self.faults[name]] if name in self.faults else []
        command = [*LAUNCHER, str(self.clock.path), *fault, one.program]
        environ = base_environ() | self.settings(one)
        self.children[name] = await start_party(name, command, environ, self.log(name))

    async def halt(self) -> None:
        """Stop everything, the store last, and not gently: what it has accepted is on disk."""
        await asyncio.gather(*(stop(child) for child in self.children.values()))
        await asyncio.gather(*(tap.stop() for tap in self.taps.values()))
        await asyncio.gather(*(stop(child, signal.SIGKILL) for child in self.store.children))
        await store_module.left_clean(self.store)

    def issue(self) -> None:
        """Issue a fresh certificate to every party and person. Running parties take theirs up by themselves."""
        for identity in [*(one.identity for one in PARTIES), *PEOPLE]:
            self.authority.issue(identity, self.tls(identity))

    def publish_keys(self) -> None:
        """Copy the public keys that parties made for themselves into the trust folder: the exchange out of band."""
        for name, (own, pinned) in PUBLIC.items():
            self.pin(pinned, (self.state(name) / own).read_bytes())
        self.pin(FILE, log_policy(self.root / "state", {name: self.url(name) for name in WITNESSES}).encode())

    def pin(self, name: str, data: bytes) -> None:
        """Have every party pin a public key, by its name in the trust folder, which they read while they run."""
        replace_file(self.root / "trust" / name, data)

    def factory_key(self) -> GlobalKey | None:
        """Return the global key, where the arrangement has one: the maker keeps a copy beside the carrier's keys."""
        if not self.arrangement.custody.names("global/"):
            return None
        return StateDir(self.state("carrier")).key("global.key", GlobalKey)

    def applicant_key(self) -> SigningKey:
        """Return the applicant's signing key, made at first use."""
        return StateDir(self.root / "people" / "applicant").key("sign.key", SigningKey)


def log_policy(states: Path, urls: Mapping[str, str]) -> str:
    """Write the policy of the log, from the keys that log and witnesses made; `urls` are the witnesses' addresses."""
    keys = {name: (states / name / "witness.vkey").read_text(encoding="ascii").strip() for name in urls}
    log = (states / "ledger" / "log.vkey").read_text(encoding="ascii").strip()
    return write_policy(log, keys, WITNESS_QUORUM, urls)


def customer_of(org: str) -> str:
    return {ACME: "acme", GLOBEX: "globex"}[org]


@asynccontextmanager
async def booted(  # noqa: PLR0913 - what a world is told, each once
    root: Path,
    store_url: str = "",
    faults: Mapping[str, str] | None = None,
    arrangement: Arrangement | None = None,
    workers: int = 1,
    *,
    cluster: bool = False,
    tapped: bool = True,
) -> AsyncIterator[World]:
    """Boot a world in a fresh folder; stop every child on the way out, whatever happens.

    `faults` names, for a party, the fault that its process starts with (faults/registry.py). The `arrangement` is
    India's unless another is given. The relay has `workers` processes. A `cluster` of three nodes is the store then,
    unless `store_url` names one. The links between parties are `tapped`, unless their speed is what is looked at.
    """
    get_ready()
    if root.exists():
        shutil.rmtree(root)
    for folder in ("state", "logs", "trust", "people", "handsets", "taps"):
        (root / folder).mkdir(mode=0o700, parents=True)
    root.chmod(0o700)
    names = [one.name for one in PARTIES]
    with held_ports(len(names) + 1) as numbers:
        ports = dict(zip([*names, "mediation"], numbers, strict=True))
        store = await _store(root, store_url, cluster=cluster)
        world = World(root, Authority.create(), ports, store, Clock.start(root / "clock"), faults=faults or {})
        world.workers, world.arrangement = workers, arrangement or world.arrangement
        if tapped:
            world.taps = {name: Tap(root / "taps" / f"{name}.bin", port) for name, port in ports.items()}
        try:
            await asyncio.gather(*(tap.start() for tap in world.taps.values()))
            world.issue()
            world.pin("applicants/cbi.jwk", msgspec.json.encode(world.applicant_key().public.jwk()))
            await asyncio.gather(*(world.launch(name) for name in names))
            world.publish_keys()
            World.count += 1
            yield world
        finally:
            await world.halt()


async def _store(root: Path, url: str, *, cluster: bool) -> Store:
    if url and cluster:
        raise Yours("lab.cluster", "Leave out --cluster, or unset TIERS_STORE_URL: one of them names the store.")
    if url:
        return await store_module.external(url)
    start = cluster_module.started if cluster else store_module.embedded
    return await start(root / "store", root / "logs" / "store.log")


class As:
    """The parties, as one identity reaches them: its certificate, one connection pool."""

    def __init__(self, world: World, identity: Identity) -> None:
        self.identity = identity
        self._world = world
        self._http = client_session(Tls(world.tls(identity)).client)

    def peer(self, name: str) -> Peer:
        return Peer(self._http, self._world.url(name), party(name).identity)

    async def close(self) -> None:
        await self._http.close()
