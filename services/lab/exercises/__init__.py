"""The exercises: data and one check each, easy ones first. A check looks at events only, never at what a page shows."""

from tiers.lab.exercises import easy, hard, middle
from tiers.lab.exercises.exercise import Exercise
from tiers.wire.errors import Missing

ALL: dict[str, Exercise] = {one.id: one for one in (*easy.EXERCISES, *middle.EXERCISES, *hard.EXERCISES)}


def load(name: str) -> Exercise:
    """Return an exercise; raises `Missing`."""
    if name not in ALL:
        raise Missing("exercise.unknown", f"Name one of: {', '.join(ALL)}.")
    return ALL[name]
