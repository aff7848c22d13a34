"""Captures the memory of running processes. Linux only. A capture that is partial raises `NotWhole`. Thin I/O."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source, split

MEASURES_MEMORY = sys.platform == "linux"
_TRIES = 3
_SMALLEST = 1 << 20
"""Bytes of memory below which a capture of a process cannot be whole."""


class Running(Protocol):
    """A process, with the name under which it is known."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def pid(self) -> int:
        """Its number."""


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


def memories(name: str, children: Iterable[Running]) -> Source:
    """Read the memory of several processes, as `memory` does: a store may have three of them."""
    return Source(name, tuple(chunk for child in children for chunk in memory(name, child).chunks))


def memory(name: str, child: Running) -> Source:
    """Read all memory of a running process that can hold data; raises `NotWhole` if any of it cannot be read."""
    missing: set[_Region] = set()
    for _ in range(_TRIES):
        regions = _regions(child)
        if missing and not missing & set(regions):
            regions = [one for one in regions if one not in missing]
        chunks, missing = _read_regions(child, regions)
        if not missing:
            source = Source(name, tuple(chunks))
            if source.size < _SMALLEST:
                raise NotWhole(f"the memory of {child.name} is only {source.size} bytes")
            return source
    raise NotWhole(f"{len(missing)} regions of the memory of {child.name} cannot be read")


def _regions(child: Running) -> list[_Region]:
    try:
        lines = Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        raise NotWhole(f"{child.name} is not running") from None
    return [region for region in map(_Region.wanted, lines) if region is not None]


def _read_regions(child: Running, regions: Iterable[_Region]) -> tuple[list[Chunk], set[_Region]]:
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
        raise NotWhole(f"the memory of {child.name} may not be read: run as the user that started it") from None
    return chunks, missing
