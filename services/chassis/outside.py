"""What lies outside a party that writes to the public log, and who it is there."""

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from prometheus_client import CollectorRegistry

from tiers.chassis.client import Peer
from tiers.chassis.ledger_client import LedgerClient
from tiers.chassis.tls import Tls
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Identity
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.leaf import Author


@dataclass(frozen=True, slots=True)
class Outside:
    """`trust` reads the pinned keys anew, for they arrive while we run; `clock` is ms since 1970.

    All calls go out by `http`, with the certificate in `tls`.
    """

    author: Author
    tls: Tls
    http: aiohttp.ClientSession
    ledger: LedgerClient
    trust: Callable[[], Trust]
    clock: Callable[[], int]
    metrics: CollectorRegistry

    def peer(self, url: str, identity: Identity) -> Peer:
        return Peer(self.http, url, identity)

    async def check_log(self) -> None:
        """Raise `Ours` while no log is pinned: nothing may be done without one."""
        try:
            _ = self.trust().log
        except Yours as error:
            raise Ours(error.code, error.detail) from None
