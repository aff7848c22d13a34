"""Captures files, and the rows of those that are databases, and answers of APIs. Thin I/O.

A capture that is empty or partial is an error and never a clean result: every function here raises `NotWhole` for one.
"""

import glob
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source

_TRIES = 3
_SHORT = 40
"""Bytes of a value that may be a piece of something: short ones of all rows are looked at together."""


def files(name: str, paths: Iterable[Path], within: Path | None = None) -> Source:
    """Read files; raises `NotWhole` if there are none or all are empty."""
    chunks: list[Chunk] = []
    for path in paths:
        try:
            chunks += file_chunks(name, path, within)
        except OSError:
            raise NotWhole(f"{name}: {path.name} cannot be read") from None
    return Source.whole(name, chunks)


def file_chunks(name: str, path: Path, within: Path | None = None) -> Iterator[Chunk]:
    """Yield a file: its name below `within`, its bytes, the rows of a database, its attributes, where a link leads.

    What lies behind a link to a file is read as well; behind one to a folder, for whoever names that folder.
    """
    place = f"{name}, {path.name}"
    named = path.name if within is None else str(path.relative_to(within))
    path.lstat()
    where = f"{name}, the name of a file in {path.parent.name}"
    yield Chunk(where, 0, named.encode("utf-8", "surrogateescape"), aside=True)
    if path.is_symlink():
        yield Chunk(f"{place}, where it leads", 0, str(path.readlink()).encode("utf-8", "surrogateescape"))
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # a file system without attributes
            for attribute in os.listxattr(path):
                value = os.getxattr(path, attribute)
                for one in (attribute.encode() + b"=" + value, value):
                    yield Chunk(f"{place}, {attribute}", 0, one)
    if path.is_file():
        if data := path.read_bytes():
            yield Chunk(place, 0, data)
        if data.startswith(b"SQLite format 3\0"):
            yield from _rows(name, path)


def folder(name: str, path: Path) -> Source:
    """Read everything below a folder; raises `NotWhole` if it is not there, empty, or never still for a moment."""
    for _ in range(_TRIES):
        seen = [path, *sorted(path.rglob("*"))]
        try:
            return files(name, seen, path)
        except NotWhole:
            if seen == [path, *sorted(path.rglob("*"))]:  # else a file was replaced while we looked
                raise
    raise NotWhole(f"{name}: its files keep changing")


def below(name: str, path: Path) -> Iterable[Chunk]:
    return folder(name, path).chunks if path.is_dir() else file_chunks(name, path)


def answers(name: str, said: Iterable[tuple[str, bytes]]) -> Source:
    """Take what APIs answered, (question, answer); raises `NotWhole` if nobody was asked."""
    answered = list(said)
    if not answered:
        raise NotWhole(f"{name}: nobody was asked")
    short = b"\n".join(answer for _, answer in answered if len(answer) < _SHORT)
    each = [(f"{name}, {question}", answer) for question, answer in answered]
    return Source(name, tuple(Chunk(place, 0, answer) for place, answer in [*each, (f"{name}, short answers", short)]))


def _rows(name: str, path: Path) -> Iterator[Chunk]:
    """Read a database row by row: a long value lies scattered over pages, and is in one piece here only."""
    with tempfile.TemporaryDirectory(prefix="measure-") as copy:
        try:
            for part in path.parent.glob(f"{glob.escape(path.name)}*"):
                shutil.copy(part, copy)
            yield from _tables(name, Path(copy) / path.name)
        except (OSError, sqlite3.Error):
            raise NotWhole(f"{name}: {path.name} cannot be read as a database") from None


def _tables(name: str, path: Path) -> Iterator[Chunk]:
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        db.text_factory = bytes  # text that is none, too
        for table in tables:
            quoted = table.replace('"', '""')
            lines = bytearray()
            for at, row in enumerate(db.execute(f'SELECT * FROM "{quoted}"')):  # noqa: S608 - its own table's name
                place = f"{name}, {path.name}, {table}, row {at}"
                values = [value if isinstance(value, bytes) else str(value).encode() for value in row]
                yield from (Chunk(place, 0, value) for value in values if value)
                lines += b"\t".join(value for value in values if len(value) < _SHORT) + b"\n"
            yield Chunk(f"{name}, {path.name}, {table}", 0, bytes(lines))
