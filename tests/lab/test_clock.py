"""Classroom time: the minutes of a lesson are whole ones, whenever in a minute it begins."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.world import clock
from tiers.lab.world.clock import Clock
from tiers.lab.world.world import booted

MINUTE_NS = 60_000_000_000


@given(st.integers(0, 2**61))
def test_a_world_begins_at_the_start_of_a_minute(tmp_path_factory: pytest.TempPathFactory, real: int) -> None:
    path = tmp_path_factory.mktemp("clock") / "clock"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_real", lambda: real)
        began = Clock.start(path).time_ns()

        assert began % MINUTE_NS == 0
        assert 0 <= began - real < MINUTE_NS
        assert Clock(path).time_ns() == began, "a second process has the same time"


@pytest.mark.e2e
async def test_the_story_holds_when_it_begins_at_the_end_of_a_minute(tmp_path: Path) -> None:
    async with booted(tmp_path / "w") as world, opened(world) as desk:
        (offset,) = struct.unpack_from("<q", world.clock._offset)
        late = -world.clock.time_ns() % MINUTE_NS - 100_000_000  # a tenth of a second before the next one
        struct.pack_into("<q", world.clock._offset, 0, offset + late)

        story = await play(desk, lambda _title, _sentence: None)

    opened_ones = [one.content for one in story.inspections["alice"].findings if one.content is not None]
    assert 2 == len(opened_ones)
