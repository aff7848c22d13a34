"""A cluster of three nodes for a store: the same story and the same matrix, and nothing accepted lost whatever fails.

While a tasked subscriber sends, one node is killed and started again, or stands still, or hands slots to another. The
nodes that are struck are those that matter: the sender's, the receiver's, the tasks'.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from kits.faults import Verdict, check, freeze, kill, thaw, through
from kits.store import client as connected
from tiers.device.client import Device
from tiers.gateway.processes.bus import TAGS, shard_of
from tiers.lab.attack.capture.take import at_once
from tiers.lab.classroom.desk import Desk, opened
from tiers.lab.world import cluster
from tiers.lab.world.cast import handset
from tiers.lab.world.world import World, booted
from tiers.measure.search.scan import Source
from tiers.store.slots import slot_of
from tiers.wire.errors import Ours
from tiers.wire.identity import Role
from tiers.wire.message.envelope import Channel, Envelope, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

WORKERS = 2
Fault = Callable[["Stage"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A world on a cluster. `jti` is the warrant on the sender."""

    desk: Desk
    jti: str

    @property
    def world(self) -> World:
        return self.desk.world

    async def node_of(self, key: str) -> int:
        """Return the number of the node that has a key now."""
        store = self.world.store
        ports = [int(url.rpartition(":")[2]) for url in store.steered]
        async with connected(store.urls[Role.GATEWAY]) as client:
            await client.addresses()
            return ports.index(client._owner(slot_of(key)).port)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    root: Path = tmp_path_factory.mktemp("cluster") / "w"
    async with booted(root, cluster=True, workers=WORKERS) as world, opened(world) as desk:
        jti = await desk.apply("alice", tuple(Service), 60)
        await desk.decide(jti, "approval")
        await desk.serve(jti)
        yield Stage(desk, jti)


def mailbox(name: str) -> str:
    pin = handset(name).pin
    return f"{TAGS[shard_of(pin)]}:box:{pin}"


def record(name: str) -> str:
    return f"gateway:device:{handset(name).pin}"


KEYS = {"the receiver's": mailbox("bob"), "the sender's": mailbox("alice"), "the tasks'": "gateway:{li}:tasks"}


def killed(key: str) -> Fault:
    async def fault(stage: Stage) -> None:
        await kill(stage.world, f"store {await stage.node_of(key)}")
        await cluster.agreed(stage.world.store)

    return fault


def frozen(key: str, seconds: float) -> Fault:
    async def fault(stage: Stage) -> None:
        name = f"store {await stage.node_of(key)}"
        freeze(stage.world, name)
        await asyncio.sleep(seconds)
        thaw(stage.world, name)

    return fault


async def slots_moved(stage: Stage) -> None:
    """Have the receiver's slot, and a thousand beside it, handed over, then the tasks'; then both once more."""
    for key in (KEYS["the receiver's"], KEYS["the tasks'"]) * 2:
        source, slot = await stage.node_of(key), slot_of(key)
        first, last = cluster.third(next(at for at in range(3) if cluster.third(at)[0] <= slot <= cluster.third(at)[1]))
        beside = max(first, slot - 500), min(last, slot + 500)
        await cluster.moved(stage.world.store, *beside, source, (source + 1) % 3)
        assert (source + 1) % 3 == await stage.node_of(key)


FAULTS: dict[str, Fault] = {
    **{f"{whose} node killed": killed(key) for whose, key in KEYS.items()},
    "the receiver's node frozen 2 s": frozen(KEYS["the receiver's"], 2),
    "the sender's node frozen past its deadline": frozen(KEYS["the sender's"], 6),
    "slots moved": slots_moved,
}


async def test_a_node_that_stands_still_fails_what_lies_on_it_and_nothing_else(stage: Stage) -> None:
    """Quentin writes to Gita, whose node stands still, again and again; and meanwhile to Ravi, as ever."""
    devices = stage.desk.devices
    still = await stage.node_of(mailbox("gita"))
    assert still not in {await stage.node_of(key(name)) for name in ("quentin", "ravi") for key in (mailbox, record)}
    to_gita, *others = [
        await devices["quentin"].seal(Channel.ENTERPRISE, Service.BBM, handset(to).pin, b"still here")
        for to in ("gita", *["ravi"] * 40)
    ]
    freeze(stage.world, f"store {still}")
    try:
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await devices["quentin"].submit(to_gita)
        again = asyncio.create_task(submitted(devices["quentin"], to_gita))
        async with asyncio.timeout(4):  # less than a node is given to answer
            for one in others:
                await devices["quentin"].submit(one)
            got = [await stage.desk.received("ravi") for _ in others]
    finally:
        thaw(stage.world, f"store {still}")
    await again

    assert [one.header.mid for one in others] == [message.mid for message in got]
    assert to_gita.header.mid == (await stage.desk.received("gita")).mid
    assert devices["gita"].received.qsize() == 0


async def submitted(device: Device, envelope: Envelope) -> None:
    """Send until it is accepted."""
    while True:
        try:
            return await device.submit(envelope)
        except Ours:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_nothing_accepted_is_lost_or_doubled_and_every_copy_arrives(stage: Stage, fault: Fault) -> None:
    run = await through(stage.desk, partial(fault, stage))

    assert Verdict(lost=0, twice=0, unreadable=0, uncopied=0, copied_twice=0) == await check(run, stage.jti)


async def test_the_captures_of_a_store_hold_all_three_nodes(stage: Stage) -> None:
    marks = {}
    async with connected(stage.world.store.urls[Role.GATEWAY]) as client:
        for number in range(100):
            key = f"gateway:mark-{number}"
            node = await stage.node_of(key)
            if node not in marks:
                marks[node] = f"mark of node {node}, number {number}".encode()
                await client.ask("SET", key, marks[node])
        sources = list(at_once(stage.desk, (), ["store", "memory:store"]))
        for number in range(100):
            await client.ask("DEL", f"gateway:mark-{number}")

    assert {0, 1, 2} == marks.keys()
    for source in sources:
        assert marks.keys() == {node for node, mark in marks.items() if holds(source, mark)}, source.name


def holds(source: Source, mark: bytes) -> bool:
    return any(mark in chunk.data for chunk in source.chunks)
