"""The whole matrix of every arrangement: policy, closure and bytes agree, forgery and metadata included."""

import asyncio
from pathlib import Path

import pytest

from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.matrix.matrix import measure
from tiers.lab.world.arrangement import load
from tiers.lab.world.world import booted
from tiers.measure.capture.memory import MEASURES_MEMORY
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.matrix.render import verdict


@pytest.mark.e2e
@pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only: the matrix is partial here")
@pytest.mark.parametrize("name", ["canada-2010", "two-keys", "all-the-way", "uk-2025"])
def test_every_cell_of_an_arrangement_is_as_it_follows_from_who_holds_what(name: str, tmp_path: Path) -> None:
    async def measured() -> Matrix:
        async with booted(tmp_path / "world", arrangement=load(name)) as world, opened(world) as desk:
            return await measure(desk, await play(desk, lambda _title, _sentence: None))

    matrix = asyncio.run(measured())
    assert matrix.agreement.holds, "\n".join(verdict(matrix))
