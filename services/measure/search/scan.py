"""Finds needles in holdings: one pass of Aho and Corasick over every byte, each hit with its place and offset. Pure.

Both are squeezed (`encodings.py`). The automaton knows eight characters of each part of a needle; a hit is then
compared as far as it goes. Things of a known shape are cut out as well, such as every JWE that lies in the bytes.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

import ahocorasick_rs

from tiers.measure.derive.rules import Fact
from tiers.measure.errors import NotWhole
from tiers.measure.search.encodings import squeeze
from tiers.measure.search.opening import opened
from tiers.measure.search.spelling import ANCHOR, Needle, anchors_of

KEEP = 4
"""Places that are kept of one fact in one source."""
BLOCK, OVERLAP = 1 << 17, 1 << 11
"""Bytes that are squeezed at once, and how far one block reaches into the next: no needle is longer."""
NEAR = 1 << 12
"""Bytes within which pieces of a text belong together."""


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
    beside: "Source | None" = None
    """What it has in common with other captures: a part of each of them, looked through once."""

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


Fit = tuple[Needle, int, int, int]
"""A needle, where it begins in what was looked through, from which of its characters on, and how many of them."""


class Scanner:
    """Looks for all needles at once, and cuts out what has one of the `shapes`."""

    def __init__(self, needles: Iterable[Needle], shapes: Sequence[Shape] = ()) -> None:
        anchors: dict[bytes, list[tuple[Needle, int]]] = {}
        for needle in needles:
            for at, anchor in anchors_of(needle):
                anchors.setdefault(anchor, []).append((needle, at))
        self._needles = list(anchors.values())
        self._shapes = tuple(shapes)
        self._beside: dict[int, tuple[Source, Found]] = {}
        self._lock = Lock()
        self._nothing = set[bytes]()  # what was packed and has nothing in it, wherever it lies
        kind = ahocorasick_rs.Implementation.ContiguousNFA
        self._automaton = ahocorasick_rs.BytesAhoCorasick(list(anchors), implementation=kind)

    def scan(self, source: Source) -> Found:
        """Look through one source."""
        found = self._through(source)
        if source.beside is not None:
            found = merge([found, self._once(source.beside)], source.name)
        return found

    def _once(self, source: Source) -> Found:
        """Look through what several sources have in common; it is kept, so that its `id` is nobody else's."""
        with self._lock:
            if id(source) not in self._beside:
                self._beside[id(source)] = source, self._through(source)
            return self._beside[id(source)][1]

    def _through(self, source: Source) -> Found:
        found, pieces = Found(source.name), defaultdict[tuple[str, int], _Pieces](_Pieces)
        for chunk in source.chunks:
            found.size += len(chunk.data)
            self._inside(chunk, found, pieces)
            for how, at, data in opened(chunk.data) if source.packed else ():
                if data not in self._nothing:
                    place = f"{chunk.place}, offset {chunk.start + at:#x}, {how} opened"
                    if not self._inside(Chunk(place, 0, data), found, pieces):
                        self._nothing.add(data)
        return found

    def _inside(self, chunk: Chunk, found: Found, pieces: "dict[tuple[str, int], _Pieces]") -> bool:
        """Look into a chunk; returns whether there was anything that could be something."""
        shaped = [(shape, begin) for shape in self._shapes for begin in _all(chunk.data, shape.begins)]
        for shape, begin in shaped:
            _cut(shape, chunk, begin, found)
        return self._look(chunk, found, pieces) or bool(shaped)

    def _look(self, chunk: Chunk, found: Found, pieces: "dict[tuple[str, int], _Pieces]") -> bool:
        any_hits = False
        for begin in range(0, max(1, len(chunk.data) - OVERLAP), BLOCK):
            data = chunk.data[begin : begin + BLOCK + OVERLAP]
            squeezed = squeeze(data)
            hits = self._automaton.find_matches_as_indexes(squeezed, overlapping=True)
            any_hits = any_hits or bool(hits)
            for needle, first, at, size in self._fitting(hits, squeezed) if hits else ():
                places = found.facts.get(needle.fact, [])
                if len(places) == KEEP:
                    continue
                how, where = needle.how, chunk.start + begin + _before(data, first)
                if size < needle.least:
                    how = f"{needle.how}, in pieces"
                    if not pieces[chunk.place, id(needle)].add(where, at, size, 2 * needle.piece):
                        continue
                if (place := Evidence(chunk.place, where, how)) not in places:
                    found.facts[needle.fact] = [*places, place]
        return any_hits

    def _fitting(self, hits: Iterable[tuple[int, int, int]], squeezed: bytes) -> list[Fit]:
        """Return the needles that fit, in the order in which they lie.

        Two texts may have words in common: the one that goes on is the one that is there.
        """
        fits = list[Fit]()
        ends = dict[tuple[int, int], int]()  # how far a needle, laid at a place, is known to fit
        for which, start, _end in hits:
            for needle, at in self._needles[which]:
                if start >= ends.get((id(needle), start - at), 0):
                    left, right = _extent(needle.spelled, at, squeezed, start)
                    ends[id(needle), start - at] = start + right
                    if left + right >= needle.piece:
                        fits.append((needle, start - left, at - left, left + right))
        return _best(fits)


def _best(fits: list[Fit]) -> list[Fit]:
    """Leave out what is but a part of what fits better, of another secret."""
    around, parts = list[Fit](), set[int]()
    for fit in sorted(fits, key=lambda fit: (fit[1], -fit[3])):
        needle, first, _, size = fit
        around = [one for one in around if one[1] + one[3] > first]
        if any(one[0].fact != needle.fact and one[3] > size and one[1] + one[3] >= first + size for one in around):
            parts.add(id(fit))
        around.append(fit)
    return [fit for fit in fits if id(fit) not in parts]


class _Pieces:
    """Pieces of one text in one place: several of them near each other are no chance."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, frozenset[int]]] = []

    def add(self, start: int, at: int, size: int, enough: int) -> bool:
        """Add a piece (where it lies, which letters of the text it is), and say whether there are enough by now."""
        self._seen.append((start, frozenset(range(at, at + size))))
        near = {piece for where, piece in self._seen if abs(start - where) <= NEAR}
        return len(frozenset().union(*near)) >= enough and len(near) > 1


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
    at, size = 0, len(data)
    while size > 1:
        half = size // 2
        kept = len(squeeze(data[at : at + half]))
        if kept <= squeezed:
            at, size, squeezed = at + half, size - half, squeezed - kept
        else:
            size = half
    return at


def _all(data: bytes, begins: bytes) -> Iterator[int]:
    at = data.find(begins)
    while at >= 0:
        yield at
        at = data.find(begins, at + 1)


def _cut(shape: Shape, chunk: Chunk, start: int, found: Found) -> None:
    if (match := shape.pattern.match(chunk.data, start)) and (thing := shape.read(match[0])) is not None:
        found.shut.setdefault(thing, Evidence(chunk.place, chunk.start + start, shape.name))


def merge(parts: Sequence[Found], name: str = "") -> Found:
    """Unite what several sources hold: a coalition, or a party with all that is its own."""
    out = Found(name or " + ".join(part.name for part in parts))
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
