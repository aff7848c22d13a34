"""The provider's store by its URL, for the two parties that have business there. It knows no key.

    redis://  rediss://  unix://            a store that stands alone
    redis+cluster://  rediss+cluster://     any node of a cluster

What both parties ask of it holds on both kinds: every command and every script keeps to the keys of one hash tag, and
what may not happen twice says so itself, because a client asks again when an answer was lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from tiers.store.cluster import Cluster
from tiers.store.url import is_cluster, node_url, one_node
from tiers.wire.errors import Ours, Yours

SECONDS = 5.0
PATIENCE = 60.0
"""Seconds that a store may take to start beside us; a long log takes a while to read back."""
_PAUSE = 0.1
_ONCE_AGAIN = Retry(NoBackoff(), 1)
_AT_A_NODE = Retry(NoBackoff(), 1, (RedisConnectionError,))
"""A node that was waited for in vain is not waited for again."""


def connect(url: str) -> Redis:
    """Return a client, which connects when it is first used and tries a broken connection once again, at once.

    Raises `Yours` for a URL that is none.
    """
    try:
        at = parse_url(one_node(url))
    except ValueError as error:
        raise _no_url(str(error)) from None
    if not is_cluster(url):
        return _alone(url)
    if "path" in at:
        raise _no_url("a cluster has no unix socket")
    return Cluster(one_node(url), lambda address: _alone(node_url(url, address), _AT_A_NODE))


def _no_url(why: str) -> Yours:
    known = "redis://, rediss://, unix:// or redis+cluster://"
    return Yours("settings.store_url", f"Set TIERS_STORE_URL to {known}: {why}.")


async def answering(url: str, patience: float = PATIENCE) -> None:
    """Wait for a store that starts beside us; raises `Yours` if the URL names it wrongly, `Ours` if nobody answers."""
    async with _alone(one_node(url)) as node:
        try:
            async with asyncio.timeout(patience):
                while True:
                    try:
                        found = await node.info("cluster")
                    except (RedisError, OSError):
                        await asyncio.sleep(_PAUSE)
                    else:
                        return _check_kind(url, in_cluster=bool(found["cluster_enabled"]))
        except TimeoutError:
            detail = "Start the store, or set address and user in TIERS_STORE_URL right: nobody answers there."
            raise Ours("store.unavailable", detail) from None


async def patiently(load: Callable[[], Awaitable[None]]) -> None:
    """Load what stands in a store, again until it can be had: a cluster is whole some time after its nodes answer.

    Raises `Ours` in the end.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return await load()
        except Ours:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(_PAUSE)


def _check_kind(url: str, *, in_cluster: bool) -> None:
    if in_cluster and not is_cluster(url):
        raise Yours("settings.store_url", "Write redis+cluster:// in TIERS_STORE_URL: this store is a cluster's node.")
    if is_cluster(url) and not in_cluster:
        raise Yours("settings.store_url", "Write TIERS_STORE_URL without +cluster: this store stands alone.")


def _alone(url: str, retry: Retry = _ONCE_AGAIN) -> Redis:
    return Redis.from_url(url, retry=retry, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
