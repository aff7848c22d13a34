"""The court's register on disk: sqlite3 in the court's own state directory. It holds no message and no message key.

Every method is one transaction, on disk when it returns; where the disk fails, it raises `Ours`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from tiers.chassis.database import Database, Row
from tiers.court.register import Record
from tiers.wire.encoding import parse_json, unb64u
from tiers.wire.errors import Conflict, Missing, Ours, Yours
from tiers.wire.keys.jose import GeneralJws
from tiers.wire.lawful.warrant import Claims, Status
from tiers.wire.log.checkpoint import ProofOfLogging

_TABLES = """
CREATE TABLE IF NOT EXISTS warrants (
    jti TEXT PRIMARY KEY, salt TEXT NOT NULL UNIQUE, exp INTEGER NOT NULL, status TEXT NOT NULL, jws BLOB NOT NULL,
    serial INTEGER NOT NULL, said INTEGER NOT NULL, reason TEXT NOT NULL, approved BLOB, opened INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS unfinished ON warrants (exp) WHERE opened = 0;
CREATE TABLE IF NOT EXISTS untold (
    jti TEXT PRIMARY KEY REFERENCES warrants (jti), serial INTEGER NOT NULL, statement TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS nonces (jti TEXT NOT NULL, nonce TEXT NOT NULL, PRIMARY KEY (jti, nonce)) STRICT;
"""
_COLUMNS = "jws, status, serial, said, reason, approved, opened"


class Untold(msgspec.Struct, frozen=True):
    """The latest statement about a warrant, while the carrier has not taken it."""

    jti: str
    serial: int
    statement: str


class Store:
    """The register. A record is replaced whole; a statement to the carrier is stored with the step that made it."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, _TABLES)

    def close(self) -> None:
        self._db.close()

    def check(self) -> None:
        """Raise `Ours` where the register cannot be written now."""
        self._db.check()

    def add(self, record: Record) -> None:
        """Enter a new warrant; raises `Conflict` if its `jti` or its salt is taken."""
        claims = record.claims
        row = (claims.jti, claims.salt, claims.exp, record.status, _json(record.jws))
        if not self._db.write("INSERT OR IGNORE INTO warrants VALUES (?, ?, ?, ?, ?, 0, 0, '', NULL, 0)", row):
            raise _taken()

    def check_new(self, claims: Claims) -> None:
        """Raise `Conflict` if there is a warrant of this `jti`, or of this salt."""
        if self._db.row("SELECT 1 FROM warrants WHERE jti = ? OR salt = ?", (claims.jti, claims.salt)):
            raise _taken()

    def get(self, jti: str) -> Record:
        """Return one warrant; raises `Missing`, or `Ours` for one that does not read."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM warrants WHERE jti = ?", (jti,))  # noqa: S608 - names
        if row is None:
            raise unknown()
        return _record(row)

    def all(self) -> list[Record]:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM warrants ORDER BY rowid")  # noqa: S608 - column names
        return [_record(row) for row in rows]

    def standing(self) -> list[Record]:
        """Return the warrants that were approved, and not yet recorded as over."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM warrants WHERE status = ?", (Status.APPROVED,))  # noqa: S608 - names
        return [_record(row) for row in rows]

    def past_expiry(self, now: int) -> list[Record]:
        """Return the warrants past their `exp` at `now` (ms) that nobody decided, or whose seal is still shut."""
        query = (
            f"SELECT {_COLUMNS} FROM warrants WHERE opened = 0 AND exp * 1000 <= ?"  # noqa: S608 - column names
            " AND (approved IS NOT NULL OR status = ?)"
        )
        return [_record(row) for row in self._db.rows(query, (now, Status.AWAITING_APPROVAL))]

    def replace(self, record: Record, statement: str | None = None) -> Record:
        """Write a changed record, and with it the statement that the carrier must get; returns the record.

        With a statement the record's `serial` moves up to the statement's.
        """
        jti = record.claims.jti
        kept = replace(record, serial=record.serial + (statement is not None))
        approved = _json(kept.approved) if kept.approved else None
        row = (kept.status, _json(kept.jws), kept.serial, kept.said, kept.reason, approved, kept.opened, jti)
        with self._db.writing() as db:
            db.execute(
                "UPDATE warrants SET status = ?, jws = ?, serial = ?, said = ?, reason = ?, approved = ?, opened = ?"
                " WHERE jti = ?",
                row,
            )
            if statement is not None:
                db.execute("INSERT OR REPLACE INTO untold VALUES (?, ?, ?)", (jti, kept.serial, statement))
        return kept

    def untold(self) -> list[Untold]:
        """Return what the carrier must still be told, oldest first."""
        return [Untold(*row) for row in self._db.rows("SELECT jti, serial, statement FROM untold ORDER BY rowid")]

    def told(self, said: Sequence[Untold]) -> None:
        """Strike statements off; a newer one about the same warrant stays."""
        with self._db.writing() as db:
            db.executemany("DELETE FROM untold WHERE jti = ? AND serial = ?", [(one.jti, one.serial) for one in said])

    def take_nonce(self, jti: str, nonce: str) -> None:
        """Take the nonce of a request for keys; raises `Conflict` if it was taken before."""
        if not self._db.write("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (jti, nonce)):
            raise Conflict("grant.replayed", "Draw a new nonce for each request.")

    def return_nonce(self, jti: str, nonce: str) -> None:
        self._db.write("DELETE FROM nonces WHERE jti = ? AND nonce = ?", (jti, nonce))


def unknown() -> Missing:
    """Make the answer for a warrant that is not there, or not for the caller to see: the two must look the same."""
    return Missing("court.unknown", "Ask for a warrant that you applied for, by its jti.")


def _taken() -> Conflict:
    return Conflict("court.duplicate", "Apply under a fresh jti, with a fresh salt: there is a warrant of this one.")


_json = msgspec.json.encode


def _record(row: Row) -> Record:
    raw, status, serial, said, reason, shown, opened = row
    try:
        jws = parse_json(GeneralJws, raw, "court.store")
        claims = parse_json(Claims, unb64u(jws.payload, "court.store"), "court.store")
        approved = parse_json(ProofOfLogging, shown, "court.store") if shown else None
    except Yours:
        detail = "Restore the court's register from its backup: a warrant in it does not read."
        raise Ours("court.store", detail) from None
    return Record(claims, jws, Status(status), serial, said, reason, approved, bool(opened))
