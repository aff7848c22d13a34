"""Finds where any part of many needles begins to stand, by eight bytes of it. Pure.

Eight bytes are one number. Two tables say of a number's hashes whether it may be one of those looked for; what may be
is then looked up among them. All is done for a whole block at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.uint64]
_Places = NDArray[np.intp]
ANCHOR = 8
"""Bytes of an anchor."""
_BITS = 21
_FIRST, _SECOND = 64 - _BITS, 64 - 2 * _BITS
"""By how much a mixed number is shifted for its two hashes."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio of 2^64: it spreads neighbours (Knuth, vol. 3, 6.4)."""
_ALIKE = np.uint64(0x0101010101010101)


class Anchors:
    """The anchors of needles: every piece of so many bytes of each holds one of them whole."""

    def __init__(self, needles: Sequence[bytes], pieces: Sequence[int]) -> None:
        sizes = np.array([len(needle) for needle in needles], np.intp)
        steps = np.array(pieces, np.intp) - ANCHOR + 1
        counts = np.maximum(sizes - ANCHOR + 1, 0) // steps
        which = np.repeat(np.arange(len(sizes)), counts)
        at = steps[which] * (_nth(counts) + 1) - 1
        begins = np.cumsum(sizes) - sizes
        numbers = _eights(b"".join(needles))
        alike = numbers[begins[which] + at] // _ALIKE * _ALIKE == numbers[begins[which] + at]
        edges = [(needle, edge) for needle, place in zip(which[alike].tolist(), at[alike].tolist(), strict=True)
                 for edge in _edges(needles[needle], place)]  # fmt: skip
        more = np.array(edges, np.intp).reshape(-1, 2)
        which, at = np.append(which[~alike], more[:, 0]), np.append(at[~alike], more[:, 1])
        given = numbers[begins[which] + at]
        order = np.argsort(given)
        self._sorted, self._which, self._at = given[order], which[order], at[order]
        self._first, self._second = (_table(given * _MIX, shift) for shift in (_FIRST, _SECOND))

    def find(self, data: bytes) -> list[tuple[int, int, int]]:
        """Return (where, which needle, where in it) for every anchor that stands in `data`, in their order there."""
        numbers = _eights(data)
        mixed = numbers * _MIX
        where = np.flatnonzero(self._first[_hash(mixed, _FIRST)])
        where = where[self._second[_hash(mixed[where], _SECOND)]]
        begin, end = (np.searchsorted(self._sorted, numbers[where], side) for side in ("left", "right"))
        several = end - begin
        found = np.repeat(begin, several) + _nth(several)
        parts = np.repeat(where, several), self._which[found], self._at[found]
        return list(zip(*(part.tolist() for part in parts), strict=True))


def _eights(data: bytes) -> _Numbers:
    """Return the eight bytes from each place on, as numbers."""
    count = len(data) - ANCHOR + 1
    return np.ndarray(count, "<u8", data, strides=(1,)) if count > 0 else np.empty(0, np.uint64)


def _nth(counts: _Places) -> _Places:
    """Count from 0 for each of `counts`, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _edges(needle: bytes, at: int) -> Iterator[int]:
    """Yield where one byte over and over, which stands everywhere, begins and ends."""
    byte = needle[at : at + 1]
    before = len(needle[:at].rstrip(byte)) - 1
    after = len(needle) - len(needle[at:].lstrip(byte)) - ANCHOR + 1
    yield from (place for place in (before, after) if 0 <= place <= len(needle) - ANCHOR)


def _hash(mixed: _Numbers, shift: int) -> _Numbers:
    return (mixed >> np.uint64(shift)) & np.uint64((1 << _BITS) - 1)


def _table(mixed: _Numbers, shift: int) -> NDArray[np.bool_]:
    table = np.zeros(1 << _BITS, np.bool_)
    table[_hash(mixed, shift)] = True
    return table
