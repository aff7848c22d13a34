"""Finds needles in holdings: one pass of Aho and Corasick over every byte, each hit with its place and offset. Pure.

Both are squeezed (`encodings.py`). The automaton knows eight characters of each part of a needle; a hit is then
compared as far as it goes. Things of a known shape are cut out as well, such as every JWE that lies in the bytes.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import ahocorasick_rs

from tiers.measure.derive.rules import Fact
from tiers.measure.errors import NotWhole
from tiers.measure.search.encodings import squeeze
from tiers.measure.search.opening import opened
from tiers.measure.search.spelling import SHORTEST, Needle

ANCHOR = SHORTEST
KEEP = 4
"""Places that are kept of one fact in one source."""
BLOCK, OVERLAP = 1 << 14, 1 << 11
"""Bytes that are squeezed at once, and how far one block reaches into the next: no needle is longer."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a shut thing looks like: how it begins, its whole pattern, and how it is read (`None` if it is none)."""

    name: str
    begins: bytes
    pattern: re.Pattern[bytes]
    read: Callable[[bytes], Hashable]

    def cut(self, chunk: "Chunk") -> "Iterator[Chunk]":
        """Cut every thing of this shape out of a chunk, and leave the rest."""
        for match in self.pattern.finditer(chunk.data):
            yield Chunk(f"{chunk.place}, {self.name}", chunk.start + match.start(), match[0])


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """Bytes that lie together: `place` says where (`memory of gateway, [heap]`), `start` is the first one's offset."""

    place: str
    start: int
    data: bytes
    aside: bool = False
    """Whether this is no content by itself: a file's name."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that was captured whole: a process's memory, a folder, what an API answered."""

    name: str
    chunks: tuple[Chunk, ...]
    packed: bool = True
    """Whether what is packed in it is opened: memory is too large for that."""

    @classmethod
    def whole(cls, name: str, chunks: Iterable[Chunk]) -> "Source":
        """Return a capture that has something in it; raises `NotWhole` for one that has not."""
        full = tuple(chunk for chunk in chunks if chunk.data)
        if all(chunk.aside for chunk in full):
            raise NotWhole(f"the {name} is empty")
        return cls(name, full)

    @property
    def size(self) -> int:
        """Bytes captured."""
        return sum(len(chunk.data) for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the bytes lay, and how they were spelled there."""

    place: str
    offset: int
    how: str

    def __str__(self) -> str:
        return f"{self.place}, offset {self.offset:#x}, {self.how}"


@dataclass(slots=True)
class Found:
    """What a scan of one source found, by fact and by shut thing, and how many bytes were looked at."""

    name: str
    size: int = 0
    facts: dict[Fact, list[Evidence]] = field(default_factory=dict)
    shut: dict[Hashable, Evidence] = field(default_factory=dict)

    def places(self, fact: Fact) -> Sequence[Evidence]:
        """Return where a fact was found."""
        return self.facts.get(fact, ())


Hits = tuple[tuple[int, int, int], ...]
"""Which anchor, from where, to where."""
Fit = tuple[Needle, int, int, int]
"""A needle, where it begins in what was looked through, from which of its characters on, and how many of them."""


class Scanner:
    """Looks for all needles at once, and cuts out what has one of the `shapes`."""

    def __init__(self, needles: Iterable[Needle], shapes: Sequence[Shape] = ()) -> None:
        anchors: dict[bytes, list[tuple[Needle, int]]] = {}
        for needle in needles:
            for at in _anchors(needle):
                anchors.setdefault(needle.spelled[at : at + ANCHOR], []).append((needle, at))
        self._needles = list(anchors.values())
        self._shapes = tuple(shapes)
        self._before: dict[tuple[int, int], Hits] = {}
        kind = ahocorasick_rs.Implementation.ContiguousNFA
        self._automaton = ahocorasick_rs.BytesAhoCorasick(list(anchors), implementation=kind)

    def scan(self, source: Source) -> Found:
        """Look through one source."""
        found = Found(source.name)
        for chunk in source.chunks:
            found.size += len(chunk.data)
            self._inside(chunk, found)
            for how, at, data in opened(chunk.data) if source.packed else ():
                self._inside(Chunk(f"{chunk.place}, offset {chunk.start + at:#x}, {how} opened", 0, data), found)
        return found

    def _inside(self, chunk: Chunk, found: Found) -> None:
        self._look(chunk, found)
        for shape in self._shapes:
            for begin in _all(chunk.data, shape.begins):
                _cut(shape, chunk, begin, found)

    def _look(self, chunk: Chunk, found: Found) -> None:
        for begin in range(0, max(1, len(chunk.data) - OVERLAP), BLOCK):
            data = chunk.data[begin : begin + BLOCK + OVERLAP]
            if not (hits := self._hits(data)):
                continue
            pieces = dict[int, _Pieces]()
            for needle, first, at, size in self._fitting(hits, squeeze(data)):
                if size < needle.least and not pieces.setdefault(id(needle), _Pieces(2 * needle.piece)).add(
                    first, at, size
                ):
                    continue
                places = found.facts.setdefault(needle.fact, [])
                if len(places) < KEEP:
                    how = needle.how if size >= needle.least else f"{needle.how}, in pieces"
                    place = Evidence(chunk.place, chunk.start + begin + _before(data, first), how)
                    if place not in places:
                        places.append(place)

    def _hits(self, data: bytes) -> Hits:
        """Return where anchors lie; the same bytes in another process are not looked through again."""
        key = (hash(data), len(data))
        if key not in self._before:
            self._before[key] = tuple(self._automaton.find_matches_as_indexes(squeeze(data), overlapping=True))
        return self._before[key]

    def _fitting(self, hits: Hits, squeezed: bytes) -> list[Fit]:
        """Return the needles that fit, in the order in which they lie.

        Two texts may have words in common: the one that goes on is the one that is there.
        """
        fits = dict[tuple[int, int], Fit]()
        for which, start, _end in hits:
            for needle, at in self._needles[which]:
                left, right = _extent(needle.spelled, at, squeezed, start)
                if left + right >= needle.piece:
                    fits[id(needle), start - left] = (needle, start - left, at - left, left + right)
        return [fit for fit in fits.values() if not any(_goes_on(other, fit) for other in fits.values())]


def _goes_on(other: Fit, fit: Fit) -> bool:
    """Whether what fits there is but a part of what fits better, of another secret."""
    needle, first, _, size = other
    return needle.fact != fit[0].fact and size > fit[3] and first <= fit[1] and fit[1] + fit[3] <= first + size


class _Pieces:
    """Pieces of one text in one block: several of them near each other are no chance."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._seen: list[tuple[int, frozenset[int]]] = []

    def add(self, start: int, at: int, size: int) -> bool:
        """Add a piece (where it lies, which letters of the text it is), and say whether there are enough by now."""
        self._seen.append((start, frozenset(range(at, at + size))))
        near = {piece for where, piece in self._seen if start - where <= OVERLAP}
        return len(frozenset().union(*near)) >= self._enough and len(near) > 1


def _anchors(needle: Needle) -> Iterator[int]:
    """Yield places of a needle, so that every part of it that is enough holds one of them whole."""
    last = len(needle.spelled) - ANCHOR
    for at in {*range(0, last, max(1, needle.piece - ANCHOR + 1)), last}:
        if len(set(needle.spelled[at : at + ANCHOR])) > 1:  # one byte over and over stands everywhere
            yield at


def _extent(spelled: bytes, at: int, data: bytes, start: int) -> tuple[int, int]:
    """Return how many bytes before `start`, and from there on, are those of the needle around `at`."""
    left = 0
    while left < at and left < start and spelled[at - left - 1] == data[start - left - 1]:
        left += 1
    right = ANCHOR
    most = min(len(spelled) - at, len(data) - start)
    while right < most and spelled[at + right] == data[start + right]:
        right += 1
    return left, right


def _before(data: bytes, squeezed: int) -> int:
    """Return where in `data` the byte lies that comes after so many in squeezed form."""
    return bisect_right(range(len(data)), squeezed, key=lambda end: len(squeeze(data[:end]))) - 1


def _all(data: bytes, begins: bytes) -> Iterator[int]:
    at = data.find(begins)
    while at >= 0:
        yield at
        at = data.find(begins, at + 1)


def _cut(shape: Shape, chunk: Chunk, start: int, found: Found) -> None:
    if (match := shape.pattern.match(chunk.data, start)) and (thing := shape.read(match[0])) is not None:
        found.shut.setdefault(thing, Evidence(chunk.place, chunk.start + start, shape.name))


def merge(parts: Sequence[Found]) -> Found:
    """Unite what several sources hold: a coalition, or a party with all that is its own."""
    out = Found(" + ".join(part.name for part in parts))
    facts = defaultdict[Fact, list[Evidence]](list)
    for part in parts:
        out.size += part.size
        for fact, places in part.facts.items():
            facts[fact] += places
        for thing, evidence in part.shut.items():
            out.shut.setdefault(thing, evidence)
    out.facts = dict(facts)
    return out


def split(place: str, data: bytes, start: int = 0, block: int = 16_384) -> Iterator[Chunk]:
    """Cut bytes into chunks without the blocks that are all zero: memory that was never written holds nothing."""
    zero = bytes(block)
    begin: int | None = None
    for at in range(0, len(data), block):
        if data[at : at + block] == zero[: len(data) - at]:
            if begin is not None:
                yield Chunk(place, start + begin, data[begin:at])
                begin = None
        elif begin is None:
            begin = at
    if begin is not None:
        yield Chunk(place, start + begin, data[begin:])
