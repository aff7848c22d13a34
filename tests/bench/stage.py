"""What the bench stands on: a world of real processes, groups of sessions in it, and the yardstick beside it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec

from bench.load import Member, Spec
from bench.results import Result
from tiers.chassis.client import Peer
from tiers.chassis.state import replace_file
from tiers.chassis.tls import device_context
from tiers.lab.classroom.desk import Desk
from tiers.lab.world import store as store_module
from tiers.lab.world.cast import OPERATOR, party
from tiers.lab.world.processes import LAUNCHER, PYTHON, base_environ, children_of, free_ports, start_party, stop
from tiers.lab.world.world import World, booted
from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.api.gateway import Done, RegisterDevice
from tiers.wire.encoding import b64u
from tiers.wire.enrolment import open_keys
from tiers.wire.errors import Ours
from tiers.wire.identity import Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import NodeJson
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.proof import Request, sign_request
from tiers.wire.message.sealing import HpkePrivateKey

AT_ONCE = 16
T = TypeVar("T")
R = TypeVar("R")


def environ() -> dict[str, str]:
    """Return what a process of the bench inherits: what a party does, and where the bench lies."""
    return base_environ() | {"PYTHONPATH": str(Path(__file__).parents[1])}


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The bare relay: where it listens, and the processes that work for it."""

    port: int
    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class Stage:
    world: World
    bare: Yardstick
    http: aiohttp.ClientSession
    desk: Desk
    """The people of the classroom, without its handsets."""

    async def subscribers(self, first: int, count: int) -> tuple[Member, ...]:
        return await several(self._subscriber, range(first, first + count))

    async def employees(self, first: int, count: int) -> tuple[Member, ...]:
        return await several(self._employee, range(first, first + count))

    async def task(self, pin: str) -> None:
        """Have a warrant on a PIN signed, served and its task activated, as people would."""
        jti = await self.desk.apply_on(pin, tuple(Service), 60)
        await self.desk.decide(jti, "approval")
        await self.desk.serve(jti)

    async def load(self, spec: Spec) -> Result:
        """Run one load process to its end; raises `Ours` if it fails, or not everything arrived once."""
        result = await load(self.world.root, spec)
        if result.lost or result.twice:
            raise Ours("bench.promise", f"{result.lost} messages were lost, {result.twice} came twice.")
        return result

    async def counted(self, name: str, sample: str) -> float:
        """Read one sample of a party's metrics; 0 where there is none yet."""
        page = (await self.desk.as_(OPERATOR).peer(name).ask_raw("GET", "/metrics")).decode()
        values = (line.rpartition(" ") for line in page.splitlines())
        return next((float(value) for found, _, value in values if found == sample), 0.0)

    def pids(self) -> dict[str, int]:
        stores = self.world.store.children
        gateway, carrier = self.world.children["gateway"].pid, self.world.children["carrier"].pid
        relays = _numbered("relay", children_of(gateway) or [gateway])
        return relays | {"carrier": carrier} | _numbered("store", [child.pid for child in stores])

    def spec(self, members: tuple[Member, ...], channel: Channel, *, bare: bool = False, **how: Any) -> Spec:
        """Return what a group is to do, and `how`: `each`, `in_flight`, `rate` of `Spec`."""
        port, pids = (self.bare.port, self.bare.pids) if bare else (self.world.ports["gateway"], self.pids())
        return Spec(port=port, ca=str(self.world.ca), channel=channel, members=members, pids=pids, **how)

    async def _subscriber(self, number: int) -> Member:
        pin, sign = f"{number:08x}", SigningKey(os.urandom(32))
        hpke, to = HpkePrivateKey.generate(), party("carrier").identity
        voucher = await self.desk.voucher(pin)
        body = msgspec.json.encode(Enrol(pin, sign.public.jwk(), hpke.public.jwk(), voucher))
        proof = sign_request(sign, pin, to, Request("POST", "/v1/subscribers", body), self.world.clock.now())
        carrier = Peer(self.http, self.world.url("carrier"), to)
        done = await carrier.ask("POST", "/v1/subscribers", Enrolled, body, proof)
        return Member(pin, b64u(sign.reveal()), tuple(NodeJson.of(node) for node in open_keys(done, to, pin, hpke)))

    async def _employee(self, number: int) -> Member:
        pin, sign = f"{number:08x}", SigningKey(os.urandom(32))
        relay = self.desk.as_(party("acme").identity).peer("gateway")
        await relay.ask("PUT", f"/v1/devices/{pin}", Done, RegisterDevice(sign.public.jwk()))
        return Member(pin, b64u(sign.reveal()))


async def load(folder: Path, spec: Spec) -> Result:
    """Run one load process on the time of `folder`, its spec there, too; raises `Ours` if it fails."""
    path = folder / "bench.load.json"
    replace_file(path, msgspec.json.encode(spec))
    command = (*LAUNCHER, str(folder / "clock"), "bench.load", str(path))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environ())
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
    try:
        return msgspec.json.decode(out, type=Result)
    except msgspec.MsgspecError:
        raise Ours("bench.load", "Look at what the load generator wrote above: it stopped half-way.") from None


async def several(make: Callable[[T], Awaitable[R]], items: Iterable[T]) -> tuple[R, ...]:
    """Make something of each item, so many of them at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with gate:
            return await make(item)

    return tuple(await asyncio.gather(*map(one, items)))


def _numbered(name: str, pids: list[int]) -> dict[str, int]:
    return {name: pids[0]} if len(pids) == 1 else {f"{name} {number}": pid for number, pid in enumerate(pids, 1)}


@asynccontextmanager
async def staged(workers: int = 1, *, cluster: bool = False) -> AsyncIterator[Stage]:
    """Boot the world, its relay with so many workers, and the bare relay in a fresh folder.

    With a `cluster` for the world's store; the bare relay keeps a store of its own that stands alone.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tiers-bench-"))
        world = await stack.enter_async_context(
            booted(Path(folder) / "world", workers=workers, cluster=cluster, tapped=False)
        )
        tls = world.tls(party("gateway").identity)
        bare = await stack.enter_async_context(yardstick(world.root / "bare", tls))
        connector = aiohttp.TCPConnector(ssl=device_context(world.ca), limit=AT_ONCE)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield Stage(world, bare, http, Desk(world, {}, stack))


@asynccontextmanager
async def yardstick(folder: Path, tls: Path) -> AsyncIterator[Yardstick]:
    """Start the bare relay and a store of its own in a new folder; stop both at the end."""
    folder.mkdir(mode=0o700)
    store = await store_module.embedded(folder / "store", folder / "store.log", {Role.GATEWAY: "~* +@all"})
    (own,) = store.children
    password = unquote(urlsplit(store.urls[Role.GATEWAY]).password or "")
    (port,) = free_ports(1)
    socket = unquote(urlsplit(store.urls[Role.GATEWAY]).path)
    command = [*PYTHON, "-m", "bench.bare", str(port), socket, str(tls)]
    own_environ = environ() | {"BARE_STORE_PASSWORD": password}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop, own)
        child = await start_party("bare", command, own_environ, folder / "relay.jsonl")
        stack.push_async_callback(stop, child)
        yield Yardstick(port, {"relay": child.pid, "store": own.pid})
