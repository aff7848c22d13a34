"""Custody is the recipients list: one registry, one small file each. Pure.

    carrier    the carrier's key tree: a warrant buys a window          consumer
    global     one static key in every handset                          consumer
    split      the handset, and carrier and court together              consumer
    customer   the handset and the customer's key server                enterprise
    device     the handset alone                                        consumer, enterprise

An arrangement picks one for each channel (docs/custody.md). `device` may be joined by other keepers (`device+carrier`),
and a jurisdiction may have a consumer custody of its own. The relay imports none of this: it knows kids.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from tiers.wire.custody.carrier import CARRIER
from tiers.wire.custody.customer import CUSTOMER
from tiers.wire.custody.device import DEVICE, seal_to_readers, unseal_as_reader
from tiers.wire.custody.global_ import GLOBAL
from tiers.wire.custody.holder import Card, Custody, GlobalKey, Holder, Reader
from tiers.wire.custody.split import SPLIT
from tiers.wire.errors import Yours
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, Envelope, Protected, Recipient
from tiers.wire.message.readers import choices

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
    "custody_of",
]

CUSTODIES: dict[str, Custody] = {one.name: one for one in (CARRIER, GLOBAL, SPLIT, CUSTOMER, DEVICE)}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which custody each channel has; `within` has the consumer custody of subscribers in some jurisdiction."""

    consumer: Custody = CARRIER
    enterprise: Custody = CUSTOMER
    within: Mapping[str, Custody] = field(default_factory=dict)

    def sealing(self, channel: Channel, jurisdiction: str) -> Custody:
        """Return the custody of a message that somebody in a jurisdiction sends."""
        return self.within.get(jurisdiction, self.consumer) if channel is Channel.CONSUMER else self.enterprise

    def opening(self, envelope: Envelope) -> Custody:
        """Return the custody that a message came under, by the kinds of its readers; the channel's if none has them."""
        kinds = _kinds(one.header.kid for one in envelope.jwe.recipients)
        channel = envelope.header.channel
        known: list[Custody] = [self.of(channel), *(self.within.values() if channel is Channel.CONSUMER else ())]
        return next((one for one in known if _kinds(one.readers[channel]) == kinds), known[0])

    def of(self, channel: Channel) -> Custody:
        return self.consumer if channel is Channel.CONSUMER else self.enterprise

    def readers(self, channel: Channel) -> str:
        """Return what the relay is told about a channel: the patterns of its readers."""
        custodies = (self.of(channel), *(self.within.values() if channel is Channel.CONSUMER else ()))
        return " | ".join(dict.fromkeys(" ".join(one.readers[channel]) for one in custodies))

    def names(self, first: str) -> bool:
        """Whether consumer messages have a reader whose `kid` begins so ("escrow/", "global/")."""
        patterns = " ".join(choices(self.readers(Channel.CONSUMER)))
        return any(kid.startswith(first) for kid in patterns.split())


def _kinds(kids: Iterable[str]) -> set[str]:
    return {kid.partition("/")[0] for kid in kids}


INDIA = Arrangement()
"""India 2013: the default."""


def arrange(consumer: str, enterprise: str, within: Mapping[str, str] | None = None) -> Arrangement:
    """Put an arrangement together by name; raises `Yours`."""
    elsewhere = {where: custody_of(name, Channel.CONSUMER) for where, name in (within or {}).items()}
    return Arrangement(custody_of(consumer, Channel.CONSUMER), custody_of(enterprise, Channel.ENTERPRISE), elsewhere)


@cache
def custody_of(name: str, channel: Channel) -> Custody:
    """Return a custody by its name on a channel: `carrier`, `device+carrier`; raises `Yours`."""
    fitting = [one.name for one in CUSTODIES.values() if channel in one.readers]
    first, *others = name.split("+")
    joined = not others or (first == DEVICE.name and channel is Channel.CONSUMER and len(set(others)) == len(others))
    if first not in fitting or not joined or not {*others} <= {*fitting} - {DEVICE.name}:
        more = ", device+carrier and the like" if channel is Channel.CONSUMER else ""
        raise Yours("custody.unknown", f"Give the {channel} channel one of: {', '.join(fitting)}{more}.")
    return _joined(name, [CUSTODIES[one] for one in others]) if others else CUSTODIES[first]


def _joined(name: str, keepers: Sequence[Custody]) -> Custody:
    """Have other keepers read beside the receiver's handset. The content is signed by the sender's handset."""

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        theirs = [one for keeper in keepers for one in keeper.seal(cek, header, sent, holder, ())]
        return [*seal_to_readers(cek, header, sent, holder, to), *theirs]

    own = DEVICE.readers[Channel.CONSUMER]
    patterns = dict.fromkeys([*own, *(one for keeper in keepers for one in keeper.readers[Channel.CONSUMER])])
    return Custody(
        name=name,
        holds="; ".join(["the receiver", *(keeper.holds for keeper in keepers)]),
        readers={Channel.CONSUMER: tuple(patterns)},
        signed=True,
        seal=seal,
        unseal=unseal_as_reader,
    )
