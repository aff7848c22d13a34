"""The LI register: served warrants at rest, and everything else that LI administration must remember.

A list of targets is what an intruder would come for, so each warrant lies in the store as a JWE under a key of the
carrier's own state directory: whoever reads the store reads no target. Warrants are rare: all of them are held in
memory too, and one process administers them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

import msgspec

from tiers.carrier.lawful import Authorisation, Word
from tiers.store.client import Store
from tiers.wire.encoding import b64u, parse_json
from tiers.wire.errors import Conflict, Yours
from tiers.wire.keys.keytree import WrapKey
from tiers.wire.message.envelope import format_jwe, parse_jwe
from tiers.wire.message.sealing import ContentKey, open_content, seal_content, unwrap_from_carrier, wrap_for_carrier

WARRANTS = "carrier:warrants"
STATEMENTS = "carrier:statements"
NONCES = "carrier:nonces:"
MAX_RECORD = 1 << 20
_KID = "register"


class RegisterKey(WrapKey):
    """Wraps the content keys of the register's records."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    typ: str
    enc: str
    jti: str


class Register:
    """Authorisations by `jti`. What `save` returns from is on disk; `lock` serialises the changes of one warrant."""

    def __init__(self, store: Store, key: RegisterKey) -> None:
        self._store = store
        self._key = key
        self._held: dict[str, Authorisation] = {}
        self._owners: dict[str, str] = {}
        self._liids: dict[UUID, str] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def load(self) -> None:
        """Read the whole register; raises `Yours` if it was written under another key."""
        found: dict[bytes, bytes] = await self._store.ask("HGETALL", WARRANTS)
        for jti, raw in found.items():
            self._hold(_open(raw, jti.decode(), self._key))

    def lock(self, jti: str) -> asyncio.Lock:
        return self._locks[jti]

    def get(self, jti: str) -> Authorisation | None:
        return self._held.get(jti)

    def unfinished(self) -> list[str]:
        """List the warrants with which something is still to be done, some day."""
        return [jti for jti, auth in self._held.items() if not auth.finished]

    def liid_of(self, xid: UUID) -> str | None:
        """Return the LIID of a task that was ever set here (what the mediation asks)."""
        return self._liids.get(xid)

    async def save(self, auth: Authorisation) -> Authorisation:
        """Write an authorisation; raises `Conflict` if its LIID stands for another warrant."""
        jti, liid = auth.claims.jti, auth.claims.liid
        if auth == self._held.get(jti):
            return auth
        if self._owners.setdefault(liid, jti) != jti:  # before we wait: others may be served meanwhile
            raise Conflict("warrant.liid", "Apply for a warrant with a LIID of its own: this one names another.")
        await self._store.ask("HSET", WARRANTS, jti, _seal(auth, self._key))
        self._hold(auth)
        if auth.finished:  # no grant is released on it any more
            await self._store.ask("DEL", NONCES + jti)
        return auth

    async def change(self, jti: str, change: Callable[[Authorisation], Authorisation]) -> Authorisation:
        """Change an authorisation that is here, under its lock."""
        async with self.lock(jti):
            return await self.save(change(self._held[jti]))

    async def word(self, jti: str) -> Word | None:
        """Return the court's last word on a warrant that was not served yet."""
        raw = await self._store.ask("HGET", STATEMENTS, jti)
        return parse_json(Word, raw, "register.malformed") if raw else None

    async def keep_word(self, word: Word) -> None:
        """Remember the court's word on a warrant that may be served later; an older word changes nothing."""
        known = await self.word(word.said.jti)
        if known is None or known.said.serial < word.said.serial:
            await self._store.ask("HSET", STATEMENTS, word.said.jti, msgspec.json.encode(word))

    async def take_nonce(self, jti: str, nonce: str) -> bool:
        """Use up a nonce of a warrant; false if it was used before."""
        return bool(await self._store.ask("SADD", NONCES + jti, nonce))

    async def return_nonce(self, jti: str, nonce: str) -> None:
        """Give a nonce back when nothing came of it, so that the same request may be sent again."""
        await self._store.ask("SREM", NONCES + jti, nonce)

    def _hold(self, auth: Authorisation) -> None:
        self._held[auth.claims.jti] = auth
        self._owners[auth.claims.liid] = auth.claims.jti
        self._liids |= {UUID(xid): auth.claims.liid for xid in auth.xids}


def _seal(auth: Authorisation, key: RegisterKey) -> bytes:
    cek = ContentKey.draw()
    recipients = [wrap_for_carrier(_KID, cek, key)]
    return format_jwe(seal_content(cek, _protected(auth.claims.jti), recipients, msgspec.json.encode(auth), MAX_RECORD))


def _open(raw: bytes, jti: str, key: RegisterKey) -> Authorisation:
    jwe = parse_jwe(raw, 2 * MAX_RECORD)
    if jwe.protected != _protected(jti):
        raise Yours("register.malformed", "Restore the store: a record of the register stands under another's jti.")
    record = open_content(jwe, unwrap_from_carrier(jwe.recipients[0], key))
    return parse_json(Authorisation, record, "register.malformed")


def _protected(jti: str) -> str:
    return b64u(msgspec.json.encode(_Header("authorisation+jwe", "A256GCM", jti)))
