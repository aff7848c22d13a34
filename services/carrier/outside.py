"""What lies outside the carrier: the provider's store, the parties that it asks, the keys that it trusts, the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from tiers.chassis.client import Peer
from tiers.chassis.ledger_client import LedgerClient
from tiers.wire.errors import Ours
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.leaf import Author

_log = structlog.get_logger()
PATIENCE = 30.0  # seconds that the store may take to start beside us
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Outside:
    """Relay, ledger, pinned keys, time (ms since 1970), who we are. `trust` reads anew: keys arrive while we run."""

    gateway: Peer
    ledger: LedgerClient
    trust: Callable[[], Trust]
    clock: Callable[[], int]
    author: Author


def unavailable() -> Ours:
    """Make the error to raise while the store does not answer."""
    return Ours("store.unavailable", "Try again in a second: the carrier's store is not answering.")


async def when_store_answers(act: Callable[[], Awaitable[None]]) -> None:
    """Do what needs the store, waiting for the store to start; raises `Ours` when it does not."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await act()
                except (RedisError, OSError) as error:
                    _log.info("store.waiting", error=type(error).__name__)
                    await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise unavailable() from None
