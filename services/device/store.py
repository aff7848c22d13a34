"""A handset's memory: its keys in files, its messages in SQLite. Everything is on disk before it is acknowledged.

Messages are keyed by `mid`: however often the relay delivers one, the user has it once. Deleting a message overwrites
its content; its `mid` stays, so it cannot come back.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from tiers.chassis.state import StateDir, opening
from tiers.device.keyring import ConsumerKeys, EnterpriseKeys, Keyring
from tiers.wire.custody import Card, GlobalKey
from tiers.wire.encoding import parse_json
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import PublicJwk, SigningKey, VerifyKey
from tiers.wire.keys.keytree import NodeJson
from tiers.wire.message.envelope import Envelope, Pin
from tiers.wire.message.sealing import HpkePrivateKey

_KEYRING = "keyring.json"
_FACTORY = "factory.key"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  mid TEXT PRIMARY KEY, sender TEXT NOT NULL, receiver TEXT NOT NULL, channel TEXT NOT NULL, service TEXT NOT NULL,
  ts INTEGER NOT NULL, content BLOB, unreadable TEXT, readers TEXT NOT NULL DEFAULT ''
) STRICT
"""
_Row = tuple[str, str, str, str, str, int, bytes | None, str | None, str]
_OLDER = "ALTER TABLE message ADD COLUMN readers TEXT NOT NULL DEFAULT ''"


class _Consumer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    carrier: str
    nodes: tuple[NodeJson, ...]

    def keys(self) -> ConsumerKeys:
        return ConsumerKeys(self.carrier, tuple(node.node() for node in self.nodes))


class _Enterprise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    org: str
    root: PublicJwk
    generation: int

    def keys(self) -> EnterpriseKeys:
        return EnterpriseKeys(self.org, VerifyKey.from_jwk(self.root), self.generation)


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pin: Pin
    consumer: _Consumer | None
    enterprise: _Enterprise | None
    escrow: tuple[NodeJson, ...] = ()
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One message on the handset: `content` if it opened, else `unreadable`, the refusal code.

    `readers` are the `kid`s of its recipients as it came or went: everybody who can read it. The handset shows them and
    counts nothing. Empty in a message that was kept before the handset kept them.
    """

    mid: str
    sender: str
    to: str
    channel: str
    service: str
    ts: int
    content: bytes | None
    unreadable: str | None
    readers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Message {self.mid}>"


class HandsetStore:
    def __init__(self, path: Path) -> None:
        self._state = StateDir(path)
        with opening(path / "messages.db") as self._db:
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)
            if "readers" not in {row[1] for row in self._db.execute("PRAGMA table_info(message)")}:
                self._db.execute(_OLDER)

    def close(self) -> None:
        self._db.close()

    def load(self) -> Keyring | None:
        """Return the keyring, or `None` for a handset that is new; raises `Yours` for a damaged one."""
        raw = self._state.read(_KEYRING)
        if raw is None:
            return None
        saved = parse_json(_Saved, raw, "device.keyring")
        sign, hpke = self._state.key("sign.key", SigningKey), self._state.key("hpke.key", HpkePrivateKey)
        consumer, enterprise = saved.consumer, saved.enterprise
        return Keyring(
            saved.pin,
            sign,
            hpke,
            consumer.keys() if consumer else None,
            enterprise.keys() if enterprise else None,
            tuple(node.node() for node in saved.escrow),
            self._factory(),
            saved.cards,
        )

    def create(self, pin: str, factory: GlobalKey | None = None) -> Keyring:
        """Make the keys of a new handset, beside the one that the factory gave it; raises `Yours` if there are some."""
        if self._state.read(_KEYRING) is not None:
            raise Yours("device.exists", "Use another state directory: this one holds a handset already.")
        if factory is not None:
            self._state.write(_FACTORY, factory.reveal())
        sign, hpke = self._state.key("sign.key", SigningKey), self._state.key("hpke.key", HpkePrivateKey)
        ring = Keyring(pin, sign, hpke, factory=factory)
        self.save(ring)
        return ring

    def _factory(self) -> GlobalKey | None:
        return self._state.key(_FACTORY, GlobalKey) if self._state.read(_FACTORY) else None

    def save(self, ring: Keyring) -> None:
        """Replace the keyring on disk: nodes that it no longer holds are gone."""
        consumer, enterprise = ring.consumer, ring.enterprise
        saved = _Saved(
            ring.pin,
            _Consumer(consumer.carrier, tuple(NodeJson.of(node) for node in consumer.nodes)) if consumer else None,
            _Enterprise(enterprise.org, enterprise.root.jwk(), enterprise.generation) if enterprise else None,
            tuple(NodeJson.of(node) for node in ring.escrow),
            ring.cards,
        )
        self._state.write(_KEYRING, msgspec.json.encode(saved))

    def keep(self, envelope: Envelope, content: bytes | None, unreadable: str | None = None) -> Message | None:
        """Keep a message that was sent or received, durably; returns it if it is new here."""
        head = envelope.header
        kids = " ".join(one.header.kid for one in envelope.jwe.recipients)
        row = (head.mid, head.sender, head.to, head.channel, head.service, head.ts, content, unreadable, kids)
        done = self._db.execute("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return _message(row) if done.rowcount == 1 else None

    def messages(self) -> list[Message]:
        """Return what the user has, sent and received, oldest first, without what was deleted."""
        rows = self._db.execute(
            "SELECT * FROM message WHERE content IS NOT NULL OR unreadable IS NOT NULL ORDER BY ts, rowid"
        )
        return [_message(row) for row in rows]

    def has(self, mid: str) -> bool:
        return self._db.execute("SELECT 1 FROM message WHERE mid = ?", (mid,)).fetchone() is not None

    def delete(self, mid: str) -> None:
        """Erase a message's content; raises `Yours` if there is no such message."""
        done = self._db.execute("UPDATE message SET content = NULL, unreadable = NULL WHERE mid = ?", (mid,))
        if done.rowcount != 1:
            raise Yours("device.no_message", "Delete a mid that the handset lists.")


def _message(row: _Row) -> Message:
    return Message(*row[:-1], readers=tuple(row[-1].split()))
