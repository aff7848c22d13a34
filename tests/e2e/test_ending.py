"""An interception ends when the court says so, within a second, and by itself when the clock does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from kits.lawful import Hands, leaves, verified_log
from tiers.lab.classroom.desk import Desk, Note, Sent, opened
from tiers.lab.world.processes import stop
from tiers.lab.world.world import booted
from tiers.wire.errors import Forbidden
from tiers.wire.keys.keytree import EPOCH_MS, epoch_of
from tiers.wire.log.leaf import Leaf, Opening
from tiers.wire.message.envelope import Channel, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BOTH = (Service.BBM, Service.EMAIL)
SECOND = 10.0  # a bound that a loaded machine keeps too; the act itself takes about 60 ms


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("ending") / "w"
    async with booted(root) as world, opened(world) as running:
        yield running


async def tasked(desk: Desk, target: str, minutes: int = 10) -> str:
    """Have a warrant on a handset issued and served at the start of a minute."""
    desk.world.clock.turn(1)
    jti = await desk.apply(target, BOTH, minutes)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    return jti


async def says(desk: Desk, sender: str, to: str, text: str, channel: Channel = Channel.CONSUMER) -> Sent:
    sent = await desk.send(Note(sender, to, channel, Service.BBM, text))
    assert sent.mid == (await desk.received(to)).mid
    return sent


async def seconds(work: object) -> float:
    """How long an act of the court takes until it has reached the relay: it is answered after that."""
    started = asyncio.get_running_loop().time()
    await work
    return asyncio.get_running_loop().time() - started


async def test_a_suspension_reaches_the_relay_within_a_second_and_a_resumption_too(desk: Desk) -> None:
    hands = Hands(desk)
    jti = await tasked(desk, "alice")
    copied = await says(desk, "alice", "bob", "before the suspension")

    assert SECOND > await seconds(desk.decide(jti, "suspension"))
    assert () == (await hands.tasks()).tasks
    await says(desk, "alice", "bob", "while it is suspended")
    await says(desk, "bob", "alice", "and an answer")

    assert SECOND > await seconds(desk.decide(jti, "resumption"))
    assert 1 == len((await hands.tasks()).tasks)
    again = await says(desk, "bob", "alice", "after the resumption")

    desk.world.clock.turn(1)
    await hands.delivered(jti, 4)
    found = await desk.inspect(jti)
    assert [copied.mid, again.mid] == [finding.mid for finding in found.findings]
    assert 0 == found.lost


async def test_a_cancellation_reaches_the_relay_within_a_second_for_good(desk: Desk) -> None:
    hands = Hands(desk)
    before = (await hands.tasks()).tasks
    jti = await tasked(desk, "mallory")
    assert len(before) + 1 == len((await hands.tasks()).tasks)

    assert SECOND > await seconds(desk.decide(jti, "cancellation"))

    assert before == (await hands.tasks()).tasks
    await says(desk, "mallory", "bob", "nobody copies this")
    desk.world.clock.turn(1)
    with pytest.raises(Forbidden, match=r"^warrant\.cancelled"):
        await desk.inspect(jti)
    async with asyncio.timeout(20):  # the relay first, then the log: ending an interception waits for nothing
        while "task.deactivated" not in after(desk, "warrant.cancelled"):
            await verified_log(desk.world)


def after(desk: Desk, kind: str) -> list[str]:
    """The types of the leaves behind the first of this kind."""
    types = [leaf.type for leaf in leaves(desk.world)]
    return types[types.index(kind) :]


async def test_with_court_and_carrier_down_the_clock_ends_it(desk: Desk) -> None:
    hands = Hands(desk)
    jti = await tasked(desk, "priya", minutes=1)
    inside = await says(desk, "priya", "quentin", "within the window", Channel.ENTERPRISE)
    standing = {task.xid for task in (await hands.tasks()).tasks}
    for name in ("court", "carrier"):
        await stop(desk.world.children[name])

    desk.world.clock.turn(1)
    assert len(standing) - 1 == len((await hands.tasks()).tasks), "the relay asks nobody but its clock"
    for number in range(3):
        await says(desk, "priya", "quentin", f"after the window {number}", Channel.ENTERPRISE)

    await asyncio.gather(*(desk.world.launch(name) for name in ("court", "carrier")))
    await hands.delivered(jti, 2)
    start = epoch_of(inside.envelope.header.ts) * EPOCH_MS
    found = await desk.inspect(jti, start, start + EPOCH_MS)
    assert [inside.mid] == [finding.mid for finding in found.findings]
    assert 0 == found.lost
    await verified_log(desk.world)


def openings(log: Sequence[Leaf], jti: str) -> list[Opening]:
    return [leaf.opens for leaf in log if leaf.opens is not None and leaf.opens.jti == jti]


async def test_after_expiry_every_seal_is_opened_and_anybody_can_check_what_it_sealed(desk: Desk) -> None:
    jti = await tasked(desk, "ravi", minutes=1)
    sealed = [leaf for leaf in leaves(desk.world) if leaf.type in {"warrant.approved", "warrant.served"}]
    assert jti not in str(sealed)
    desk.world.clock.turn(120)

    async with asyncio.timeout(20):
        while len(opened_ := openings(log := leaves(desk.world), jti)) < 2:  # noqa: ASYNC110 - court and carrier are processes
            await asyncio.sleep(0.05)

    assert {"warrant.approved", "warrant.served"} == {log[opens.index].type for opens in opened_}
    assert "past their date and unopened: 0" in (said := await verified_log(desk.world))
    assert f"seals opened: {len({leaf.commitment for leaf in log if leaf.opens})}" in said


async def test_a_relay_that_restarts_takes_up_what_stands_and_not_what_has_ended(desk: Desk) -> None:
    hands = Hands(desk)
    over = await tasked(desk, "gita", minutes=1)
    desk.world.clock.turn(1)
    jti = await tasked(desk, "quentin", minutes=5)
    standing = (await hands.tasks()).tasks

    await stop(desk.world.children["gateway"])
    await desk.world.launch("gateway")

    assert standing == (await hands.tasks()).tasks
    await asyncio.gather(*(desk.devices[name].online() for name in ("quentin", "gita", "priya")))
    sent = await says(desk, "quentin", "gita", "after the restart", Channel.ENTERPRISE)
    desk.world.clock.turn(1)
    await hands.delivered(jti, 2)
    assert [sent.mid] == [finding.mid for finding in (await desk.inspect(jti)).findings]
    assert () == (await desk.inspect(over)).findings
