"""Captures what parties really hold: the memory of their processes, their files, what passed on the wire. Thin I/O.

A capture that is empty or partial is an error and never a clean result: every function here raises `Ours`
(`lab.capture`) for one.
"""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tiers.lab.attack.search.scan import Chunk, Source, split
from tiers.lab.world.processes import Child
from tiers.wire.errors import Ours

MEASURES_MEMORY = sys.platform == "linux"
_TRIES = 3
_SMALLEST = 1 << 20
"""Bytes of memory below which a capture of a process cannot be whole."""


@dataclass(frozen=True, slots=True)
class _Region:
    """One line of /proc/<pid>/maps (proc(5))."""

    start: int
    end: int
    name: str

    @classmethod
    def wanted(cls, line: str) -> "_Region | None":
        """Read a line; `None` for what holds no data of the process: unreadable, the kernel's, or a file's own text."""
        parts = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in parts[0].split("-"))
        name = parts[5].strip() if len(parts) > 5 else "anonymous"  # noqa: PLR2004 - the sixth column is the name
        kernels = name in {"[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]"}
        text = name.startswith("/") and "w" not in parts[1]
        return None if "r" not in parts[1] or kernels or text else cls(start, end, Path(name).name)


def memories(name: str, children: Iterable[Child]) -> Source:
    """Read the memory of several processes, as `memory` does: a store may have three of them."""
    return Source(name, tuple(chunk for child in children for chunk in memory(name, child).chunks))


def memory(name: str, child: Child) -> Source:
    """Read all memory of a running process that can hold data; raises `Ours` if any of it cannot be read."""
    missing: set[_Region] = set()
    for _ in range(_TRIES):
        regions = _regions(child)
        if missing and not missing & set(regions):
            regions = [one for one in regions if one not in missing]
        chunks, missing = _read_regions(child, regions)
        if not missing:
            source = Source(name, tuple(chunks))
            if source.size < _SMALLEST:
                raise failed(f"the memory of {child.name} is only {source.size} bytes")
            return source
    raise failed(f"{len(missing)} regions of the memory of {child.name} cannot be read")


def _regions(child: Child) -> list[_Region]:
    try:
        lines = Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        raise failed(f"{child.name} is not running") from None
    return [region for region in map(_Region.wanted, lines) if region is not None]


def _read_regions(child: Child, regions: Iterable[_Region]) -> tuple[list[Chunk], set[_Region]]:
    """Read regions; what was unmapped meanwhile, or grew, is reported and looked at again."""
    chunks: list[Chunk] = []
    missing: set[_Region] = set()
    try:
        with Path(f"/proc/{child.pid}/mem").open("rb", buffering=0) as file:
            for region in regions:
                try:
                    file.seek(region.start)
                    data = file.read(region.end - region.start)
                except OSError:
                    missing.add(region)
                    continue
                if len(data) != region.end - region.start:
                    missing.add(region)
                chunks += split(f"memory of {child.name}, {region.name}", data, region.start)
    except OSError:
        raise failed(f"the memory of {child.name} may not be read: run as the user that started it") from None
    return chunks, missing


def files(name: str, paths: Iterable[Path]) -> Source:
    """Read files, and the rows of those that are SQLite databases; raises `Ours` if there are none or all are empty."""
    chunks: list[Chunk] = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            raise failed(f"{name}: {path.name} cannot be read") from None
        if data:
            chunks.append(Chunk(f"{name}, {path.name}", 0, data))
        if data.startswith(b"SQLite format 3\0"):
            chunks += _rows(name, path)
    if not chunks:
        raise failed(f"{name}: no file holds anything")
    return Source(name, tuple(chunks))


def folder(name: str, path: Path) -> Source:
    """Read everything below a folder; raises `Ours` if it is not there, empty, or never still for a moment."""
    for _ in range(_TRIES):
        seen = _inside(path)
        try:
            source = files(name, seen)
        except Ours:
            if seen == _inside(path):
                raise
            continue  # a file was replaced while we looked
        return source
    raise failed(f"{name}: its files keep changing")


def _inside(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file())


def answers(name: str, said: Iterable[tuple[str, bytes]]) -> Source:
    """Take what APIs answered, (question, answer); raises `Ours` if nobody was asked."""
    chunks = tuple(Chunk(f"{name}, {question}", 0, answer) for question, answer in said)
    if not chunks:
        raise failed(f"{name}: nobody was asked")
    return Source(name, chunks)


def _rows(name: str, path: Path) -> Iterator[Chunk]:
    """Read a database row by row: a long value lies scattered over pages, and is in one piece here only."""
    with tempfile.TemporaryDirectory(prefix="tiers-") as copy:
        try:
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, copy)
            yield from _tables(name, Path(copy) / path.name)
        except (OSError, sqlite3.Error):
            raise failed(f"{name}: {path.name} cannot be read as a database") from None


def _tables(name: str, path: Path) -> Iterator[Chunk]:
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for at, row in enumerate(db.execute(f'SELECT * FROM "{table}"')):  # noqa: S608 - its own table's name
                place = f"{name}, {path.name}, {table}, row {at}"
                values = [value.encode() if isinstance(value, str) else value for value in row]
                yield from (Chunk(place, 0, value) for value in values if isinstance(value, bytes) and value)


def failed(what: str) -> Ours:
    """Return the error for a capture that is not whole."""
    return Ours("lab.capture", f"Start again: {what}, so the capture would be partial.")
