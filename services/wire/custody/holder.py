"""What a custody is made of: who may read, in the grammar of `kid`, and what a handset brings to it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.errors import Yours
from tiers.wire.keys.jose import HpkeJwk, PublicJwk
from tiers.wire.keys.keytree import Node
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, Envelope, HandsetKid, Kid, Pin, Protected, Recipient, find_recipient
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey

JURISDICTION = "in"
"""Whose carrier and court hold the two halves of an escrow."""


class GlobalKey(Secret):
    """One static key for everybody: whoever has it reads everything, and can write as anybody."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What two subscribers show each other when they meet: the keys by which a handset is reached and recognised."""

    pin: Pin
    generation: Annotated[int, Meta(ge=1)]
    hpke: HpkeJwk
    sign: PublicJwk

    @property
    def kid(self) -> HandsetKid:
        return HandsetKid(self.pin, self.generation)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a public key who is to read a message."""

    kid: str
    key: HpkeJwk


@dataclass(frozen=True, slots=True)
class Holder:
    """What one handset holds. What a custody does not use stays empty.

    `kid` and `hpke` are the handset's own, `nodes` its part of the carrier's key tree, `escrow` of the court's.
    """

    pin: str
    kid: Kid
    hpke: HpkePrivateKey
    carrier: str = ""
    nodes: Sequence[Node] = ()
    escrow: Sequence[Node] = ()
    factory: GlobalKey | None = None


Seal = Callable[[Secret, Protected, str, Holder, Sequence[Reader]], list[Recipient]]
"""content key, header, the header as sent, the sender, the receivers with a public key -> `recipients`."""
Unseal = Callable[[Envelope, Holder], ContentKey]


@dataclass(frozen=True, slots=True)
class Custody:
    """Whose keys stand in `recipients`.

    `readers` is what the relay checks, for each channel that this custody can serve: one pattern for each recipient of
    a message as it leaves the handset. Members of the header stand in braces, beside `to_org` and `carrier`; a last `*`
    is any generation. `signed`: the content is a JWS by the sender's handset. `holds` says it for people.
    """

    name: str
    holds: str
    readers: Mapping[Channel, tuple[str, ...]]
    signed: bool
    seal: Seal
    unseal: Unseal


def mine(envelope: Envelope, kid: Kid) -> Recipient:
    """Return the recipient that is `kid`, of a message to whoever holds it; raises `Yours`."""
    recipient = find_recipient(envelope, lambda one: one == kid)
    if recipient is None:
        raise Yours("device.no_recipient", "No recipient of this JWE is this handset: ask the sender to send it again.")
    return recipient
