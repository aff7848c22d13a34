"""A PostgreSQL by its DSN: what its server gives is found row by row, and what was deleted in its files."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kits.postgres import postgres
from tiers.measure import Misused, Secret, attach, canary

psycopg = pytest.importorskip("psycopg", reason="install psycopg")
pytestmark = pytest.mark.e2e
KEY, NOTE = Secret("app key", os.urandom(32)), canary("note")


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[str, Path]]:
    with postgres() as (dsn, data):
        with psycopg.connect(dsn) as db:
            db.execute('CREATE SCHEMA "odd one"')
            db.execute('CREATE TABLE "odd one"."Some notes" (id serial, body text, key bytea)')
            db.execute('INSERT INTO "odd one"."Some notes" (body, key) VALUES (%s, %s)', (NOTE.text * 500, KEY.raw))
        yield dsn, data


def test_a_row_is_found_in_its_table_whatever_the_type(store: tuple[str, Path]) -> None:
    service = attach("app", pid=os.getpid(), postgres=store[0])
    found = service.look(KEY, NOTE, in_=["store"])["store"].facts
    for secret in (KEY, NOTE):
        assert str(found[secret.known().fact][0]).startswith('postgres, "odd one"."Some notes", row 0')
    assert found[KEY.known().fact][0].how == "hex"
    service.assert_holds(KEY, in_=["store"])
    service.assert_absent(canary(), in_=["store"])


def test_a_row_that_was_deleted_is_in_the_files_and_no_longer_in_the_answers(store: tuple[str, Path]) -> None:
    text, (dsn, data) = canary(), store
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("CREATE TABLE gone (body text)")
        db.execute("INSERT INTO gone VALUES (%s)", (text.text,))
        db.execute("DELETE FROM gone")
        db.execute("CHECKPOINT")
    rows = attach("app", pid=os.getpid(), postgres=dsn)
    rows.assert_holds(KEY, in_=["store"])
    rows.assert_absent(text, in_=["store"])
    files = attach("app", pid=os.getpid(), state=[data / "base"])
    files.assert_holds(text, in_=["store"])


def test_what_is_in_no_plain_table_is_found(store: tuple[str, Path]) -> None:
    view, part, large = canary(), canary(), canary()
    with psycopg.connect(store[0]) as db:
        db.execute(f"CREATE MATERIALIZED VIEW seen AS SELECT '{view.text}' AS body")
        db.execute("CREATE TABLE parted (at int, body text) PARTITION BY RANGE (at)")
        db.execute("CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9)")
        db.execute("INSERT INTO parted VALUES (1, %s)", (part.text,))
        db.execute("SELECT lo_from_bytea(0, %s)", (large.text.encode(),))
    service = attach("app", pid=os.getpid(), postgres=store[0])
    for secret, place in ((view, "postgres, seen"), (part, "postgres, part"), (large, "postgres, large object")):
        found = service.look(secret, in_=["store"])["store"].facts[secret.known().fact]
        assert str(found[0]).startswith(place)


def test_the_library_that_reads_it_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Misused, match="Install psycopg"):
        attach("app", pid=os.getpid(), postgres="postgresql://").look(KEY, in_=["store"])


def test_a_text_of_which_each_row_has_a_word_is_found(store: tuple[str, Path]) -> None:
    text = canary()
    with psycopg.connect(store[0]) as db:
        db.execute("CREATE TABLE spoken (at serial, piece text)")
        for at in range(0, len(text.text), 6):
            db.execute("INSERT INTO spoken (piece) VALUES (%s)", (text.text[at : at + 6],))
    attach("app", pid=os.getpid(), postgres=store[0]).assert_holds(text, in_=["store"])


def test_what_stands_beside_the_rows_is_found(store: tuple[str, Path]) -> None:
    noted, given, shown, named = (canary(name) for name in ("noted", "given", "shown", "named"))
    with psycopg.connect(store[0]) as db:
        db.execute(f"CREATE TABLE told (body text DEFAULT '{given.text}')")
        db.execute(f"COMMENT ON TABLE told IS '{noted.text}'")
        db.execute(f"CREATE VIEW telling AS SELECT '{shown.text}' AS body")
        db.execute(f"CREATE TYPE kind AS ENUM ('{named.text[:60]}')")
    attach("app", pid=os.getpid(), postgres=store[0]).assert_holds(noted, given, shown, named, in_=["store"])
