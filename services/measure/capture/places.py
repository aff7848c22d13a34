"""Captures what a program leaves in places that nobody named: new files in temporary and home folders, new ports."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tiers.measure.capture.files import file_chunks
from tiers.measure.search.scan import Chunk

_LARGEST = 1 << 26
Before = dict[Path, tuple[int, int]]


def around(*folders: Path) -> Before:
    """Return what lies at the top of places where programs leave things: when it was last written, ns, and its size."""
    usual = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path("/run/lock")}  # noqa: S108 - looked into, not written to
    homes = {Path.home() / one for one in ("", ".cache", ".config", ".local/share", ".local/state")}
    found: Before = {}
    for home in {*usual, *homes, *folders}:
        with suppress(OSError):  # no such place, or not for us
            for path in sorted(home.iterdir()):
                with suppress(OSError):  # it is gone
                    about = path.lstat()
                    found[path] = about.st_mtime_ns, about.st_size
    return found


def folders_in(folder: Path) -> list[Path]:
    """Return a folder and the folders in it: around them is looked for what a program leaves where it runs."""
    return [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]


def left(name: str, folders: Iterable[Path], before: Before, besides: Iterable[Path]) -> Iterator[Chunk]:
    """Yield what is new or was written since, name and content; but for paths that are looked at elsewhere."""
    known = [path.resolve() for path in besides]
    for path, stamp in around(*folders).items():
        if before.get(path) == stamp or any(one in (path, *path.parents) or path in one.parents for one in known):
            continue
        new = [path, *path.rglob("*")] if path not in before else [path]
        for one in new:
            with suppress(OSError):
                if one.is_file() and one.stat().st_size < _LARGEST:
                    yield from file_chunks(name, one)
