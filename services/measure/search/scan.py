"""Finds needles in holdings: one pass of Aho and Corasick over every byte, each hit with its place and offset. Pure.

The automaton knows eight bytes of each needle, so that it stays in the processor's cache; a hit is then compared in
full. In the same pass things of a known shape are cut out, such as every JWE that lies in the bytes.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import ahocorasick_rs

from tiers.measure.derive.rules import Fact
from tiers.measure.search.spelling import Needle

ANCHOR = 8
KEEP = 4
"""Places that are kept of one fact in one source."""


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


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that was captured whole: a process's memory, a folder, what an API answered."""

    name: str
    chunks: tuple[Chunk, ...]

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


class Scanner:
    """Looks for all needles at once, and cuts out what has one of the `shapes`."""

    def __init__(self, needles: Iterable[Needle], shapes: Sequence[Shape] = ()) -> None:
        self._needles: list[list[tuple[Needle, int]]] = []
        anchors: dict[bytes, int] = {}
        for needle in sorted(needles, key=lambda one: (len(one.spelled), one.spelled)):
            at = _anchor_of(needle.spelled, anchors)
            anchor = needle.spelled[at : at + ANCHOR]
            if anchor not in anchors:
                anchors[anchor] = len(self._needles)
                self._needles.append([])
            self._needles[anchors[anchor]].append((needle, at))
        self._shapes = tuple(shapes)
        patterns = [*anchors, *(shape.begins for shape in shapes)]
        self._automaton = ahocorasick_rs.BytesAhoCorasick(patterns, implementation=ahocorasick_rs.Implementation.DFA)

    def scan(self, source: Source) -> Found:
        """Look through one source."""
        found = Found(source.name)
        for chunk in source.chunks:
            found.size += len(chunk.data)
            self._look(chunk, found)
        return found

    def _look(self, chunk: Chunk, found: Found) -> None:
        data = chunk.data
        for which, start, _end in self._automaton.find_matches_as_indexes(data, overlapping=True):
            if which >= len(self._needles):
                _cut(self._shapes[which - len(self._needles)], chunk, start, found)
                continue
            for needle, at in self._needles[which]:
                begin = start - at
                if begin >= 0 and data.startswith(needle.spelled, begin):
                    places = found.facts.setdefault(needle.fact, [])
                    if len(places) < KEEP:
                        places.append(Evidence(chunk.place, chunk.start + begin, needle.how))


def _cut(shape: Shape, chunk: Chunk, start: int, found: Found) -> None:
    if (match := shape.pattern.match(chunk.data, start)) and (thing := shape.read(match[0])) is not None:
        found.shut.setdefault(thing, Evidence(chunk.place, chunk.start + start, shape.name))


def _anchor_of(spelled: bytes, taken: dict[bytes, int]) -> int:
    """Return where the first window lies that is no other needle's anchor and not one byte over and over."""
    if len(spelled) < ANCHOR:
        raise ValueError(f"a needle has at least {ANCHOR} bytes")
    for at in range(len(spelled) - ANCHOR + 1):
        window = spelled[at : at + ANCHOR]
        if window not in taken and len(set(window)) > 2:  # noqa: PLR2004 - such windows are found everywhere
            return at
    return 0


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
