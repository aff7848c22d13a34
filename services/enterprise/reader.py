"""The customer reads its own traffic: a journalled copy, the key that it names, and the author's key. Thin I/O."""

from tiers.enterprise.journal import no_author, open_copy, verify_copy
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.partners import Partners
from tiers.enterprise.store import Store
from tiers.wire.api.enterprise import Opened
from tiers.wire.enterprise.directory import Entry, verify_entry
from tiers.wire.errors import Missing
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.message.envelope import DeviceKid, parse_envelope


class Reader:
    def __init__(self, store: Store, keys: KeyStore, partners: Partners) -> None:
        self._store = store
        self._keys = keys
        self._partners = partners

    async def read(self, mid: str) -> Opened:
        """Open one message and check who wrote it; raises `TiersError` that says what stands in the way."""
        raw = self._store.copy(mid)
        if raw is None:
            raise Missing(
                "journal.unknown", "Ask for the mid of a message that a device of this customer has journalled."
            )
        copy = open_copy(parse_envelope(raw), self._keys.org, self._keys.key)
        entry = await self._entry(copy.author)
        return verify_copy(copy, VerifyKey.from_jwk(entry.sign))

    async def _entry(self, kid: DeviceKid) -> Entry:
        """Return the author's entry of that generation: kept, or still to be had from its own customer."""
        token = self._store.entry(kid)
        if kid.org == self._keys.org:
            if token is None:
                raise no_author(kid)
            return verify_entry(token, kid.org, self._keys.root.public)
        partner = self._store.partners().get(kid.org)
        if partner is None:
            raise no_author(kid)
        if token is not None:
            return verify_entry(token, kid.org, partner.root)
        try:
            found = (await self._partners.ask(partner, kid.pin)).entry
        except Missing:
            raise no_author(kid) from None
        if found.generation != kid.generation:
            raise no_author(kid)
        return found
