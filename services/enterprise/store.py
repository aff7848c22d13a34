"""What a key server keeps beside its keys: one sqlite3 file in its state directory, 0600. Thin I/O, no decisions.

Promises. When a method that writes returns, what it wrote is on disk; when it raises `Ours`, nothing of it is. Writes
that belong together are one method. No store of the provider is touched.
"""

from collections.abc import Mapping

from tiers.chassis.database import Database
from tiers.chassis.state import StateDir
from tiers.enterprise.activation import OpenPassword
from tiers.enterprise.directory import PinnedPartner
from tiers.enterprise.orders import Traffic
from tiers.wire.enterprise.activation import ActivationKey
from tiers.wire.enterprise.directory import Entry
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.log.leaf import Seal
from tiers.wire.message.envelope import DeviceKid, Envelope, format_envelope

_NAME = "enterprise.db"
DAY_MS = 24 * 3600 * 1000
_TABLES = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS passwords (pin TEXT PRIMARY KEY, key BLOB, issued INTEGER, tries INTEGER);
INSERT OR IGNORE INTO passwords VALUES ('', NULL, 0, 0);
CREATE TABLE IF NOT EXISTS entries (org TEXT, pin TEXT, generation INTEGER, token TEXT,
                                    PRIMARY KEY (org, pin, generation));
