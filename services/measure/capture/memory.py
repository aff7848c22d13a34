"""Captures running processes: memory, environment, arguments, open files without a name; children too. Linux only.

A capture that is partial raises `NotWhole`. Thin I/O.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tiers.measure.capture.processes import arguments, environment, tree, unnamed
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source, unlike

MEASURES_MEMORY = sys.platform == "linux"
_TRIES = 3
_SMALLEST = 1 << 16
"""Bytes of memory below which a capture of a process cannot be whole; a child that has just begun may have less."""
_PAGE = 4096
_EMPTY = bytes(_PAGE)
_INT = 32
"""Bytes of one of CPython's small integers; they lie in one array."""
_SMALL_INTS = re.compile(b".{28}".join(number.to_bytes(4, "little") for number in range(1, 33)), re.DOTALL)
_SHORTEST_LIST = 12
_PASSING = ("/memfd:", "/dev/shm/")  # noqa: S108 - where a mapping comes from; nothing is written
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
        lasts = name.startswith("/") and not (name.startswith(_PASSING) or name.endswith(" (deleted)"))
        return None if kernels or (lasts and "w" not in parts[1]) else cls(start, end, Path(name).name)


def each(families: Mapping[str, Sequence[Running]], parent: Running | None) -> Iterator[Source]:
    """Read processes, as `memory` does; a store may have three of them.

    What they have in common with the `parent` that they were forked from is looked through once.
    """
    whole = _read(parent.name, parent.pid, _SMALLEST) if parent else []
    pages, shared = pages_of(whole), Source(parent.name if parent else "nothing", tuple(own(whole, {})), packed=False)
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
            chunks += own(_read(who, pid, _SMALLEST if pid == child.pid else 0), known or {})
        except NotWhole:
            if pid == child.pid or Path(f"/proc/{pid}").exists():
                raise
        chunks += chain(environment(who, pid), arguments(who, pid), unnamed(who, pid))
    return Source(name, tuple(chunk for chunk in chunks if chunk.data), packed=False)


def pages_of(chunks: Iterable[Chunk]) -> Pages:
    """Return whole memory by address."""
    return {
        chunk.start + at: chunk.data[at : at + _PAGE] for chunk in chunks for at in range(0, len(chunk.data), _PAGE)
    }


def own(chunks: Sequence[Chunk], known: Pages) -> Iterator[Chunk]:
    """Yield what of some memory is not the same in the known pages, and what lists in it say; zeros say nothing."""
    new = [part for chunk in chunks for part in unlike(chunk, _before(chunk, known))]
    yield from new
    yield from _lists(chunks, new)


def _before(chunk: Chunk, known: Pages) -> bytes:
    return b"".join([known.get(at, _EMPTY) for at in range(chunk.start, chunk.start + len(chunk.data), _PAGE)])


def _read(who: str, pid: int, least: int) -> list[Chunk]:
    missing: set[_Region] = set()
    for _ in range(_TRIES):
        regions = _regions(who, pid)
        if missing and not missing & set(regions):
            regions = [one for one in regions if one not in missing]
        chunks, missing = _read_regions(who, pid, regions)
        if not missing:
            if (size := sum(len(chunk.data) for chunk in chunks)) < least:
                raise NotWhole(f"the memory of {who} is only {size} bytes")
            return chunks
    raise NotWhole(f"{len(missing)} regions of the memory of {who} cannot be read")


def _regions(who: str, pid: int) -> list[_Region]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except PermissionError:
        raise NotWhole(f"the memory of {who} may not be read: run as the user that started it") from None
    except OSError:
        raise NotWhole(f"{who} is not running") from None
    return [region for region in map(_Region.wanted, lines) if region is not None]


def _read_regions(who: str, pid: int, regions: Iterable[_Region]) -> tuple[list[Chunk], set[_Region]]:
    """Read regions; what was unmapped meanwhile, or grew, is reported and looked at again."""
    chunks: list[Chunk] = []
    missing: set[_Region] = set()
    try:
        with _of(pid, "mem") as memory, _of(pid, "pagemap") as pages:
            for region in regions:
                for start, end in _present(pages, region):
                    try:
                        memory.seek(start)
                        data = memory.read(end - start)
                    except OSError:
                        missing.add(region)
                        continue
                    if len(data) != end - start:
                        missing.add(region)
                    else:
                        chunks.append(Chunk(f"memory of {who}, {region.name}", start, data))
    except OSError:
        raise NotWhole(f"the memory of {who} may not be read: run as the user that started it") from None
    return chunks, missing


def _of(pid: int, what: str) -> FileIO:
    return Path(f"/proc/{pid}/{what}").open("rb", buffering=0)


def _present(pages: FileIO, region: _Region) -> Iterator[tuple[int, int]]:
    """Yield the parts of a region that were ever written or read: /proc/<pid>/pagemap, bits 62 and 63."""
    if region.start >= 1 << 63:
        return
    pages.seek(region.start // _PAGE * 8)
    entries = np.frombuffer(pages.read((region.end - region.start) // _PAGE * 8), np.uint64)
    for begin, end in _runs(entries >> 62 != 0):
        yield region.start + begin * _PAGE, region.start + end * _PAGE


def _runs(flags: NDArray[np.bool_], least: int = 1) -> list[tuple[int, int]]:
    """Return where each run of so many true flags or more begins and ends."""
    padded = np.zeros(len(flags) + 2, np.bool_)
    padded[1:-1] = flags
    edges = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)
    return [(int(begin), int(end)) for begin, end in edges[edges[:, 1] - edges[:, 0] >= least]]


def _lists(chunks: Iterable[Chunk], own: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the bytes that lie in `own` as lists of Python's small integers, one pointer for each, into `chunks`."""
    for chunk in chunks:
        if "python" in chunk.place.rpartition(",")[2] and (found := _SMALL_INTS.search(chunk.data)):
            zero = chunk.start + found.start() - 24 - _INT
            yield from (listed for where in own for listed in _listed(where, zero))


def _listed(chunk: Chunk, zero: int) -> Iterator[Chunk]:
    """Yield what lists of pointers to small integers say; `zero` is where 0 lies, and all of Python's own near it."""
    pointers = np.frombuffer(chunk.data, np.uint64)
    for begin, end in _runs(pointers >> 24 == zero >> 24, _SHORTEST_LIST):
        places = pointers[begin:end] - np.uint64(zero)
        held = places[(places < 256 * _INT) & (places % _INT == 0)] // _INT
        if len(held) >= _SHORTEST_LIST:
            yield Chunk(f"{chunk.place}, a list of integers", chunk.offset(begin * 8), held.astype(np.uint8).tobytes())
