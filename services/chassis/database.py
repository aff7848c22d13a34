"""A party's sqlite3 file, 0600. One process uses it, from one thread.

A transaction that is over is on disk (`synchronous = FULL`). What the disk does not do is `Ours`, and nothing of it is
there.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from tiers.chassis.state import opening
from tiers.wire.errors import Ours

_log = structlog.get_logger()
_SETUP = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
_WAIT_MS = 100
"""How long a statement, and with it everybody else, waits for whoever holds the file."""

Row = tuple[Any, ...]
Values = Sequence[object] | Mapping[str, object]


class Database:
    def __init__(self, path: Path, schema: str) -> None:
        """Open the file, or make it; raises `Yours` for a file that is no such database."""
        with opening(path) as self._db:
            self._db.executescript(_SETUP)
            self._db.executescript(schema)
            self._db.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction: all of it is on disk, or nothing; raises `Ours`."""
        with _safely(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def check(self) -> None:
        """Raise `Ours` where nothing can be written now."""
        with self.writing():
            pass

    def write(self, query: str, values: Values) -> int:
        """Do one statement; returns how many rows it changed. Raises `Ours`."""
        with self.writing() as db:
            return db.execute(query, values).rowcount

    def rows(self, query: str, values: Values = ()) -> list[Row]:
        """Return what is asked for; raises `Ours`."""
        with _safely():
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, values: Values = ()) -> Row | None:
        """Return the first row of what is asked for; raises `Ours`."""
        return next(iter(self.rows(query, values)), None)


@contextmanager
def _safely() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        _log.error("store.failed", error=type(error).__name__, name=getattr(error, "sqlite_errorname", ""))
        raise Ours("store.unavailable", "Try again in a second: this party cannot use its disk.") from None
