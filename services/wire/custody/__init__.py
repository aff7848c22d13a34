"""Custody is the recipients list: one registry, one small file each. Pure.

    carrier    the carrier's key tree: a warrant buys a window          consumer
    global     one static key in every handset                          consumer
    split      the handset, and carrier and court together              consumer
    customer   the handset and the customer's key server                enterprise
    device     the handset alone                                        consumer, enterprise

An arrangement picks one for each channel (docs/custody.md). The relay imports none of this: it knows kids.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tiers.wire.custody.carrier import CARRIER
from tiers.wire.custody.customer import CUSTOMER
from tiers.wire.custody.device import DEVICE
from tiers.wire.custody.global_ import GLOBAL
from tiers.wire.custody.holder import Card, Custody, GlobalKey, Holder, Reader
from tiers.wire.custody.split import SPLIT
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel

__all__ = [
    "CARRIER",
    "CUSTODIES",
    "CUSTOMER",
    "DEVICE",
    "GLOBAL",
    "INDIA",
    "SPLIT",
    "Arrangement",
    "Card",
    "Custody",
    "GlobalKey",
    "Holder",
    "Reader",
    "arrange",
]

CUSTODIES: Mapping[str, Custody] = {one.name: one for one in (CARRIER, GLOBAL, SPLIT, CUSTOMER, DEVICE)}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which custody each channel has."""

    consumer: Custody = CARRIER
    enterprise: Custody = CUSTOMER

    def of(self, channel: Channel) -> Custody:
        """Return the custody of a channel."""
        return self.consumer if channel is Channel.CONSUMER else self.enterprise

    def readers(self, channel: Channel) -> str:
        """Return what the relay is told about a channel: the patterns of its readers."""
        return " ".join(self.of(channel).readers[channel])


INDIA = Arrangement()
"""India 2013: the default."""


def arrange(consumer: str, enterprise: str) -> Arrangement:
    """Put an arrangement together by name; raises `Yours`."""
    return Arrangement(_serving(consumer, Channel.CONSUMER), _serving(enterprise, Channel.ENTERPRISE))


def _serving(name: str, channel: Channel) -> Custody:
    fitting = [one.name for one in CUSTODIES.values() if channel in one.readers]
    if name not in fitting:
        raise Yours("custody.unknown", f"Give the {channel} channel one of: {', '.join(fitting)}.")
    return CUSTODIES[name]
