"""`device`: the receiver's handset alone: "encryption all the way". Pure."""

from collections.abc import Sequence

from tiers.wire.custody.holder import Custody, Holder, Reader, mine
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, Envelope, Protected, Recipient
from tiers.wire.message.sealing import ContentKey, HpkePublicKey, decrypt_with, encrypt_for


def seal_to_readers(
    cek: Secret, _header: Protected, _protected: str, _holder: Holder, to: Sequence[Reader]
) -> list[Recipient]:
    return [encrypt_for(reader.kid, cek, HpkePublicKey.from_jwk(reader.key)) for reader in to]


def unseal_as_reader(envelope: Envelope, holder: Holder) -> ContentKey:
    return decrypt_with(mine(envelope, holder.kid), holder.hpke)


DEVICE = Custody(
    name="device",
    holds="the receiver alone",
    readers={Channel.CONSUMER: ("device/{to}/*",), Channel.ENTERPRISE: ("org/{to_org}/{to}/*",)},
    signed=True,
    seal=seal_to_readers,
    unseal=unseal_as_reader,
)
