"""Finds needles in holdings: one pass over every byte, each hit with its place and offset. Pure.

Both are squeezed (`encodings.py`). Eight characters of each part of a needle are looked for (`anchors.py`); a hit is
then compared as far as it goes. Things of a known shape are cut out as well, such as every JWE that lies in the bytes.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tiers.measure.derive.rules import Fact
from tiers.measure.errors import NotWhole
from tiers.measure.search.anchors import Anchors
from tiers.measure.search.encodings import squeeze
from tiers.measure.search.fit import Fit, Pieces, best, extent
from tiers.measure.search.opening import opened
from tiers.measure.search.spelling import Needle

KEEP = 4
"""Places that are kept of one fact in one source."""
BLOCK, OVERLAP = 1 << 17, 1 << 11
"""Bytes that are squeezed at once, and how far one block reaches into the next: no needle is longer."""
SLICE = 256
"""Bytes of the slices of a chunk that are left out if they hold nothing new."""
_GAP = b"\n"


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """Bytes that lie together: `place` says where (`memory of gateway, [heap]`), `start` is the first one's offset."""

    place: str
    start: int
    data: bytes
    aside: bool = False
    """Whether this is no content by itself: a file's name."""
    slices: NDArray[np.intp] | None = field(default=None, compare=False)
    """Which slices of `SLICE` bytes these are, counted from `start`, where others were left out."""

    def offset(self, at: int) -> int:
        """Return where a byte of `data` lay."""
        return self.start + (at if self.slices is None else int(self.slices[at // SLICE]) * SLICE + at % SLICE)

    def cut(self, begin: int, end: int) -> "Chunk":
        """Return some of it; `begin` is a multiple of `SLICE`."""
        data = self.data[begin:end]
        if self.slices is None:
            return Chunk(self.place, self.start + begin, data)
        return Chunk(self.place, self.start, data, slices=self.slices[begin // SLICE : -(-end // SLICE)])


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
        """Return it in one line that every terminal and file takes: a file may have any name."""
        said = f"{self.place}, offset {self.offset:#x}, {self.how}"
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in said)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a shut thing looks like: how it begins, its whole pattern, and how it is read (`None` if it is none)."""

    name: str
    begins: bytes
    pattern: re.Pattern[bytes]
    read: Callable[[bytes], Hashable]

    def cut(self, chunk: Chunk) -> Iterator[Chunk]:
        """Cut every thing of this shape out of a chunk, and leave the rest."""
        for match in self.pattern.finditer(chunk.data):
            yield Chunk(f"{chunk.place}, {self.name}", chunk.offset(match.start()), match[0])

    def things(self, chunk: Chunk) -> Iterator[tuple[Hashable, Evidence]]:
        """Yield every thing of this shape, as it is read, and where it lies: maybe within another."""
        begin = chunk.data.find(self.begins)
        while begin >= 0:
            if (match := self.pattern.match(chunk.data, begin)) and (thing := self.read(match[0])) is not None:
                yield thing, Evidence(chunk.place, chunk.offset(begin), self.name)
            begin = chunk.data.find(self.begins, begin + 1)


@dataclass(slots=True)
class Found:
    """What a scan of one source found, by fact and by shut thing, and how many bytes were looked at."""

    name: str
    size: int = 0
    facts: dict[Fact, list[Evidence]] = field(default_factory=dict)
    shut: dict[Hashable, Evidence] = field(default_factory=dict)

    def places(self, fact: Fact) -> Sequence[Evidence]:
        return self.facts.get(fact, ())


@dataclass(slots=True)
class _Block:
    """Chunks side by side, squeezed, with a byte between them that no needle has: many small ones cost as one large."""

    squeezed: bytearray = field(default_factory=bytearray)
    chunks: list[Chunk] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.begins.append(len(self.squeezed))
        self.squeezed += squeeze(chunk.data)
        self.squeezed += _GAP

    def chunk_at(self, where: int) -> tuple[Chunk, int]:
        """Return whose a squeezed byte is, and where it lay."""
        which = bisect_right(self.begins, where) - 1
        chunk = self.chunks[which]
        return chunk, chunk.offset(_before(chunk.data, where - self.begins[which]))


class Scanner:
    """Looks for all needles at once, and cuts out what has one of the `shapes`."""

    def __init__(self, needles: Iterable[Needle], shapes: Sequence[Shape] = ()) -> None:
        self._needles = list(needles)
        self._anchors = Anchors([one.spelled for one in self._needles], [one.piece for one in self._needles])
        self._shapes = tuple(shapes)
        self._beside: dict[int, tuple[Source, Found]] = {}

    def scan(self, source: Source) -> Found:
        found = self._through(source)
        if source.beside is not None:
            found = merge([found, self._once(source.beside)], source.name)
        return found

    def _once(self, source: Source) -> Found:
        """Look through what several sources have in common; it is kept, so that its `id` is nobody else's."""
        if id(source) not in self._beside:
            self._beside[id(source)] = source, self._through(source)
        return self._beside[id(source)][1]

    def _through(self, source: Source) -> Found:
        found, pieces = Found(source.name, source.size), defaultdict[tuple[str, int], Pieces](Pieces)
        for block in _blocks(self._shaped(_contents(source), found)):
            self._look(block, found, pieces)
        return found

    def _shaped(self, chunks: Iterable[Chunk], found: Found) -> Iterator[Chunk]:
        """Pass chunks on, and cut out of them what has a shape."""
        for chunk in chunks:
            for shape in self._shapes:
                for thing, evidence in shape.things(chunk):
                    found.shut.setdefault(thing, evidence)
            yield chunk

    def _look(self, block: _Block, found: Found, pieces: "dict[tuple[str, int], Pieces]") -> None:
        squeezed = bytes(block.squeezed)
        hits = self._anchors.find(squeezed)
        for needle, first, at, size in self._fitting(hits, squeezed) if hits else ():
            places = found.facts.get(needle.fact, [])
            if len(places) == KEEP:
                continue
            how, (chunk, where) = needle.how, block.chunk_at(first)
            if size < needle.least:
                how = f"{needle.how}, in pieces"
                if not pieces[chunk.place, id(needle)].add(where, at, size, 2 * needle.piece):
                    continue
            if (place := Evidence(chunk.place, where, how)) not in places:
                found.facts[needle.fact] = [*places, place]

    def _fitting(self, hits: Iterable[tuple[int, int, int]], squeezed: bytes) -> list[Fit]:
        """Return the needles that fit, in the order in which they lie.

        Two texts may have words in common: the one that goes on is the one that is there.
        """
        fits = list[Fit]()
        ends = dict[tuple[int, int], int]()  # how far a needle, laid at a place, is known to fit
        for start, which, at in hits:
            if start >= ends.get((which, start - at), 0):
                needle = self._needles[which]
                left, right = extent(needle.spelled, at, squeezed, start)
                ends[which, start - at] = start + right
                if left + right >= needle.piece:
                    fits.append((needle, start - left, at - left, left + right))
        return best(fits)


def _contents(source: Source) -> Iterator[Chunk]:
    """Yield what was captured, and what was packed in it."""
    for chunk in source.chunks:
        yield chunk
        for how, at, data in opened(chunk.data) if source.packed else ():
            yield Chunk(f"{chunk.place}, offset {chunk.offset(at):#x}, {how} opened", 0, data)


def _blocks(chunks: Iterable[Chunk]) -> Iterator[_Block]:
    """Put small chunks together and cut long ones: a block is about so large that its numbers stay in a cache."""
    block = _Block()
    for chunk in chunks:
        for begin in range(0, max(1, len(chunk.data) - OVERLAP), BLOCK):
            block.add(chunk.cut(begin, begin + BLOCK + OVERLAP))
            if len(block.squeezed) >= BLOCK:
                yield block
                block = _Block()
    yield block


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


def unlike(chunk: Chunk, before: bytes) -> Iterator[Chunk]:
    """Yield what of some memory is not as it was `before`, in whole slices, and the slice on either side.

    Nothing is lost: what was written since lies close together, for it is no secret's bytes that lay there before.
    """
    now, then = (np.frombuffer(data, np.uint64).reshape(-1, SLICE // 8) for data in (chunk.data, before))
    differs = (now != then).any(axis=1)
    near = differs.copy()
    near[1:] |= differs[:-1]
    near[:-1] |= differs[1:]
    kept = np.flatnonzero(near)
    if len(kept):
        yield Chunk(chunk.place, chunk.start, now[kept].tobytes(), slices=kept)
