"""A target floods the relay so that copies are lost (Sherr et al. 2009): nothing is lost in silence."""

import asyncio
import sys
from pathlib import Path

import pytest

from kits.lawful import GATEWAY, Hands, leaves, verified_log
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world.processes import LAUNCHER, start_party, stop
from tiers.lab.world.world import World, booted
from tiers.wire.encoding import unb64u
from tiers.wire.lawful.product import read_x2
from tiers.wire.lawful.x2x3 import X2, decode
from tiers.wire.message.envelope import Channel, Service

pytestmark = pytest.mark.e2e

SENDS = 1000
QUEUE = 20
BOTH = (Service.BBM, Service.EMAIL)


async def tasked(desk: Desk, target: str) -> str:
    desk.world.clock.turn(1)
    jti = await desk.apply(target, BOTH, 10)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    return jti


async def flood(desk: Desk, sender: str, to: str, channel: Channel, count: int) -> list[str]:
    """Send as fast as the relay takes it; returns the mids once every message has reached its receiver."""
    notes = [Note(sender, to, channel, Service.BBM, f"noise {number}") for number in range(count)]
    sent = await asyncio.gather(*(desk.send(note) for note in notes))
    got = {(await desk.received(to)).mid for _ in range(count)}
    assert {one.mid for one in sent} == got
    return [one.mid for one in sent]


async def copied(hands: Hands, jti: str, count: int) -> list[str]:
    """The mids of a product of at least `count` PDUs, by its X2s."""
    await hands.delivered(jti, count)
    mids: list[str] = []
    after, total = 0, 1
    while after < total:
        page = await hands.product(jti, after)
        pdus = [decode(unb64u(raw, "test.pdu")) for raw in page.pdus]
        mids += [read_x2(pdu).mid for pdu in pdus if isinstance(pdu, X2)]
        after, total = after + len(pdus), page.total
    return mids


async def test_of_a_flood_nothing_is_lost_and_it_drowns_nobody_elses_copies(tmp_path: Path) -> None:
    async with booted(tmp_path / "w") as world, opened(world) as desk:
        hands = Hands(desk)
        noisy, quiet = await tasked(desk, "alice"), await tasked(desk, "priya")

        flooding = asyncio.create_task(flood(desk, "alice", "bob", Channel.CONSUMER, SENDS))
        one = await desk.send(Note("priya", "quentin", Channel.ENTERPRISE, Service.BBM, "in the midst of it"))
        sent = await flooding

        assert [one.mid] == await copied(hands, quiet, 2)
        assert sorted(sent) == sorted(await copied(hands, noisy, 2 * SENDS))
        assert 0 == (await hands.product(noisy)).lost
        assert "loss.recorded" not in [leaf.type for leaf in leaves(world)]


async def with_a_small_queue(world: World) -> None:
    """Start the relay again with room for QUEUE copies of a task: the real bound takes 100,000 messages to reach."""
    child = world.children["gateway"]
    await stop(child)
    code = (
        f"from tiers.gateway.interception import tasks; tasks.MAX_QUEUE = {QUEUE}\n"
        "from tiers.lab.world.launcher import main; main()"
    )  # fmt: skip
    command = [sys.executable, "-c", code, *child.command[len(LAUNCHER) :]]
    world.children["gateway"] = await start_party("gateway", command, child.environ, child.log)


def lost_by_the_log(world: World) -> int:
    """How many copies the relay has told the ledger are lost."""
    said = [leaf for leaf in leaves(world) if leaf.type == "loss.recorded"]
    assert {leaf.party for leaf in said} <= {GATEWAY.uri}
    return sum(leaf.count or 0 for leaf in said)


async def accounted_for(hands: Hands, jti: str, sent: int) -> int:
    """Ask until every message of a target is copied or missing by number; returns how many are missing."""
    async with asyncio.timeout(20):
        while (page := await hands.product(jti)).total // 2 + page.lost // 2 < sent:
            pass
    return page.lost // 2


async def test_when_the_copies_overflow_the_loss_is_counted_and_the_target_sees_no_difference(tmp_path: Path) -> None:
    async with booted(tmp_path / "w") as world, opened(world) as desk:
        hands = Hands(desk)
        await with_a_small_queue(world)
        jti = await tasked(desk, "priya")
        await stop(world.children["carrier"])  # and its mediation

        sent = await flood(desk, "priya", "quentin", Channel.ENTERPRISE, 3 * QUEUE)

        await world.launch("carrier")
        await hands.delivered(jti, 2 * QUEUE)
        while (await hands.product(jti)).total == 2 * QUEUE:  # the first that finds room again
            sent += await flood(desk, "priya", "quentin", Channel.ENTERPRISE, 1)
        lost = await accounted_for(hands, jti, len(sent))
        kept = await copied(hands, jti, 2 * QUEUE + 2)

        assert lost >= 2 * QUEUE
        assert len(sent) == len(kept) + lost
        # copies of one instant that lie on two shards may change places (docs/spec/product.md)
        assert sorted(mid for mid in sent if mid in kept) == sorted(kept), "what was copied is there once"
        world.clock.turn(1)
        assert 2 * lost == (await desk.inspect(jti)).lost
        assert 0 == lost_by_the_log(world), "while the warrant stands the log tells its target nothing"
        world.clock.turn(120)
        async with asyncio.timeout(20):
            while lost_by_the_log(world) < lost:  # noqa: ASYNC110 - the relay is another process
                await asyncio.sleep(0.05)
        assert lost == lost_by_the_log(world)
        await verified_log(world)
