"""Captures files, and the rows of those that are databases, and answers of APIs. Thin I/O.

A capture that is empty or partial is an error and never a clean result: every function here raises `NotWhole` for one.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source

_TRIES = 3


def files(name: str, paths: Iterable[Path]) -> Source:
    """Read files, and the rows of SQLite databases; raises `NotWhole` if there are none or all are empty."""
    chunks: list[Chunk] = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            raise NotWhole(f"{name}: {path.name} cannot be read") from None
        if data:
            chunks.append(Chunk(f"{name}, {path.name}", 0, data))
        if data.startswith(b"SQLite format 3\0"):
            chunks += _rows(name, path)
    if not chunks:
        raise NotWhole(f"{name}: no file holds anything")
    return Source(name, tuple(chunks))


def folder(name: str, path: Path) -> Source:
    """Read everything below a folder; raises `NotWhole` if it is not there, empty, or never still for a moment."""
    for _ in range(_TRIES):
        seen = _inside(path)
        try:
            source = files(name, seen)
        except NotWhole:
            if seen == _inside(path):
                raise
            continue  # a file was replaced while we looked
        return source
    raise NotWhole(f"{name}: its files keep changing")


def _inside(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file())


def answers(name: str, said: Iterable[tuple[str, bytes]]) -> Source:
    """Take what APIs answered, (question, answer); raises `NotWhole` if nobody was asked."""
    chunks = tuple(Chunk(f"{name}, {question}", 0, answer) for question, answer in said)
    if not chunks:
        raise NotWhole(f"{name}: nobody was asked")
    return Source(name, chunks)


def _rows(name: str, path: Path) -> Iterator[Chunk]:
    """Read a database row by row: a long value lies scattered over pages, and is in one piece here only."""
    with tempfile.TemporaryDirectory(prefix="tiers-") as copy:
        try:
            for part in path.parent.glob(f"{path.name}*"):
                shutil.copy(part, copy)
            yield from _tables(name, Path(copy) / path.name)
        except (OSError, sqlite3.Error):
            raise NotWhole(f"{name}: {path.name} cannot be read as a database") from None


def _tables(name: str, path: Path) -> Iterator[Chunk]:
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for at, row in enumerate(db.execute(f'SELECT * FROM "{table}"')):  # noqa: S608 - its own table's name
                place = f"{name}, {path.name}, {table}, row {at}"
                values = [value.encode() if isinstance(value, str) else value for value in row]
                yield from (Chunk(place, 0, value) for value in values if isinstance(value, bytes) and value)
