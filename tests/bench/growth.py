"""`tiers bench --growth`: does a message cost more where there is more? One thing grows at a time.

subscribers, tasks, leaves   the same consumer load each time: microseconds of CPU to a message, by process
workers                      processes of the relay: the same load on both channels
sessions                     idle ones, held open from here, then accept latency of others beside them
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from itertools import pairwise

import msgspec
from redis.asyncio import Redis
from rich.progress import Progress

from bench.client import Client, open_all
from bench.load import Member, Spec, parties_of
from bench.results import Latency
from bench.stage import Stage, several, staged
from tiers.chassis.begin import raise_descriptors
from tiers.lab.world.cast import ACME, party
from tiers.lab.world.processes import stop
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours
from tiers.wire.identity import Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.leaf import SALT_BYTES, Author, Seal, encode_leaf
from tiers.wire.message.envelope import Channel

SESSIONS, IN_FLIGHT, MESSAGES = 100, 8, 10_000
SUBSCRIBERS = (100, 10_000, 1_000_000)
TASKS = (0, 1000)
LEAVES = (1000, 10_000, 100_000, 1_000_000)
IDLE = (0, 1000, 10_000)
WORKERS = (1, 2)
RATE = 1000
_CHUNK = 5000


class Step(msgspec.Struct, frozen=True):
    """One measurement: what grew, to how many; microseconds of CPU to a message; memory in MiB; latencies in ms."""

    what: str
    size: int
    cpu: dict[str, float]
    relay: float
    accept: Latency
    rate: float = 0.0


class Grown(msgspec.Struct, frozen=True):
    steps: list[Step]


async def measure(progress: Progress) -> Grown:
    raise_descriptors()
    grows = (("subscribers", SUBSCRIBERS, _subscribers), ("tasks", TASKS, _tasks), ("leaves", LEAVES, _leaves))
    bar = progress.add_task("Growth", total=len((*SUBSCRIBERS, *TASKS, *LEAVES, *IDLE, *WORKERS, *WORKERS)))
    steps: list[Step] = []

    async def step(stage: Stage, what: str, size: int, spec: Spec) -> None:
        result = await stage.load(spec)
        memory = sum(used.rss for name, used in result.usage.items() if name.startswith("relay"))
        cpu = {name: round(one, 1) for name, one in result.work().items()}
        steps.append(Step(what, size, cpu, memory, result.accept, round(result.rate)))
        progress.update(bar, advance=1, description=f"{what}: {size:,}")

    async with staged() as stage:
        members = await stage.subscribers(0x52000000, SESSIONS)
        sleepers = await _sleepers(stage)
        for size in IDLE:
            async with _asleep(stage, sleepers[:size]):
                spec = stage.spec(members, Channel.CONSUMER, each=5 * RATE // SESSIONS, rate=RATE)
                await step(stage, "sessions", size, spec)
        closed = stage.spec(members, Channel.CONSUMER, each=MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
        for what, sizes, grow in grows:
            for have, size in pairwise((0, *sizes)):
                await grow(stage, have, size)
                await step(stage, what, size, closed)
    for workers in WORKERS:
        async with staged(workers) as stage:
            for channel, members in (
                (Channel.ENTERPRISE, await stage.employees(0x51000000, SESSIONS)),
                (Channel.CONSUMER, await stage.subscribers(0x52000000, SESSIONS)),
            ):
                spec = stage.spec(members, channel, each=2 * MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
                await step(stage, f"workers, {channel}", workers, spec)
    return Grown(steps)


async def _subscribers(stage: Stage, have: int, size: int) -> None:
    """Write records as the relay and the carrier write them: to register a million by request takes an hour."""
    pins = [f"{0x60000000 + number:08x}" for number in range(max(have, SESSIONS), size)]
    await _recorded(stage, pins, SigningKey(os.urandom(32)))
    async with Redis.from_url(stage.world.store.urls[Role.CARRIER]) as carrier:
        for some in _portions(pins):
            await carrier.hset("carrier:subscribers", mapping=dict.fromkeys(some, bytes(32)))


def _portions(pins: list[str]) -> list[list[str]]:
    return [pins[first : first + _CHUNK] for first in range(0, len(pins), _CHUNK)]


async def _recorded(stage: Stage, pins: list[str], key: SigningKey, org: str | None = None) -> None:
    """Write the records of devices with one key for all, as the relay does."""
    async with Redis.from_url(stage.world.store.urls[Role.GATEWAY]) as store:
        for some in _portions(pins):
            said = store.pipeline(transaction=False)
            for pin in some:
                record = {"pin": pin, "sign": key.public.jwk(), "carrier": "in", "org": org}
                said.set(f"gateway:device:{pin}", msgspec.json.encode(record))
            await said.execute()


async def _tasks(stage: Stage, have: int, size: int) -> None:
    await several(stage.task, [f"{0x60000000 + number:08x}" for number in range(have, size)])


async def _leaves(stage: Stage, have: int, size: int) -> None:
    """Add to the ledger's journal what a crash would leave there: to append a million by request takes ten minutes."""
    await stop(stage.world.children["ledger"])
    with (stage.world.state("ledger") / "journal").open("ab") as journal:
        journal.writelines(_record(_leaf(stage)) for _ in range(size - have))
    await stage.world.launch("ledger")


def _record(entry: bytes) -> bytes:
    """Write an entry as it stands in the journal: its length, its checksum, itself."""
    return struct.pack(">H8s", len(entry), sha256(entry).digest()[:8]) + entry


def _leaf(stage: Stage) -> bytes:
    seal = Seal(os.urandom(SALT_BYTES), "order", os.urandom(32))
    author, now = Author(party("carrier").identity, "IN"), stage.world.clock.now()
    return encode_leaf(author.leaf("warrant.refused", now, "unknown", seal.commit(), detail="warrant.malformed"))


async def _sleepers(stage: Stage) -> tuple[Member, ...]:
    key = SigningKey(os.urandom(32))
    pins = [f"{0x70000000 + number:08x}" for number in range(max(IDLE))]
    await _recorded(stage, pins, key, ACME)
    return tuple(Member(pin, b64u(key.reveal())) for pin in pins)


@asynccontextmanager
async def _asleep(stage: Stage, members: tuple[Member, ...]) -> AsyncIterator[None]:
    """Hold sessions open that nobody writes to; at the end the relay has none left."""
    spec = stage.spec(members, Channel.ENTERPRISE)
    clients = [Client(one, lambda _m: None, lambda _k: None, lambda _m, _c: None) for one in parties_of(spec)]
    await open_all(clients, spec.port, stage.world.ca)
    try:
        yield
    finally:
        for client in clients:
            client.close()
    with suppress(Ours):  # too busy with their end to tell of it
        while await stage.counted("gateway", "tiers_gateway_sessions"):
            await asyncio.sleep(0.2)
