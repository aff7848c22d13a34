"""`split`: the receiver's handset, and an escrow that carrier and court open together, each from its own tree. Pure.

The escrow is the sender's: a warrant on somebody opens what he writes. Neither half says anything about the other.
"""

import hmac
from collections.abc import Sequence

from tiers.wire.custody.carrier import check_enrolled
from tiers.wire.custody.device import seal_to_readers, unseal_as_reader
from tiers.wire.custody.holder import JURISDICTION, Custody, Holder, Reader
from tiers.wire.errors import Yours
from tiers.wire.keys.keytree import WrapKey, leaf, wrap_key
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, EscrowKid, Protected, Recipient, format_kid, message_epoch
from tiers.wire.message.sealing import wrap_for_carrier

_LABEL = b"tiers/v1 escrow"


def escrow_key(carrier: WrapKey, court: WrapKey) -> WrapKey:
    """Join the two halves of one message's escrow key.

    HMAC-SHA256 is pseudorandom in its key, and in its message of fixed length as well: one half alone tells nothing.
    """
    return WrapKey(hmac.digest(carrier.reveal(), _LABEL + court.reveal(), "sha256"))


def _seal(cek: Secret, header: Protected, protected: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
    if not check_enrolled(holder).escrow:
        raise Yours("device.no_escrow", "Enrol this handset at the court's key tree first.")
    epoch = message_epoch(header)
    halves = [wrap_key(leaf(nodes, epoch), protected) for nodes in (holder.nodes, holder.escrow)]
    kid = format_kid(EscrowKid(JURISDICTION, holder.pin, epoch))
    return [
        *seal_to_readers(cek, header, protected, holder, to),
        wrap_for_carrier(kid, cek, escrow_key(*halves)),
    ]


SPLIT = Custody(
    name="split",
    holds="the receiver; carrier and court together",
    readers={Channel.CONSUMER: ("device/{to}/*", f"escrow/{JURISDICTION}/{{from}}/{{epoch}}")},
    signed=True,
    seal=_seal,
    unseal=unseal_as_reader,
)
