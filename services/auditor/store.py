"""What the auditor holds, on disk: warrants, product, grants and what it read. sqlite3 in its own state directory.

This is the one place on the provider's side where a plaintext lies, and why it is the auditor's own directory. Every
method is one transaction, on disk when it returns; where the disk fails, it raises `Ours`.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tiers.auditor.inspect import Product
from tiers.chassis.database import Database
from tiers.wire.api.auditor import Inspection
from tiers.wire.api.carrier import Product as Page
from tiers.wire.encoding import parse_json, unb64u
from tiers.wire.errors import Conflict, Missing, Ours, Yours
from tiers.wire.lawful.warrant import Claims, VerifiedWarrant

_TABLES = """
CREATE TABLE IF NOT EXISTS warrants (
    jti TEXT PRIMARY KEY, payload TEXT NOT NULL, lost INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS product (
    jti TEXT NOT NULL REFERENCES warrants (jti), number INTEGER NOT NULL, pdu BLOB NOT NULL, PRIMARY KEY (jti, number)
) STRICT;
CREATE TABLE IF NOT EXISTS grants (
    ts INTEGER NOT NULL, jti TEXT NOT NULL REFERENCES warrants (jti), jwe BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS inspections (
    ts INTEGER NOT NULL, jti TEXT NOT NULL REFERENCES warrants (jti), found BLOB NOT NULL
) STRICT;
"""


class Store:
    """The auditor's files. Product is numbered as the carrier numbers it, from 0, and only grows."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, _TABLES)

    def close(self) -> None:
        self._db.close()

    def file(self, warrant: VerifiedWarrant) -> None:
        """Keep a warrant; the same one again changes nothing. Raises `Conflict` for another one of its `jti`."""
        jti = warrant.claims.jti
        self._db.write("INSERT OR IGNORE INTO warrants (jti, payload) VALUES (?, ?)", (jti, warrant.jws.payload))
        if self._db.row("SELECT payload FROM warrants WHERE jti = ?", (jti,)) != (warrant.jws.payload,):
            raise Conflict("auditor.duplicate", "File a warrant with a jti of its own: this one names another.")

    def claims(self, jti: str) -> Claims:
        """Return what a warrant on file says; raises `Missing`, or `Ours`. It was verified when it was filed."""
        row = self._db.row("SELECT payload FROM warrants WHERE jti = ?", (jti,))
        if row is None:
            raise Missing("auditor.no_warrant", "File the warrant with this auditor first.")
        try:
            return parse_json(Claims, unb64u(row[0], "auditor.store"), "auditor.store")
        except Yours:
            detail = "Restore the auditor's state from its backup: a warrant in it does not read."
            raise Ours("auditor.store", detail) from None

    def delivered(self, jti: str) -> int:
        ((count,),) = self._db.rows("SELECT count(*) FROM product WHERE jti = ?", (jti,))
        return int(count)

    def since(self, jti: str) -> int:
        """Return when a warrant was served, as far as the carrier has said (ms)."""
        ((since,),) = self._db.rows("SELECT since FROM warrants WHERE jti = ?", (jti,))
        return int(since)

    def add_product(self, jti: str, page: Page, pdus: Sequence[bytes]) -> None:
        """Keep the PDUs of a page, and what it says of losses and of the day on which the warrant was served."""
        with self._db.writing() as db:
            rows = [(jti, page.first + at, pdu) for at, pdu in enumerate(pdus)]
            db.executemany("INSERT OR IGNORE INTO product VALUES (?, ?, ?)", rows)
            db.execute("UPDATE warrants SET lost = max(lost, ?), since = ? WHERE jti = ?", (page.lost, page.since, jti))

    def product(self, jti: str) -> Product:
        ((lost,),) = self._db.rows("SELECT lost FROM warrants WHERE jti = ?", (jti,))
        rows = self._db.rows("SELECT pdu FROM product WHERE jti = ? ORDER BY number", (jti,))
        return Product(tuple(pdu for (pdu,) in rows), lost)

    def keep_grant(self, jti: str, jwe: bytes, now: int) -> None:
        self._db.write("INSERT INTO grants VALUES (?, ?, ?)", (now, jti, jwe))

    def keep_inspection(self, found: Inspection, now: int) -> None:
        self._db.write("INSERT INTO inspections VALUES (?, ?, ?)", (now, found.jti, msgspec.json.encode(found)))

    def inspections(self) -> tuple[Inspection, ...]:
        rows = self._db.rows("SELECT found FROM inspections ORDER BY rowid")
        return tuple(msgspec.json.decode(found, type=Inspection) for (found,) in rows)
