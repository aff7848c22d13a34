"""`global`: one static key in every handset, as the PIN encryption key of BBM was. Pure.

The key comes with the handset. It is nobody's and everybody's: there is no minute, no person and no carrier in it.
"""

from collections.abc import Sequence

from tiers.wire.custody.carrier import check_enrolled
from tiers.wire.custody.holder import Custody, GlobalKey, Holder, Reader, mine
from tiers.wire.errors import Yours
from tiers.wire.keys.keytree import WrapKey
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, Envelope, GlobalKid, Protected, Recipient, format_kid
from tiers.wire.message.sealing import ContentKey, unwrap_from_carrier, wrap_for_carrier

GENERATION = 1
"""There never was another."""


def global_wrap(key: GlobalKey) -> WrapKey:
    """Return the A256GCMKW key of every message there is."""
    return WrapKey(key.reveal())


def _seal(cek: Secret, _header: Protected, _protected: str, holder: Holder, _to: Sequence[Reader]) -> list[Recipient]:
    return [wrap_for_carrier(format_kid(_kid(holder)), cek, _key(holder))]


def _unseal(envelope: Envelope, holder: Holder) -> ContentKey:
    return unwrap_from_carrier(mine(envelope, _kid(holder)), _key(holder))


def _kid(holder: Holder) -> GlobalKid:
    return GlobalKid(check_enrolled(holder).carrier, GENERATION)


def _key(holder: Holder) -> WrapKey:
    if holder.factory is None:
        raise Yours("device.no_global_key", "Use a handset that left the factory with the global key.")
    return global_wrap(holder.factory)


GLOBAL = Custody(
    name="global",
    holds="every handset; whoever made it",
    readers={Channel.CONSUMER: ("global/{carrier}/*",)},
    signed=False,
    seal=_seal,
    unseal=_unseal,
)
