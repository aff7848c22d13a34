"""Captures what a program leaves in places that nobody named: new files in temporary and home folders, new ports."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tiers.measure.capture.files import file_chunks
from tiers.measure.search.scan import Chunk

_LARGEST = 1 << 26
Stamp = tuple[int, int]
Before = dict[Path, Stamp]


def around(folder: Path) -> Before:
    """Return what lies at the top of places where programs leave things, and when each was last written."""
    homes = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path.home(), folder}  # noqa: S108 - looked into, not written to
    return {path: _stamp(path) for home in homes for path in _inside(home)}


def left(name: str, folder: Path, before: Before, besides: Iterable[Path]) -> Iterator[Chunk]:
    """Yield what is new or was written since, name and content; but for paths that are looked at elsewhere."""
    known = [path.resolve() for path in besides]
    for path, stamp in around(folder).items():
        if before.get(path) == stamp or any(one in (path, *path.parents) or path in one.parents for one in known):
            continue
        new = [path, *path.rglob("*")] if path not in before else [path]
        for one in new:
            with suppress(OSError):
                if one.is_file() and one.stat().st_size < _LARGEST:
                    yield from file_chunks(name, one)


def _inside(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _stamp(path: Path) -> Stamp:
    with suppress(OSError):
        about = path.lstat()
        return about.st_mtime_ns, about.st_size
    return 0, 0
