"""Faults, in pairs: what was asked got lost, or it was done and the answer got lost. A checker says what came of it.

While a tasked subscriber sends, one thing fails, and heals. After each: nothing accepted is lost, nothing reaches the
user twice, and the mediation holds every copy once. What was tried and found is a table in docs/performance.md.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from kits.faults import (
    ENDS,
    Mode,
    Verdict,
    Wire,
    check,
    child,
    fill_disk,
    freeze,
    fsync_is,
    kill,
    rewire,
    serve_again,
    thaw,
    through,
)
from kits.lawful import leaves, logged_since, verified_log
from tiers.chassis import client
from tiers.device.network import Address
from tiers.lab.classroom.desk import Desk, opened
from tiers.lab.world.cast import PARTIES, party
from tiers.lab.world.world import World, booted
from tiers.store.url import is_cluster
from tiers.wire.identity import Role
from tiers.wire.message.envelope import Channel, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@dataclass(frozen=True, slots=True)
class Stage:
    """A world with wires that can fail: relay to everything, handset to relay, carrier to ledger.

    `jtis` are the warrants on the senders.
    """

    desk: Desk
    wires: dict[str, Wire]
    jtis: dict[Channel, str]

    @property
    def world(self) -> World:
        return self.desk.world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    root: Path = tmp_path_factory.mktemp("f") / "w"
    async with booted(root) as world, opened(world) as desk:
        ports = world.ports
        url, wires = world.store.urls[Role.GATEWAY], dict[str, Wire]()
        if not is_cluster(url):
            store = urlsplit(url)
            wires["store"] = await Wire(store.path).start(str(root / "wire.sock"))
            url = f"unix://{store.netloc}{root / 'wire.sock'}"
        wires |= {
            "carrier": await Wire(ports["carrier"]).start(),
            "mediation": await Wire(ports["mediation"]).start(),
            "device": await Wire(desk.taps["alice"].port).start(),
            "ledger": await Wire(ports["ledger"]).start(),
        }
        await rewire(
            world,
            "gateway",
            store_url=url,
            carrier_url=f"https://127.0.0.1:{wires['carrier'].port}",
            mediation=f"127.0.0.1:{wires['mediation'].port}",
        )
        await rewire(world, "carrier", ledger_url=f"https://127.0.0.1:{wires['ledger'].port}")
        await desk.offline("alice")
        desk.devices["alice"]._gateway = Address(f"https://127.0.0.1:{wires['device'].port}", party("gateway").identity)
        await desk.online("alice")
        jtis = dict[Channel, str]()
        for channel, (target, _to) in ENDS.items():
            jtis[channel] = await desk.apply(target, tuple(Service), 60)
            await desk.decide(jtis[channel], "approval")
            await desk.serve(jtis[channel])
        yield Stage(desk, wires, jtis)
        for wire in wires.values():
            await wire.stop()


Fault = Callable[[Stage], Awaitable[None]]


def fails(wire: str, mode: Mode) -> Fault:
    async def fault(stage: Stage) -> None:
        await stage.wires[wire].fail(mode)

    return fault


def is_cut(wire: str) -> Fault:
    async def fault(stage: Stage) -> None:
        stage.wires[wire].cut()

    return fault


def stalls(wire: str) -> Fault:
    async def fault(stage: Stage) -> None:
        stage.wires[wire].turn(Mode.FREEZE)
        await asyncio.sleep(1)
        stage.wires[wire].turn(Mode.PASS)

    return fault


def is_killed(*names: str) -> Fault:
    async def fault(stage: Stage) -> None:
        await kill(stage.world, *names)

    return fault


def at_once(*faults: Fault) -> Fault:
    async def fault(stage: Stage) -> None:
        await asyncio.gather(*(one(stage) for one in faults))

    return fault


def serving(fault: Fault) -> Fault:
    """Serve a second warrant while something fails, and again until it stands: it is logged once and set once."""

    async def both(stage: Stage) -> None:
        jti = await stage.desk.apply("mallory", tuple(Service), 5)
        await stage.desk.decide(jti, "approval")
        known = len(leaves(stage.world))
        async with asyncio.TaskGroup() as group:
            group.create_task(fault(stage))
            group.create_task(serve_again(stage.desk, jti))

        stage.world.clock.turn(1)  # what the relay does is logged when its minute is over
        (served,) = [leaf for leaf in leaves(stage.world)[known:] if leaf.type == "warrant.served"]
        new = await logged_since(stage.world, known, "task.activated", served.commitment)
        assert [leaf.type for leaf in new].count("task.activated") == 1
        await verified_log(stage.world)

    return both


def is_frozen(name: str, seconds: float) -> Fault:
    async def fault(stage: Stage) -> None:
        freeze(stage.world, name)
        await asyncio.sleep(seconds)
        thaw(stage.world, name)

    return fault


async def store_is_slow(stage: Stage) -> None:
    for _ in range(20):
        freeze(stage.world, "store")
        await asyncio.sleep(0.05)
        thaw(stage.world, "store")
        await asyncio.sleep(0.01)


async def fsync_is_slow(stage: Stage) -> None:
    async with fsync_is(stage.world, "delay_enter=200000"):
        await asyncio.sleep(2)


async def fsync_fails(stage: Stage) -> None:
    async with fsync_is(stage.world, "error=EIO"):
        await child(stage.world, "store").process.wait()  # it ends itself rather than answer for what is not on disk
    await kill(stage.world, "store")


async def disk_is_full(stage: Stage) -> None:
    fill_disk(stage.world)
    await child(stage.world, "store").process.wait()  # it ends itself rather than answer for what is not on disk
    await kill(stage.world, "store")


async def clock_jumps(stage: Stage) -> None:
    stage.world.clock.turn(3)


FAULTS: dict[str, Fault] = {
    "store: request lost": fails("store", Mode.LOSE_REQUEST),
    "store: done, answer lost": fails("store", Mode.LOSE_ANSWER),
    "store: connection cut": is_cut("store"),
    "store: killed": is_killed("store"),
    "store: frozen 2 s": is_frozen("store", 2),
    "store: frozen past its deadline": is_frozen("store", 6),
    "store: every write slow": store_is_slow,
    "store: every fsync slow": fsync_is_slow,
    "store: an fsync fails": fsync_fails,
    "store: disk full": disk_is_full,
    "carrier: request lost": fails("carrier", Mode.LOSE_REQUEST),
    "carrier: done, answer lost": fails("carrier", Mode.LOSE_ANSWER),
    "carrier: connection stalls": stalls("carrier"),
    "carrier: killed": is_killed("carrier"),
    "carrier and mediation: frozen 2 s": is_frozen("carrier", 2),
    "carrier: frozen past its deadline": is_frozen("carrier", 6),
    "mediation: copies lost": fails("mediation", Mode.LOSE_REQUEST),
    "mediation: kept, ack lost": fails("mediation", Mode.LOSE_ANSWER),
    "mediation: connection cut": is_cut("mediation"),
    "relay: killed": is_killed("gateway"),
    "relay: frozen 2 s": is_frozen("gateway", 2),
    "network: message lost": fails("device", Mode.LOSE_REQUEST),
    "network: accepted, answer lost": fails("device", Mode.LOSE_ANSWER),
    "network: connection cut": is_cut("device"),
    "network: connection stalls": stalls("device"),
    "ledger: request lost": serving(fails("ledger", Mode.LOSE_REQUEST)),
    "ledger: done, answer lost": serving(fails("ledger", Mode.LOSE_ANSWER)),
    "ledger: killed": serving(is_killed("ledger")),
    "ledger: frozen 2 s": serving(is_frozen("ledger", 2)),
    "witness: killed": serving(is_killed("witness")),
    "witness: frozen 2 s": serving(is_frozen("witness", 2)),
    "carrier: killed while it serves": serving(is_killed("carrier")),
    "relay: killed while a task is set": serving(is_killed("gateway")),
    "clock: jumps 3 minutes": clock_jumps,
    "two at once: store killed, carrier frozen 2 s": at_once(is_killed("store"), is_frozen("carrier", 2)),
    "two at once: relay killed, mediation's ack lost": at_once(
        is_killed("gateway"), fails("mediation", Mode.LOSE_ANSWER)
    ),
    "every process killed at once": is_killed("store", *(one.name for one in PARTIES)),
}
ENTERPRISE_FAULTS: dict[str, Fault] = {
    "key server: killed": is_killed("acme"),
    "key server: frozen 2 s": is_frozen("acme", 2),
    **{
        name: FAULTS[name]
        for name in ("store: killed", "mediation: kept, ack lost", "relay: killed", "every process killed at once")
    },
}


ON_A_WIRE = {"store: request lost", "store: done, answer lost", "store: connection cut"}
ALONE = pytest.mark.alone("the relay goes to the addresses that the cluster names, past the wire")
CASES = [
    pytest.param(fault, channel, id=f"{channel}-{name}", marks=[ALONE] if name in ON_A_WIRE else [])
    for channel, faults in ((Channel.CONSUMER, FAULTS), (Channel.ENTERPRISE, ENTERPRISE_FAULTS))
    for name, fault in faults.items()
]


@pytest.mark.parametrize(("fault", "channel"), CASES)
async def test_nothing_accepted_is_lost_or_doubled_and_every_copy_arrives(
    stage: Stage, fault: Fault, channel: Channel
) -> None:
    run = await through(stage.desk, partial(fault, stage), channel)

    assert Verdict(lost=0, twice=0, unreadable=0, uncopied=0, copied_twice=0) == await check(run, stage.jtis[channel])


async def test_the_checker_sees_what_was_lost_doubled_and_not_copied(stage: Stage) -> None:
    async def nothing() -> None:
        """Let it be."""

    run = await through(stage.desk, nothing)
    spotless = await check(run, stage.jtis[Channel.CONSUMER])

    gone = run.received.pop()
    run.received.append(run.received[0])
    found = await check(run, stage.jtis[Channel.CONSUMER])

    assert spotless.spotless
    assert gone.mid in run.accepted
    assert Verdict(lost=1, twice=1, unreadable=0, uncopied=0, copied_twice=0) == found


async def test_after_all_of_that_the_auditor_opens_every_copy_and_the_log_verifies(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some ten thousand copies in one answer: on a busy machine that takes longer than any other.
    monkeypatch.setattr(client, "_TIMEOUT", aiohttp.ClientTimeout(total=100))

    async def nothing() -> None:
        """Let it be."""

    for channel, jti in stage.jtis.items():
        run = await through(stage.desk, nothing, channel)
        assert (await check(run, jti)).spotless
        stage.world.clock.turn(1)

        found = await stage.desk.inspect(jti)

        assert (0, None) == (found.unreadable, found.grant_refused)
        opened = {one.mid for one in found.findings if one.content is not None}
        assert (set(run.accepted) <= opened) == (channel is Channel.CONSUMER)
    await verified_log(stage.world)
