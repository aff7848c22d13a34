"""Finds where any of many strings of eight bytes stands. Pure.

Eight bytes are one number. A table of bits says of a number's hash whether it may be one of those looked for; what
may be is then looked up among them. Both are done for a whole block at once, and let other threads run meanwhile.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ANCHOR = 8
"""Bytes of an anchor."""
_BITS = 21
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio of 2^64: it spreads neighbours (Knuth, vol. 3, 6.4)."""
_Numbers = NDArray[np.uint64]


class Anchors:
    """Strings of eight bytes, each known by the order in which it was given."""

    def __init__(self, anchors: Iterable[bytes]) -> None:
        given = np.frombuffer(b"".join(anchors), "<u8")
        self._order = np.argsort(given)
        self._sorted = given[self._order]
        self._maybe = np.zeros(1 << _BITS, np.bool_)
        self._maybe[_hash(given)] = True

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Return (where, which) for every anchor that stands in `data`, in the order in which they stand there."""
        found = list[tuple[int, int]]()
        for first in range(min(ANCHOR, len(data) - ANCHOR + 1)):  # every eighth place from there on
            numbers = np.frombuffer(data, "<u8", (len(data) - first) // ANCHOR, first)
            at = np.flatnonzero(self._maybe[_hash(numbers)])
            those = numbers[at]
            among = np.searchsorted(self._sorted, those)
            among[among == len(self._sorted)] = 0
            hits = np.flatnonzero(self._sorted[among] == those) if len(at) else at
            found += zip((at[hits] * ANCHOR + first).tolist(), self._order[among[hits]].tolist(), strict=True)
        return sorted(found)


def _hash(numbers: _Numbers) -> _Numbers:
    return (numbers * _MIX) >> np.uint64(64 - _BITS)
