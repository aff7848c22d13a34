"""What the bench stands on: a world of real processes, groups of sessions in it, and the yardstick beside it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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
from tiers.lab.world.processes import LAUNCHER, PYTHON, Child, base_environ, children_of, free_ports, start_party, stop
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


def environ() -> dict[str, str]:
    """Return what a process of the bench inherits: what a party does, and where the bench lies."""
    return base_environ() | {"PYTHONPATH": str(Path(__file__).parents[1])}


@dataclass(frozen=True, slots=True)
class Yardstick:
    child: Child
    store: Child
    port: int


@dataclass(frozen=True, slots=True)
class Stage:
    world: World
    bare: Yardstick
    http: aiohttp.ClientSession
    desk: Desk
    """The people of the classroom, without its handsets."""

    async def subscribers(self, first: int, count: int) -> tuple[Member, ...]:
        return await _several(self._subscriber, range(first, first + count))

    async def employees(self, first: int, count: int) -> tuple[Member, ...]:
        return await _several(self._employee, range(first, first + count))

    async def task(self, pin: str, minutes: int = 60) -> None:
        """Have a warrant on a PIN signed, served and its task activated, as people would."""
        jti = await self.desk.apply_on(pin, tuple(Service), minutes)
        await self.desk.decide(jti, "approval")
        await self.desk.serve(jti)

    async def load(self, spec: Spec) -> Result:
        """Run one load process to its end; raises `Ours` if it fails."""
        return await load(self.world.root, spec)

    def running(self, module: str, spec: Spec) -> AbstractAsyncContextManager[asyncio.StreamReader]:
        """Run a process of the bench; gives what it says, and stops it at the end."""
        return running(self.world.root, module, spec)

    async def counted(self, name: str, sample: str) -> float:
        """Read one sample of a party's metrics; 0 where there is none yet."""
        page = (await self.desk.as_(OPERATOR).peer(name).ask_raw("GET", "/metrics")).decode()
        values = (line.rpartition(" ") for line in page.splitlines())
        return next((float(value) for found, _, value in values if found == sample), 0.0)

    def pids(self, *, bare: bool) -> dict[str, int]:
        if bare:
            return {"relay": self.bare.child.pid, "store": self.bare.store.pid}
        stores = self.world.store.children
        gateway, carrier = self.world.children["gateway"].pid, self.world.children["carrier"].pid
        relays = _numbered("relay", children_of(gateway) or [gateway])
        return relays | {"carrier": carrier} | _numbered("store", [child.pid for child in stores])

    def spec(self, members: tuple[Member, ...], channel: Channel, *, bare: bool = False, **how: Any) -> Spec:
        """Return what a group is to do, and `how`: `each`, `in_flight`, `rate`, `absent` of `Spec`."""
        port = self.bare.port if bare else self.world.ports["gateway"]
        pids, ca = self.pids(bare=bare), str(self.world.ca)
        return Spec(port=port, ca=ca, channel=channel, members=members, pids=pids, **how)

    async def _subscriber(self, number: int) -> Member:
        pin, sign = f"{number:08x}", SigningKey(os.urandom(32))
        hpke, to = HpkePrivateKey.generate(), party("carrier").identity
        voucher = await self.desk.voucher(pin)
        body = msgspec.json.encode(Enrol(pin, sign.public.jwk(), hpke.public.jwk(), voucher))
        proof = sign_request(sign, pin, to, Request("POST", "/v1/subscribers", body), self.world.clock.now())
        carrier = Peer(self.http, self.world.url("carrier"), to)
        done = await carrier.ask("POST", "/v1/subscribers", Enrolled, body, proof)
        return _member(pin, sign, tuple(NodeJson.of(node) for node in open_keys(done, to, pin, hpke)))

    async def _employee(self, number: int) -> Member:
        pin, sign = f"{number:08x}", SigningKey(os.urandom(32))
        relay = self.desk.as_(party("acme").identity).peer("gateway")
        await relay.ask("PUT", f"/v1/devices/{pin}", Done, RegisterDevice(sign.public.jwk()))
        return _member(pin, sign, ())


@asynccontextmanager
async def running(folder: Path, module: str, spec: Spec) -> AsyncIterator[asyncio.StreamReader]:
    """Run a process of the bench on the time of `folder`, its spec there, too; gives what it says, and stops it."""
    path = folder / f"{module}.json"
    replace_file(path, msgspec.json.encode(spec))
    process = await asyncio.create_subprocess_exec(
        *(*LAUNCHER, str(folder / "clock"), module, str(path)),
        stdout=asyncio.subprocess.PIPE,
        env=environ(),
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if not process.stdout.at_eof():
            with suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def load(folder: Path, spec: Spec) -> Result:
    async with running(folder, "bench.load", spec) as said:
        out = await said.read()
    try:
        return msgspec.json.decode(out, type=Result)
    except msgspec.MsgspecError:
        raise Ours("bench.load", "Look at what the load generator wrote above: it stopped half-way.") from None


async def _several(make: Callable[[int], Awaitable[Member]], numbers: range) -> tuple[Member, ...]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Member:
        async with gate:
            return await make(number)

    return tuple(await asyncio.gather(*map(one, numbers)))


def _numbered(name: str, pids: list[int]) -> dict[str, int]:
    return {name: pids[0]} if len(pids) == 1 else {f"{name} {number}": pid for number, pid in enumerate(pids, 1)}


def _member(pin: str, sign: SigningKey, nodes: tuple[NodeJson, ...]) -> Member:
    return Member(pin, b64u(sign.reveal()), nodes)


@asynccontextmanager
async def staged(workers: int = 1, *, cluster: bool = False) -> AsyncIterator[Stage]:
    """Boot the world, its relay with so many workers, and the bare relay in a fresh folder.

    With a `cluster` for the world's store; the bare relay keeps a store of its own that stands alone.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tiers-bench-"))
        world = await stack.enter_async_context(booted(Path(folder) / "world", workers=workers, cluster=cluster))
        bare = await yardstick(world.root / "bare", world.tls(party("gateway").identity))
        stack.push_async_callback(stop, bare.store)
        stack.push_async_callback(stop, bare.child)
        connector = aiohttp.TCPConnector(ssl=device_context(world.ca), limit=AT_ONCE)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield Stage(world, bare, http, Desk(world, {}, stack))


async def yardstick(folder: Path, tls: Path) -> Yardstick:
    folder.mkdir(mode=0o700)
    store = await store_module.embedded(folder / "store", folder / "store.log", {Role.GATEWAY: "~* +@all"})
    (own,) = store.children
    password = unquote(urlsplit(store.urls[Role.GATEWAY]).password or "")
    (port,) = free_ports(1)
    socket = unquote(urlsplit(store.urls[Role.GATEWAY]).path)
    command = [*PYTHON, "-m", "bench.bare", str(port), socket, str(tls)]
    own_environ = environ() | {"BARE_STORE_PASSWORD": password}
    child = await start_party("bare", command, own_environ, folder / "relay.jsonl")
    return Yardstick(child, own, port)
