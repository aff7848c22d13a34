"""`tiers bench --growth`: does a message cost more where there is more? One thing grows at a time.

subscribers, tasks, leaves   the same consumer load each time: microseconds of CPU to a message, by process
workers                      processes of the relay: the same load on both channels
sessions                     idle ones, then accept latency of others beside them
mailboxes                    full ones drain while others send: does anybody wait?
"""

import asyncio
import os
import resource
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

import msgspec
from redis.asyncio import Redis
from rich.progress import Progress

from bench.load import Member
from bench.results import Latency, Result
from bench.stage import Stage, staged
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
FULL_MAILBOXES, IN_EACH = 10, 10_000
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
    """All of it. `drained` is messages a second out of full mailboxes."""

    steps: list[Step]
    drained: float


async def measure(progress: Progress) -> Grown:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    bar = progress.add_task(
        "Growth", total=len(SUBSCRIBERS) + len(TASKS) + len(LEAVES) + len(IDLE) + 2 * len(WORKERS) + 2
    )
    steps: list[Step] = []

    def done(step: Step) -> None:
        steps.append(step)
        progress.update(bar, advance=1, description=f"{step.what}: {step.size:,}")

    async with staged() as stage:
        members = await stage.subscribers(0x52000000, SESSIONS)
        await _idle_sessions(stage, members, done)
        drained = await _full_mailboxes(stage, members, done)
        for grow in (_subscribers, _tasks, _leaves):
            await grow(stage, members, done)
    for workers in WORKERS:
        await _workers(workers, done)
    return Grown(steps, drained)


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
            for some in await _recorded(stage, pins, key):
                await carrier.hset("carrier:subscribers", mapping=dict.fromkeys(some, bytes(32)))
            have = size
            done(await _closed(stage, members, "subscribers", size))


async def _recorded(stage: Stage, pins: list[str], key: SigningKey, org: str | None = None) -> list[list[str]]:
    """Write the records of devices with one key for all, as the relay does; returns the PINs in handy portions."""
    portions = [pins[first : first + _CHUNK] for first in range(0, len(pins), _CHUNK)]
    async with Redis.from_url(stage.world.store.urls[Role.GATEWAY]) as store:
        for some in portions:
            records = {pin: {"pin": pin, "sign": key.public.jwk(), "carrier": "in", "org": org} for pin in some}
            await store.mset({f"gateway:device:{pin}": msgspec.json.encode(one) for pin, one in records.items()})
    return portions


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
    sleepers = await _sleepers(stage, max(IDLE))
    for size in IDLE:
        async with _beside(stage, sleepers[:size], 0):
            done(await _open(stage, members, "sessions", size))


async def _sleepers(stage: Stage, count: int) -> tuple[Member, ...]:
    key = SigningKey(os.urandom(32))
    pins = [f"{0x70000000 + number:08x}" for number in range(count)]
    await _recorded(stage, pins, key, ACME)
    return tuple(Member(pin, b64u(key.reveal())) for pin in pins)


async def _full_mailboxes(stage: Stage, members: tuple[Member, ...], done: Callable[[Step], None]) -> float:
    """Fill mailboxes to their bound, then drain them all while others send; returns messages a second drained."""
    receivers = await stage.employees(0x71000000, FULL_MAILBOXES)
    senders = await stage.employees(0x72000000, SESSIONS)
    each, absent = FULL_MAILBOXES * IN_EACH // SESSIONS, tuple(one.pin for one in receivers)
    filling = stage.spec(senders, Channel.ENTERPRISE, each=each, in_flight=IN_FLIGHT, absent=absent)
    done(_step("filling", FULL_MAILBOXES * IN_EACH, await stage.load(filling)))
    async with _beside(stage, receivers, IN_EACH) as said:
        step = await _open(stage, members, "draining", FULL_MAILBOXES * IN_EACH)
        drained = msgspec.json.decode(await said.readline())
    done(step)
    return float(drained["messages"]) / float(drained["seconds"])


@asynccontextmanager
async def _beside(stage: Stage, members: tuple[Member, ...], each: int) -> AsyncIterator[asyncio.StreamReader]:
    async with stage.running("bench.idle", stage.spec(members, Channel.ENTERPRISE, each=each)) as said:
        await said.readline()  # all are connected
        yield said
    await _gone(stage)


async def _gone(stage: Stage) -> None:
    while True:
        with suppress(Ours):
            if await stage.counted("gateway", "tiers_gateway_sessions") == 0:
                return
        await asyncio.sleep(0.2)


async def _closed(stage: Stage, members: tuple[Member, ...], what: str, size: int) -> Step:
    spec = stage.spec(members, Channel.CONSUMER, each=MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
    return _step(what, size, await stage.load(spec))


async def _open(stage: Stage, members: tuple[Member, ...], what: str, size: int) -> Step:
    spec = stage.spec(members, Channel.CONSUMER, each=5 * RATE // SESSIONS, rate=RATE)
    return _step(what, size, await stage.load(spec))


def _step(what: str, size: int, result: Result) -> Step:
    done = result.rate * result.seconds
    cpu, memory = Counter[str](), 0.0
    for name, used in result.usage.items():
        cpu[name.partition(" ")[0]] += used.cpu / done * 1e6  # type: ignore[assignment]  # a sum of floats
        memory += used.rss if name.startswith("relay") else 0
    cpu.pop("machine")
    return Step(
        what, size, {name: round(one, 1) for name, one in cpu.items()}, memory, result.accept, round(result.rate)
    )
