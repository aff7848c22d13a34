"""Asks the partners' key servers, in turn, over mutual TLS. Thin I/O: what is believed is decided in `directory`."""

import aiohttp
import structlog
from prometheus_client import Counter

from tiers.chassis.client import Peer
from tiers.enterprise.directory import PartnerEntry, PinnedPartner, nobody_has, verify_partner_answer, vouch
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.store import Store
from tiers.wire.api.enterprise import Lookup
from tiers.wire.errors import Missing, TiersError

_log = structlog.get_logger()


class Partners:
    """The other customers. Every verified entry is remembered, so that its device's messages can be read later."""

    def __init__(self, session: aiohttp.ClientSession, store: Store, keys: KeyStore, failures: Counter) -> None:
        self._session = session
        self._store = store
        self._keys = keys
        self._failures = failures

    async def look_up(self, pin: str) -> Lookup:
        """Return the entry of a partner's employee with our word for the partner.

        Raises `Missing` if no partner has one, `Policy` if one answers what its pinned root did not sign, `Ours` if
        one is silent.
        """
        failures: dict[str, TiersError] = {}
        for partner in self._store.partners().values():
            try:
                found = await self.ask(partner, pin)
            except Missing:
                continue
            except TiersError as error:
                _log.warning("partner.failed", org=partner.org, code=error.code)
                self._failures.labels(partner.org).inc()
                failures[partner.org] = error
            else:
                return vouch(found, partner, self._keys.root, self._keys.org)
        raise nobody_has(failures)

    async def ask(self, partner: PinnedPartner, pin: str) -> PartnerEntry:
        """Ask one partner; raises `Missing`, or what is wrong with its answer."""
        peer = Peer(self._session, partner.url, partner.identity)
        answer = await peer.ask("GET", f"/v1/directory/{pin}", Lookup)
        found = verify_partner_answer(answer, pin, partner)
        self._store.remember(found.entry, answer.entry)
        return found
