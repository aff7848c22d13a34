"""A party's own state directory: 0700, files 0600, written whole and durably. Refuses one that others can read."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from tiers.wire.errors import Yours
from tiers.wire.keys.secret import KEY_BYTES, Secret

_DIR = 0o700
_FILE = 0o600
_OTHERS = 0o077
S = TypeVar("S", bound=Secret)


class StateDir:
    """The directory of one party. Every write is atomic: after a crash a file is the old one or the new one."""

    def __init__(self, path: Path) -> None:
        """Make the directory if it is missing; raises `Yours` if that cannot be, or others may read it."""
        with _usable(path):
            path.mkdir(mode=_DIR, parents=True, exist_ok=True)
        self.path = path
        _refuse_wider(path)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or `None` if there is none; raises `Yours` if it is no file, or others may read it."""
        path = self.path / name
        if not _is_there(path):
            return None
        _refuse_wider(path)
        return path.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Replace a file: on disk, with its name, when this returns. Raises `Yours` if what is there is no file."""
        path = self.path / name
        _is_there(path)
        replace_file(path, data, durable=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def key(self, name: str, kind: Callable[[bytes], S]) -> S:
        """Return the key in `name`, drawn and written at first use: 32 raw bytes, 0600."""
        raw = self.read(name)
        if raw is None:
            raw = os.urandom(KEY_BYTES)
            self.write(name, raw)
        if len(raw) != KEY_BYTES:
            raise Yours("state.key", f"Restore {self.path / name} from its backup: a key is {KEY_BYTES} bytes.")
        return kind(raw)


@contextmanager
def opening(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a sqlite3 file, or make it, 0600. What is done inside makes it ready: if that fails, it is closed again.

    Raises `Yours` for a file that cannot be used so.
    """
    with _usable(path), ExitStack() as failed:
        _is_there(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _FILE))  # sqlite gives its journal the permissions of this file
        yield failed.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        failed.pop_all()


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Yours("state.unusable", f"Restore {path} from its backup, or name another folder: {why}.") from None


def _is_there(path: Path) -> bool:
    """Whether there is a file, perhaps by a link; raises `Yours` for no file, and for a link that leads nowhere.

    Asked before it is opened: to open a pipe is to wait for ever.
    """
    with _usable(path):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(0, "it is no regular file")
    return True


def _refuse_wider(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise Yours("state.permissions", f"Run chmod {mode & _DIR:o} on {path}: others can read it.")


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace a file (0600): whoever reads it meanwhile meets the old one or the new one, whole.

    Its bytes are on disk when this returns if it is to be `durable`.
    """
    path.parent.mkdir(mode=_DIR, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE), "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


def read_folder(path: Path) -> dict[str, bytes]:
    """Read every file below `path`, by relative name; an absent folder is an empty one.

    One whose name begins with a dot is being written, and becomes another's successor.
    """
    found = (file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith("."))
    return {str(file.relative_to(path)): file.read_bytes() for file in found}