CREATE TABLE IF NOT EXISTS devices (pin TEXT PRIMARY KEY, token TEXT);
CREATE TABLE IF NOT EXISTS partners (org TEXT PRIMARY KEY, root BLOB, url TEXT);
CREATE TABLE IF NOT EXISTS journal (mid TEXT PRIMARY KEY, sender TEXT, receiver TEXT, ts INTEGER, envelope BLOB);
CREATE INDEX IF NOT EXISTS journal_sender ON journal (sender, ts);
CREATE INDEX IF NOT EXISTS journal_receiver ON journal (receiver, ts);
CREATE TABLE IF NOT EXISTS kept (pin TEXT PRIMARY KEY, day INTEGER, copies INTEGER, octets INTEGER);
CREATE TABLE IF NOT EXISTS orders (leaf INTEGER PRIMARY KEY, reference TEXT, salt BLOB, digest BLOB);
"""


class Store:
    def __init__(self, state: StateDir) -> None:
        self._db = Database(state.path / _NAME, _TABLES)

    def close(self) -> None:
        self._db.close()

    # ---- one-time passwords ----

    def put_password(self, password: OpenPassword) -> None:
        row = (password.pin, password.key.reveal(), password.issued, password.tries)
        with self._db.writing() as db:
            db.execute("INSERT OR REPLACE INTO passwords VALUES (?, ?, ?, ?)", row)

    def password(self, pin: str) -> OpenPassword | None:
        row = self._db.row("SELECT key, issued, tries FROM passwords WHERE pin = ?", (pin,))
        return OpenPassword(pin, ActivationKey(row[0]), row[1], row[2]) if row else None

    def count_try(self, pin: str) -> None:
        """Count a wrong password: on disk, also where there is none, so that both take the same time."""
        count = """UPDATE passwords SET tries = tries + 1
                   WHERE pin = coalesce((SELECT pin FROM passwords WHERE pin = ?), '')"""
        with self._db.writing() as db:
            db.execute(count, (pin,))

    # ---- own devices, and every entry that was ever good ----

    def activate(self, entry: Entry, token: str) -> None:
        """Make an entry the current one of its PIN, and use up the PIN's password."""
        with self._db.writing() as db:
            db.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", (entry.org, entry.pin, entry.generation, token))
            db.execute("INSERT OR REPLACE INTO devices VALUES (?, ?)", (entry.pin, token))
            db.execute("DELETE FROM passwords WHERE pin = ?", (entry.pin,))

    def revoke(self, pin: str) -> None:
        """Take a PIN out of the directory, with its open password. Its old entries stay, to read old messages."""
        with self._db.writing() as db:
            db.execute("DELETE FROM devices WHERE pin = ?", (pin,))
            db.execute("DELETE FROM passwords WHERE pin = ?", (pin,))

    def device(self, pin: str) -> str | None:
        row = self._db.row("SELECT token FROM devices WHERE pin = ?", (pin,))
        return row[0] if row else None

    def devices(self) -> int:
        return self._count("SELECT count(*) FROM devices")

    def last_generation(self, org: str, pin: str) -> int:
        """Return the newest generation that a PIN ever had here; 0 for none."""
        return self._count("SELECT coalesce(max(generation), 0) FROM entries WHERE org = ? AND pin = ?", org, pin)

    def remember(self, entry: Entry, token: str) -> None:
        """Keep a partner's entry as it was first seen, to read later what its device wrote."""
        if self.entry(DeviceKid(entry.org, entry.pin, entry.generation)) is None:
            with self._db.writing() as db:
                row = (entry.org, entry.pin, entry.generation, token)
                db.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)", row)

    def entry(self, kid: DeviceKid) -> str | None:
        """Return the signed entry of one generation of a device, of ours or a partner's."""
        query = "SELECT token FROM entries WHERE org = ? AND pin = ? AND generation = ?"
        row = self._db.row(query, (kid.org, kid.pin, kid.generation))
        return row[0] if row else None

    # ---- partners ----

    def put_partner(self, partner: PinnedPartner) -> None:
        """Pin a partner's root and address. Entries that an older root signed are dropped: they prove nothing now."""
        org, root = partner.org, partner.root.raw
        drop = """DELETE FROM entries WHERE org = ?
                  AND NOT EXISTS (SELECT 1 FROM partners WHERE org = entries.org AND root = ?)"""
        with self._db.writing() as db:
            db.execute(drop, (org, root))
            row = (org, root, partner.url)
            db.execute("INSERT OR REPLACE INTO partners VALUES (?, ?, ?)", row)

    def partners(self) -> Mapping[str, PinnedPartner]:
        rows = self._db.rows("SELECT org, root, url FROM partners ORDER BY org")
        return {org: PinnedPartner(org, VerifyKey(root), url) for org, root, url in rows}

    # ---- journal ----

    def add_copy(self, envelope: Envelope, keeper: str, now: int) -> bytes:
        """Keep a copy for a device unless its `mid` is here already; returns the copy that is kept."""
        head, raw = envelope.header, format_envelope(envelope)
        count = """INSERT INTO kept VALUES (:pin, :day, 1, :size) ON CONFLICT (pin) DO UPDATE SET
                   copies = 1 + iif(day = :day, copies, 0), octets = :size + iif(day = :day, octets, 0), day = :day"""
        with self._db.writing() as db:
            row = (head.mid, head.sender, head.to, head.ts, raw)
            if db.execute("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?)", row).rowcount == 1:
                db.execute(count, {"pin": keeper, "day": now // DAY_MS, "size": len(raw)})
        return self.copy(head.mid) or raw

    def kept_today(self, pin: str, now: int) -> tuple[int, int]:
        """Return how many copies, and octets of them, a device has handed in on this day (UTC)."""
        row = self._db.row("SELECT copies, octets FROM kept WHERE pin = ? AND day = ?", (pin, now // DAY_MS))
        return (row[0], row[1]) if row else (0, 0)

    def copy(self, mid: str) -> bytes | None:
        row = self._db.row("SELECT envelope FROM journal WHERE mid = ?", (mid,))
        return row[0] if row else None

    def find_copies(self, traffic: Traffic, limit: int) -> list[tuple[str, int]]:
        """Return (mid, octets) of what a PIN sent and received in a window, oldest first, at most `limit`."""
        query = """SELECT mid, length(envelope) FROM journal
                   WHERE (sender = :pin OR receiver = :pin) AND ts >= :start AND ts < :until
                     AND (:after IS NULL OR (ts, mid) > (SELECT ts, mid FROM journal WHERE mid = :after))
                   ORDER BY ts, mid LIMIT :limit"""
        asked = {"pin": traffic.pin, "start": traffic.start, "until": traffic.until, "limit": limit}
        return [(mid, octets) for mid, octets in self._db.rows(query, asked | {"after": traffic.after})]

    # ---- orders ----

    def keep_seal(self, leaf: int, seal: Seal) -> None:
        """Keep what was committed to in leaf number `leaf`, so that the customer can show it one day."""
        with self._db.writing() as db:
            row = (leaf, seal.jti, seal.salt, seal.digest)
            db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", row)

    def _count(self, query: str, *values: str | int) -> int:
        row = self._db.row(query, values)
        return int(row[0]) if row else 0
