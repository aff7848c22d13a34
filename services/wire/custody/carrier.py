"""`carrier`: the carrier's key tree (docs/spec/keytree.md). Both ends read, and the carrier, and its grantees. Pure.

The handset names its own carrier key; the carrier adds the receiver's when it admits the message.
"""

from collections.abc import Sequence

from tiers.wire.custody.holder import Custody, Holder, Reader, mine
from tiers.wire.errors import Yours
from tiers.wire.keys.keytree import leaf, wrap_key
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import CarrierKid, Channel, Envelope, Protected, Recipient, format_kid, message_epoch
from tiers.wire.message.sealing import ContentKey, unwrap_from_carrier, wrap_for_carrier


def _seal(cek: Secret, header: Protected, protected: str, holder: Holder, _to: Sequence[Reader]) -> list[Recipient]:
    check_enrolled(holder)
    epoch = message_epoch(header)
    kid = format_kid(CarrierKid(holder.carrier, holder.pin, epoch))
    return [wrap_for_carrier(kid, cek, wrap_key(leaf(holder.nodes, epoch), protected))]


def _unseal(envelope: Envelope, holder: Holder) -> ContentKey:
    check_enrolled(holder)
    epoch = message_epoch(envelope.header)
    recipient = mine(envelope, CarrierKid(holder.carrier, holder.pin, epoch))
    return unwrap_from_carrier(recipient, wrap_key(leaf(holder.nodes, epoch), envelope.jwe.protected))


def check_enrolled(holder: Holder) -> Holder:
    """Return a holder who is a carrier's subscriber; raises `Yours`."""
    if not holder.carrier:
        raise Yours("device.not_enrolled", "Enrol this handset with a carrier first.")
    return holder


CARRIER = Custody(
    name="carrier",
    holds="both ends; the carrier",
    readers={Channel.CONSUMER: ("carrier/{carrier}/{from}/{epoch}",)},
    signed=False,
    seal=_seal,
    unseal=_unseal,
)
