"""Boots a world, tells its story and measures it, healthy or with leaks planted."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tiers.lab.attack.attack import attack
from tiers.lab.attack.capture import take as capture
from tiers.lab.attack.vantages import BY_ID
from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.faults.registry import by_party
from tiers.lab.matrix.matrix import measure
from tiers.lab.world.world import booted
from tiers.measure.matrix.matrix import Matrix, Outcome

NOWHERE = ("gateway", "carrier-keys", "sender")


@dataclass(frozen=True)
class Measured:
    """What was measured, and the same where memory cannot be read."""

    matrix: Matrix
    without_memory: Mapping[tuple[str, str], Outcome]


async def measure_healthy(root: Path) -> Measured:
    async with booted(root) as world, opened(world) as desk:
        story = await play(desk, lambda _title, _sentence: None)
        matrix = await measure(desk, story)
        with mock.patch.object(capture, "MEASURES_MEMORY", new=False):
            elsewhere = await attack(desk, story.messages, story.warrants.values(), [BY_ID[name] for name in NOWHERE])
    return Measured(matrix, elsewhere.outcomes)


async def _leaking(root: Path, names: tuple[str, ...]) -> Matrix:
    async with booted(root, faults=by_party(names)) as world, opened(world) as desk:
        return await measure(desk, await play(desk, lambda _title, _sentence: None))


def measure_with(leaks: tuple[str, ...], root: Path) -> Matrix:
    """Measure a world in which these leaks are planted."""
    return asyncio.run(_leaking(root, leaks))
