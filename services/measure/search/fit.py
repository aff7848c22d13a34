"""How far a needle fits around what was found of it, and which of several needles is the one that is there. Pure."""

from tiers.measure.search.anchors import ANCHOR
from tiers.measure.search.spelling import Needle

NEAR = 1 << 12
"""Bytes within which pieces of a text belong together."""
Fit = tuple[Needle, int, int, int]
"""A needle, where it begins in what was looked through, from which of its characters on, and how many of them."""


def best(fits: list[Fit]) -> list[Fit]:
    """Leave out what is but a part of what fits better, of another secret."""
    around, parts = list[Fit](), set[int]()
    for fit in sorted(fits, key=lambda fit: (fit[1], -fit[3])):
        needle, first, _, size = fit
        around = [one for one in around if one[1] + one[3] > first]
        if any(one[0].fact != needle.fact and one[3] > size and one[1] + one[3] >= first + size for one in around):
            parts.add(id(fit))
        around.append(fit)
    return [fit for fit in fits if id(fit) not in parts]


class Pieces:
    """Pieces of one text in one place: several of them near each other are no chance."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, frozenset[int]]] = []

    def add(self, start: int, at: int, size: int, enough: int) -> bool:
        """Add a piece (where it lies, which letters of the text it is), and say whether there are enough by now."""
        self._seen.append((start, frozenset(range(at, at + size))))
        near = {piece for where, piece in self._seen if abs(start - where) <= NEAR}
        return len(frozenset().union(*near)) >= enough and len(near) > 1


def extent(spelled: bytes, at: int, data: bytes, start: int) -> tuple[int, int]:
    """Return how many bytes before `start`, and from there on, are those of the needle around `at`."""
    left = 0
    while left < at and left < start and spelled[at - left - 1] == data[start - left - 1]:
        left += 1
    right = ANCHOR
    most = min(len(spelled) - at, len(data) - start)
    while right < most and spelled[at + right] == data[start + right]:
        right += 1
    return left, right
