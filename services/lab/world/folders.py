"""Where worlds live: folders of this user's own, each held by a running process. Thin I/O.

    <temporary folder>/intercept-tiers-<uid>/     0700 and ours, or nothing is put there
        NAME/   NAME.lock                         locked as long as somebody lives in the folder

There are keys in them: a folder goes with its process, and one that a killed process left goes at the next start.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from tiers.wire.errors import Yours

CHECKOUT = Path(__file__).resolve().parents[3]
HOME = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
"""The name of the classroom's folder: one for each checkout."""
TOP = f"intercept-tiers-{os.getuid()}"
"""The name of the folder of all folders."""
PASSING = "tiers-lab-"
"""How the names of folders begin in which the lab puts something for a moment."""
SOCKET_BYTES = 100
"""The longest path of a socket that every system takes; the kernel's limit is 104 or 108 bytes with a zero."""


@contextmanager
def fresh() -> Iterator[Path]:
    """Give a folder that is nobody else's and goes at the end."""
    with held(f"run-{secrets.token_hex(4)}") as folder:
        yield folder


@contextmanager
def held(name: str) -> Iterator[Path]:
    """Give the folder of this name, empty, and remove it at the end; raises `Yours` if somebody lives in it."""
    folder, lock = _settled(name)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _leave(folder, lock)
        with suppress(OSError):  # others live there
            folder.parent.rmdir()


def inhabited(name: str) -> Path | None:
    """Return the folder of this name if it is ours and somebody lives in it."""
    top = _where()
    if not _is_ours(top) or not _is_ours(top / name):
        return None
    with suppress(FileNotFoundError, Yours):
        if (lock := _lock(top / f"{name}.lock")) is None:
            return top / name
        os.close(lock)
    return None


def socket_path(folder: Path, name: str) -> Path:
    """Return where to put a socket: in its folder if that path is short and plain, else in a short one of this run."""
    own = folder / name
    if len(os.fsencode(own)) <= SOCKET_BYTES and str(own).isprintable():
        return own
    return Path(_short().name) / f"{secrets.token_hex(4)}-{name}"


@cache
def _short() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=PASSING, dir="/tmp")


def _settled(name: str) -> tuple[Path, int]:
    """Clean up after killed processes; return the folder of this name, which is not there, and its lock."""
    while True:
        top = _top()
        _sweep(top)
        with suppress(FileNotFoundError):  # whoever left last has removed it: once more
            if (lock := _lock(top / f"{name}.lock")) is None:
                raise Yours("lab.running", f"Stop the other `tiers up` first: it keeps a classroom in {top / name}.")
            return top / name, lock


def _where() -> Path:
    return Path(tempfile.gettempdir()).absolute() / TOP


def _top() -> Path:
    """Return the folder of all folders, made if need be; raises `Yours` if somebody else made it, or can look in."""
    top = _where()
    if str(top).encode(errors="replace").decode() != str(top):
        raise Yours("lab.folder", "Set TMPDIR to a path in UTF-8: the parties are told where their files are in JSON.")
    with suppress(FileExistsError):
        top.mkdir(mode=0o700)
    if not _is_ours(top):
        raise Yours("lab.folder", f"Remove {top}, or set TMPDIR: it is not a folder that only you may enter.")
    return top


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _sweep(top: Path) -> None:
    """Remove what killed processes have left."""
    for path in top.glob("*.lock"):
        with suppress(FileNotFoundError):
            if (lock := _lock(path)) is not None:
                _leave(path.with_suffix(""), lock)


def _lock(path: Path) -> int | None:
    """Lock a file, made if need be; `None` while somebody else holds it. Raises `FileNotFoundError` or `Yours`."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise Yours("lab.folder", f"Remove {path}: it is no file of a classroom's.")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
        return lock
    os.close(lock)
    raise FileNotFoundError(path)  # whoever held it removed it meanwhile


def _leave(folder: Path, lock: int) -> None:
    """Remove a folder, and what its last processes still wrote into it, then its lock."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    os.close(lock)
