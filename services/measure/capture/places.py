"""Captures what a program leaves in places that nobody named: new files in temporary and home folders, new ports."""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tiers.measure.capture.files import file_chunks
from tiers.measure.search.scan import Chunk

_MOST = 1 << 26
"""Bytes of a file that are looked at."""
Before = dict[Path, tuple[int, int]]


def around(*folders: Path) -> Before:
    """Return what lies in places where programs leave things, and in folders there: when it changed, ns, and its size.

    Not when it was last written: a program may set that time, and this one none.
    """
    usual = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path("/run/lock")}  # noqa: S108 - looked into, not written to
    homes = {Path.home() / one for one in ("", ".cache", ".config", ".local/share", ".local/state")}
    found: Before = {}
    for home in {*usual, *homes, *folders}:
        for path, about in _entries(home):
            found[path] = about.st_ctime_ns, about.st_size
            inner = _entries(path) if stat.S_ISDIR(about.st_mode) else ()
            found |= {one: (it.st_ctime_ns, it.st_size) for one, it in inner}
    return found


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what lies in a folder; no folder that is mounted there, such as /proc."""
    with suppress(OSError), os.scandir(folder) as entries:  # no such place, or not for us
        device = folder.stat().st_dev
        for one in entries:
            with suppress(OSError):  # it is gone
                about = one.stat(follow_symlinks=False)
                if about.st_dev == device or not stat.S_ISDIR(about.st_mode):
                    yield Path(one.path), about


def folders_in(folder: Path) -> list[Path]:
    """Return a folder and the folders in it: around them is looked for what a program leaves where it runs."""
    return [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]


def left(name: str, folders: Iterable[Path], before: Before, besides: Iterable[Path]) -> Iterator[Chunk]:
    """Yield what is new or was written since, name and content; but for paths that are looked at elsewhere."""
    known = [path.resolve() for path in besides]
    now = around(*folders)
    new = now.keys() - before.keys()
    for path, stamp in now.items():
        if before.get(path) == stamp or any(one in (path, *path.parents) or path in one.parents for one in known):
            continue
        if path.parent in new:
            continue  # it comes with its folder
        for one in [path, *path.rglob("*")] if path in new else [path]:
            with suppress(OSError):
                if one.is_file() and one.stat().st_size > _MOST:
                    with one.open("rb") as file:
                        yield Chunk(f"{name}, the beginning of {one.name}", 0, file.read(_MOST))
                else:
                    yield from file_chunks(name, one)
