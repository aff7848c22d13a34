"""Finds where any of many strings of eight bytes stands. Pure.

Eight bytes are one number. Two tables say of a number's hashes whether it may be one of those looked for; what may be
is then looked up among them. All is done for a whole block at once, and let other threads run meanwhile.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.uint64]
ANCHOR = 8
"""Bytes of an anchor."""
_BITS = 21
_FIRST, _SECOND = 64 - _BITS, 64 - 2 * _BITS
"""By how much a mixed number is shifted for its two hashes."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio of 2^64: it spreads neighbours (Knuth, vol. 3, 6.4)."""


class Anchors:
    """Strings of eight bytes, each known by the order in which it was given."""

    def __init__(self, anchors: Iterable[bytes]) -> None:
        given = np.frombuffer(b"".join(anchors), "<u8")
        self._order = np.argsort(given)
        self._sorted = given[self._order]
        self._first, self._second = (_table(given * _MIX, shift) for shift in (_FIRST, _SECOND))

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Return (where, which) for every anchor that stands in `data`, in the order in which they stand there."""
        if len(data) < ANCHOR:
            return []
        numbers = np.ndarray(len(data) - ANCHOR + 1, "<u8", data, strides=(1,))  # eight bytes from each place on
        mixed = numbers * _MIX
        at = np.flatnonzero(self._first[_hash(mixed, _FIRST)])
        at = at[self._second[_hash(mixed[at], _SECOND)]]
        those = numbers[at]
        among = np.searchsorted(self._sorted, those)
        among[among == len(self._sorted)] = 0
        hits = np.flatnonzero(self._sorted[among] == those) if len(at) else at
        return list(zip(at[hits].tolist(), self._order[among[hits]].tolist(), strict=True))


def _hash(mixed: _Numbers, shift: int) -> _Numbers:
    return (mixed >> np.uint64(shift)) & np.uint64((1 << _BITS) - 1)


def _table(mixed: _Numbers, shift: int) -> NDArray[np.bool_]:
    table = np.zeros(1 << _BITS, np.bool_)
    table[_hash(mixed, shift)] = True
    return table
