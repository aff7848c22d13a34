"""`tiers bench --growth`: does a message cost more where there is more? One thing grows at a time.

subscribers, tasks, leaves   the same consumer load each time: microseconds of CPU to a message, by process
workers                      processes of the relay: the same load on both channels
sessions                     idle ones, held open from here, then accept latency of others beside them
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

import msgspec
from redis.asyncio import Redis
from rich.progress import Progress

from bench.client import Client, open_all
from bench.load import Member, parties_of
from bench.results import Latency, Result
from bench.stage import Stage, staged
from tiers.chassis.listener import raise_descriptors
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
    bar = progress.add_task("Growth", total=len((*SUBSCRIBERS, *TASKS, *LEAVES, *IDLE, *WORKERS, *WORKERS)))
    steps: list[Step] = []

    def done(step: Step) -> None:
        steps.append(step)
        progress.update(bar, advance=1, description=f"{step.what}: {step.size:,}")

    async with staged() as stage:
        members = await stage.subscribers(0x52000000, SESSIONS)
        for grow in (_idle_sessions, _subscribers, _tasks, _leaves):
            await grow(stage, members, done)
    for workers in WORKERS:
        await _workers(workers, done)
    return Grown(steps)


async def _workers(workers: int, done: Callable[[Step], None]) -> None:
    async with staged(workers) as stage:
        for channel, members in (
            (Channel.ENTERPRISE, await stage.employees(0x51000000, SESSIONS)),
            (Channel.CONSUMER, await stage.subscribers(0x52000000, SESSIONS)),
        ):
            spec = stage.spec(members, channel, each=2 * MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
            done(_step(f"workers, {channel}", workers, await stage.load(spec)))


async def _subscribers(stage: Stage, members: tuple[Member, ...], done: Callable[[Step], None]) -> None:
    """Write records as the relay and the carrier write them: to register a million by request takes an hour."""
    have, key = SESSIONS, SigningKey(os.urandom(32))
    async with Redis.from_url(stage.world.store.urls[Role.CARRIER]) as carrier:
        for size in SUBSCRIBERS:
            pins = [f"{0x60000000 + number:08x}" for number in range(have, size)]
            await _recorded(stage, pins, key)
            for some in _portions(pins):
                await carrier.hset("carrier:subscribers", mapping=dict.fromkeys(some, bytes(32)))
            have = size
            done(await _closed(stage, members, "subscribers", size))


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


async def _tasks(stage: Stage, members: tuple[Member, ...], done: Callable[[Step], None]) -> None:
    have = 0
    for size in TASKS:
        for first in range(have, size, 20):
            await asyncio.gather(*(stage.task(f"{0x60000000 + n:08x}") for n in range(first, min(first + 20, size))))
        have = size
        done(await _closed(stage, members, "tasks", size))


async def _leaves(stage: Stage, members: tuple[Member, ...], done: Callable[[Step], None]) -> None:
    """Add to the ledger's journal what a crash would leave there: to append a million by request takes ten minutes."""
    have = 0
    for size in LEAVES:
        await stop(stage.world.children["ledger"])
        with (stage.world.state("ledger") / "journal").open("ab") as journal:
            journal.writelines(_record(_leaf(stage)) for _ in range(size - have))
        have = size
        await stage.world.launch("ledger")
        done(await _closed(stage, members, "leaves", size))


def _record(entry: bytes) -> bytes:
    """Write an entry as it stands in the journal: its length, its checksum, itself."""
    return struct.pack(">H8s", len(entry), sha256(entry).digest()[:8]) + entry


def _leaf(stage: Stage) -> bytes:
    seal = Seal(os.urandom(SALT_BYTES), "order", os.urandom(32))
    author, now = Author(party("carrier").identity, "IN"), stage.world.clock.now()
    return encode_leaf(author.leaf("warrant.refused", now, "unknown", seal.commit(), detail="warrant.malformed"))


async def _idle_sessions(stage: Stage, members: tuple[Member, ...], done: Callable[[Step], None]) -> None:
    key = SigningKey(os.urandom(32))
    pins = [f"{0x70000000 + number:08x}" for number in range(max(IDLE))]
    await _recorded(stage, pins, key, ACME)
    sleepers = tuple(Member(pin, b64u(key.reveal())) for pin in pins)
    for size in IDLE:
        async with _asleep(stage, sleepers[:size]):
            spec = stage.spec(members, Channel.CONSUMER, each=5 * RATE // SESSIONS, rate=RATE)
            done(_step("sessions", size, await stage.load(spec)))


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


async def _closed(stage: Stage, members: tuple[Member, ...], what: str, size: int) -> Step:
    spec = stage.spec(members, Channel.CONSUMER, each=MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
    return _step(what, size, await stage.load(spec))


def _step(what: str, size: int, result: Result) -> Step:
    memory = sum(used.rss for name, used in result.usage.items() if name.startswith("relay"))
    cpu = {name: round(one, 1) for name, one in result.work().items()}
    return Step(what, size, cpu, memory, result.accept, round(result.rate))
