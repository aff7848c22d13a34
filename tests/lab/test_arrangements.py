"""The whole matrix of every arrangement: policy, closure and bytes agree, forgery and metadata included."""

import asyncio
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from tiers.lab.attack.derive.scene import told
from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.matrix.matrix import declared, measure
from tiers.lab.world.arrangement import load
from tiers.lab.world.world import booted
from tiers.measure import register
from tiers.measure.capture.memory import MEASURES_MEMORY
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.matrix.render import verdict
from tiers.wire.custody import CUSTODIES, custody_of


@pytest.mark.e2e
@pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only: the matrix is partial here")
@pytest.mark.parametrize("name", ["canada-2010", "two-keys", "all-the-way", "uk-2025"])
def test_every_cell_of_an_arrangement_is_as_it_follows_from_who_holds_what(name: str, tmp_path: Path) -> None:
    async def measured() -> Matrix:
        async with booted(tmp_path / "world", arrangement=load(name)) as world, opened(world) as desk:
            return await measure(desk, await play(desk, lambda _title, _sentence: None))

    matrix = asyncio.run(measured())
    assert matrix.agreement.holds, "\n".join(verdict(matrix))


def test_an_arrangement_of_ones_own_is_read_from_a_file_with_a_custody_of_ones_own(tmp_path: Path) -> None:
    mine = replace(CUSTODIES["device"], name="mine")
    register(mine)
    shipped = (files("tiers.lab.world") / "arrangements" / "all-the-way.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(shipped.replace('custody = "device"', 'custody = "mine"', 1))
    try:
        arranged = load(str(path))
        assert (arranged.name, arranged.custody.consumer) == ("mine", mine)
        assert declared(arranged).vantages["receiver"].reads == tuple(case.key for case in told())
        assert declared(arranged).vantages["operator"].reads == ()
    finally:
        del CUSTODIES["mine"]
        custody_of.cache_clear()
