"""A relay of two processes: the story comes out the same, and nothing accepted is lost when one of them is killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kits.faults import Run, Verdict, check
from tiers.lab.classroom.desk import Desk, opened
from tiers.lab.classroom.story import play
from tiers.lab.world.processes import children_of
from tiers.lab.world.world import booted
from tiers.wire.message.envelope import Channel, Service

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at the workers through Linux's /proc"),
]
SENDS = 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("workers") / "w"
    async with booted(root, workers=2) as world, opened(world) as running:
        yield running


async def test_the_story_comes_out_the_same(desk: Desk) -> None:
    story = await play(desk, lambda _title, _text: None)

    alice, priya = (story.inspections[name].findings for name in ("alice", "priya"))

    assert {story.messages[key].mid for key in ("bbm", "bis-mail")} == {
        one.mid for one in alice if one.content is not None
    }
    assert [story.messages["employee-bbm"].mid] == [one.mid for one in priya if one.content is not None]
    assert 3 == sum(one.content is None for one in priya)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(desk: Desk, which: int) -> None:
    jti = await desk.apply("alice", tuple(Service), 60)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    run = Run(desk, "alice", "bob")
    sending = asyncio.create_task(run.send(Channel.CONSUMER, SENDS, 32))
    receiving = asyncio.create_task(run.receive(SENDS))
    await run.reach(SENDS // 3)

    os.kill(children_of(desk.world.children["gateway"].pid)[which], signal.SIGKILL)
    await sending
    await receiving

    assert Verdict(lost=0, twice=0, unreadable=0, uncopied=0, copied_twice=0) == await check(run, jti)
    await desk.decide(jti, "cancellation", "the test is over")
