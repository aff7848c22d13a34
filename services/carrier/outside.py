"""What lies outside the carrier: the provider's store, the parties that it asks, the keys that it trusts, the clock."""

from collections.abc import Callable
from dataclasses import dataclass

from tiers.chassis.client import Peer
from tiers.chassis.ledger_client import LedgerClient
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.leaf import Author


@dataclass(frozen=True, slots=True)
class Outside:
    """Relay, ledger, pinned keys, time (ms since 1970), who we are. `trust` reads anew: keys arrive while we run."""

    gateway: Peer
    ledger: LedgerClient
    trust: Callable[[], Trust]
    clock: Callable[[], int]
    author: Author
