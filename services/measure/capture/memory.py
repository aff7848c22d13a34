"""Captures running processes: memory, environment, arguments, open files without a name; children too. Linux only.

A capture that is partial raises `NotWhole`. Thin I/O.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tiers.measure.capture.processes import arguments, environment, tree, unnamed
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source, runs, split

MEASURES_MEMORY = sys.platform == "linux"
_TRIES = 3
_SMALLEST = 1 << 16
"""Bytes of memory below which a capture of a process cannot be whole; a child that has just begun may have less."""
_PAGE, _BLOCK, _REACH = 4096, 256, 256
"""Bytes of a page, and of a part of it; and by how many what was written reaches into its neighbours."""
_INT = 32
"""Bytes of one of CPython's small integers; they lie in one array."""
_SMALL_INTS = re.compile(b".{28}".join(number.to_bytes(4, "little") for number in range(1, 33)), re.DOTALL)
_SHORTEST_LIST = 12
Pages = Mapping[int, bytes]


class Running(Protocol):
    """A process, with the name under which it is known."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...


class Process(NamedTuple):
    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class _Region:
    """One line of /proc/<pid>/maps (proc(5))."""

    start: int
    end: int
    name: str

    @classmethod
    def wanted(cls, line: str) -> "_Region | None":
        """Read a line; `None` for what holds no data of the process: the kernel's, or a file's own text."""
        parts = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in parts[0].split("-"))
        name = parts[5].strip() if len(parts) > 5 else "anonymous"  # noqa: PLR2004 - the sixth column is the name
        kernels = name in {"[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]"}
        text = name.startswith("/") and "w" not in parts[1] and not name.startswith(("/memfd:", "/dev/shm/"))  # noqa: S108 - where a mapping comes from; nothing is written
        return None if kernels or text else cls(start, end, Path(name).name)


def each(families: Mapping[str, Sequence[Running]], parent: Running | None) -> Iterator[Source]:
    """Read processes, as `memory` does; a store may have three of them.

    What they have in common with the `parent` that they were forked from is looked through once.
    """
    shared = alone(parent.name, parent) if parent else Source("nothing", ())
    pages = pages_of(shared)
    for name, children in families.items():
        chunks = tuple(chunk for child in children for chunk in memory(name, child, pages).chunks)
        yield Source(name, chunks, packed=False, beside=shared)


def memory(name: str, child: Running, known: Pages | None = None, pids: Iterable[int] = ()) -> Source:
    """Read all that a running process and its descendants hold, or `pids`; raises `NotWhole` if any cannot be read.

    What is the same in the `known` pages is left out: whoever has them looks through them.
    """
    chunks: list[Chunk] = []
    for pid in pids or tree(child.pid):
        who = child.name if pid == child.pid else f"{child.name}, child {pid}"
        try:
            chunks += _memory(who, pid, known or {}, _SMALLEST if pid == child.pid else 0)
        except NotWhole:
            if pid == child.pid or Path(f"/proc/{pid}").exists():
                raise
        chunks += chain(environment(who, pid), arguments(who, pid), unnamed(who, pid))
    return Source(name, tuple(chunk for chunk in chunks if chunk.data), packed=False)


def alone(name: str, child: Running) -> Source:
    """Read the memory of one process without its descendants; raises `NotWhole` if any of it cannot be read."""
    return Source(name, tuple(_memory(child.name, child.pid, {}, _SMALLEST)), packed=False)


def pages_of(source: Source) -> Pages:
    """Return memory by address."""
    return {
        chunk.start + at: chunk.data[at : at + _PAGE]
        for chunk in source.chunks
        for at in range(0, len(chunk.data), _PAGE)
    }


def unlike(chunks: Iterable[Chunk], known: Pages) -> Iterator[Chunk]:
    """Yield what of some memory is not the same in the known pages, and a little on either side.

    Nothing is lost: what was written since lies close together, for it is no secret's bytes that lay there before.
    """
    for chunk in chunks:
        begin = end = 0
        for at in chain(_differing(chunk, known), [len(chunk.data) + _PAGE]):
            if at - _REACH > end:
                if end:
                    yield Chunk(chunk.place, chunk.start + begin, chunk.data[begin:end])
                begin = at - _REACH
            end = at + _BLOCK + _REACH


def _differing(chunk: Chunk, known: Pages) -> Iterator[int]:
    """Yield where parts begin that are not the same in the known pages."""
    for at in range(0, len(chunk.data), _PAGE):
        page, before = chunk.data[at : at + _PAGE], known.get(chunk.start + at, b"")
        if page != before:
            for part in range(0, len(page), _BLOCK):
                if page[part : part + _BLOCK] != before[part : part + _BLOCK]:
                    yield at + part


def _memory(who: str, pid: int, known: Pages, least: int) -> list[Chunk]:
    missing: set[_Region] = set()
    for _ in range(_TRIES):
        regions = _regions(who, pid)
        if missing and not missing & set(regions):
            regions = [one for one in regions if one not in missing]
        chunks, missing = _read_regions(who, pid, regions)
        if not missing:
            if (size := sum(len(chunk.data) for chunk in chunks)) < least:
                raise NotWhole(f"the memory of {who} is only {size} bytes")
            own = list(unlike(chunks, known)) if known else chunks
            return [*own, *_lists(chunks, own)]
    raise NotWhole(f"{len(missing)} regions of the memory of {who} cannot be read")


def _regions(who: str, pid: int) -> list[_Region]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        raise NotWhole(f"{who} is not running") from None
    return [region for region in map(_Region.wanted, lines) if region is not None]


def _read_regions(who: str, pid: int, regions: Iterable[_Region]) -> tuple[list[Chunk], set[_Region]]:
    """Read regions; what was unmapped meanwhile, or grew, is reported and looked at again."""
    chunks: list[Chunk] = []
    missing: set[_Region] = set()
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
            for region in regions:
                for start, end in _present(pid, region):
                    try:
                        file.seek(start)
                        data = file.read(end - start)
                    except OSError:
                        missing.add(region)
                        continue
                    if len(data) != end - start:
                        missing.add(region)
                    chunks += split(f"memory of {who}, {region.name}", data, start)
    except OSError:
        raise NotWhole(f"the memory of {who} may not be read: run as the user that started it") from None
    return chunks, missing


def _present(pid: int, region: _Region) -> Iterator[tuple[int, int]]:
    """Yield the parts of a region that were ever written or read: /proc/<pid>/pagemap, bits 62 and 63."""
    if region.start >= 1 << 63:
        return
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
        file.seek(region.start // _PAGE * 8)
        entries = np.frombuffer(file.read((region.end - region.start) // _PAGE * 8), np.uint64)
    for begin, end in runs(entries >> np.uint64(62) != 0):
        yield region.start + begin * _PAGE, region.start + end * _PAGE


def _lists(chunks: list[Chunk], own: list[Chunk]) -> Iterator[Chunk]:
    """Yield the bytes that lie in `own` as lists of Python's small integers, one pointer for each, into `chunks`."""
    for chunk in chunks:
        if "python" in chunk.place.rpartition(",")[2] and (found := _SMALL_INTS.search(chunk.data)):
            zero = chunk.start + found.start() - 24 - _INT
            common = re.escape((zero >> 24).to_bytes(5, "little"))
            several = re.compile(common + b"(?:..." + common + b"){%d,}" % (_SHORTEST_LIST - 1), re.DOTALL)
            yield from (run for where in own for run in _runs(where, zero, several))


def _runs(chunk: Chunk, zero: int, several: re.Pattern[bytes]) -> Iterator[Chunk]:
    """Yield runs of pointers to small integers; `zero` is where 0 lies, and `several` what they have in common."""
    for match in several.finditer(chunk.data):
        begin = match.start() - 3
        if begin >= 0 and begin % 8 == 0:
            pointers = memoryview(chunk.data[begin : match.end()]).cast("Q")
            places = [pointer - zero for pointer in pointers]
            held = bytes(place // _INT for place in places if 0 <= place < 256 * _INT and place % _INT == 0)
            if len(held) >= _SHORTEST_LIST:
                yield Chunk(f"{chunk.place}, a list of integers", chunk.start + begin, held)
