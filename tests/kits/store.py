"""A test's own look into a store, past the client that the parties use."""

from redis.asyncio import Redis

from tiers.store.client import Store


def connect(url: str) -> Redis:
    """Reach a store that stands alone."""
    return Redis.from_url(url)


def client(url: str) -> Store:
    """Reach a store as the relay does."""
    return Store(url, "gateway:ready:")
