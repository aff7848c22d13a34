"""What the relay counts. Labels carry codes and channels, never a PIN."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The relay's counters. Counted once a batch, because a lock a message is not free."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.accepted = Counter("tiers_gateway_accepted", "Messages on disk.", registry=registry)
        self.refused = Counter("tiers_gateway_refused", "Messages refused, by code.", ["code"], registry=registry)
        self.delivered = Counter("tiers_gateway_delivered", "Messages acknowledged by devices.", registry=registry)
        self.batch = Histogram("tiers_gateway_batch", "Messages to a commit.", buckets=_BATCHES, registry=registry)
        self.asks = Histogram("tiers_gateway_asks", "Messages to an admission.", buckets=_BATCHES, registry=registry)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a value as it is when it is looked at."""
        Gauge(f"tiers_gateway_{name}", text, registry=self.registry).set_function(value)
