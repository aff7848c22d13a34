"""Captures what databases give to whoever may ask: every key of a Redis or Valkey, every row of a PostgreSQL."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tiers.measure.errors import Misused
from tiers.measure.search.scan import Chunk


def redis(url: str) -> Iterator[Chunk]:
    """Yield every key and value of a Redis or Valkey."""
    with _library("redis").Redis.from_url(url) as db:
        for key in db.scan_iter():
            yield Chunk(f"redis, the name {key[:40]!r}", 0, key)
            reads = {
                b"string": lambda key: [db.get(key)],
                b"list": lambda key: db.lrange(key, 0, -1),
                b"set": db.smembers,
                b"zset": lambda key: db.zrange(key, 0, -1),
                b"hash": lambda key: [part for pair in db.hgetall(key).items() for part in pair],
                b"stream": lambda key: [part for _, row in db.xrange(key) for pair in row.items() for part in pair],
            }
            for value in reads[db.type(key)](key):
                yield Chunk(f"redis, {key[:40]!r}", 0, value or b"")


def postgres(dsn: str) -> Iterator[Chunk]:
    """Yield every row of every table that the server shows."""
    with _library("psycopg").connect(dsn) as db:
        tables = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
        for (table,) in db.execute(f"{tables} WHERE schemaname NOT IN ('pg_catalog', 'information_schema')").fetchall():
            with db.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                for at, row in enumerate(rows):
                    yield Chunk(f"postgres, {table}, row {at}", 0, bytes(row))


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Misused(f"Install {name}: this store is read with it.") from None
