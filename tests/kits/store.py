"""A test's own look into a store, past the client that the parties use."""

from dataclasses import replace

from redis.asyncio import Redis

from tiers.lab.world import store
from tiers.store.client import Store


def connect(url: str) -> Redis:
    """Reach a store that stands alone."""
    return Redis.from_url(url)


def client(url: str) -> Store:
    """Reach a store as the relay does."""
    return Store(url, "gateway:ready:")


async def restarted(ours: store.Store) -> store.Store:
    """Start again, on what they left on disk, the processes of the lab's own store that have ended."""
    assert ours.nodes, "start the store that TIERS_STORE_URL names again by hand"
    return replace(ours, nodes=tuple([node if node.child.running else await again(node) for node in ours.nodes]))


async def again(node: store.Node) -> store.Node:
    return await store.started(node.child.command, node.dial, node.child.log)
