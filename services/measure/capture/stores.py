"""Captures what databases give to whoever may ask: every key of a Redis or Valkey, every row of a PostgreSQL."""

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from tiers.measure.errors import Misused, NotWhole
from tiers.measure.search.scan import Chunk

_TABLES = (
    "SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'm', 'f')"
    " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
)
"""Tables, materialized views, foreign tables. A partitioned table's rows lie in its partitions."""
_SAID = (
    "SELECT relname FROM pg_class WHERE oid > 16383",
    "SELECT description FROM pg_description WHERE objoid > 16383",
    "SELECT definition FROM pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef",
    "SELECT enumlabel FROM pg_enum",
)
"""What its users have said besides: the first of their objects has number 16384."""

_SHORT = 200
"""Bytes of a row that may be a piece of something: short ones are looked at together."""
_BESIDE_KEYS = ("SLOWLOG GET -1", "FUNCTION LIST WITHCODE", "CLIENT LIST", "PUBSUB CHANNELS", "CONFIG GET *")
"""What a server tells besides: commands that took long, with what was in them; code; clients; channels; settings."""


def redis(url: str) -> Iterator[Chunk]:
    """Yield every key and value of a Redis or Valkey, of all its numbered databases, and what else it tells.

    Raises `NotWhole` for values of other kinds.
    """
    library = _library("redis")
    with library.Redis.from_url(url) as asked:
        numbers = [int(name.removeprefix("db")) for name in asked.info("keyspace")]
        for what in _BESIDE_KEYS:
            with suppress(library.RedisError):  # this server, or this user, has it not
                yield Chunk(f"redis, {what}", 0, repr(asked.execute_command(*what.split())).encode())
    for number in numbers:
        with library.Redis.from_url(url, db=number) as db:
            yield from _keys(db)


def _keys(db: Any) -> Iterator[Chunk]:
    reads = {
        b"none": lambda _key: [],  # it expired meanwhile
        b"string": lambda key: [db.get(key)],
        b"list": lambda key: db.lrange(key, 0, -1),
        b"set": db.smembers,
        b"zset": lambda key: db.zrange(key, 0, -1),
        b"hash": lambda key: [part for pair in db.hgetall(key).items() for part in pair],
        b"stream": lambda key: [part for _, row in db.xrange(key) for pair in row.items() for part in pair],
    }
    for key in db.scan_iter():
        yield Chunk(f"redis, the name {key[:40]!r}", 0, key)
        kind = db.type(key)
        if kind not in reads:
            raise NotWhole(f"redis: {key[:40]!r} is a {kind.decode()}, which nothing here can read")
        values = [value or b"" for value in reads[kind](key)]
        for whole in (*values, b"\n".join(values), b"\n".join(values[1::2])):  # of a hash, all that are no names
            yield Chunk(f"redis, {key[:40]!r}", 0, whole)


def postgres(dsn: str) -> Iterator[Chunk]:
    """Yield every row of every table and materialized view that the server shows, and every large object."""
    with _library("psycopg").connect(dsn) as db:
        for (table,) in db.execute(_TABLES).fetchall():
            lines = bytearray()
            with db.cursor().copy(f"COPY (TABLE {table}) TO STDOUT") as rows:
                for at, row in enumerate(rows):
                    yield Chunk(f"postgres, {table}, row {at}", 0, bytes(row))
                    lines += bytes(row) if len(row) < _SHORT else b""
            yield Chunk(f"postgres, {table}, its short rows", 0, bytes(lines))
        said = "\n".join(str(one) for query in _SAID for (one,) in db.execute(query).fetchall())
        yield Chunk("postgres, names, comments and definitions", 0, said.encode())
        for number, data in db.execute("SELECT oid, lo_get(oid) FROM pg_largeobject_metadata").fetchall():
            yield Chunk(f"postgres, large object {number}", 0, bytes(data))


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Misused(f"Install {name}: this store is read with it.") from None
