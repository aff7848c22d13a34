"""What a handset holds, and what it can make and open with it. Pure but for the randomness of sealing.

    consumer     the cover of [oldest undrained minute, end): it shrinks as the mailbox is drained
    enterprise   its own two key pairs, and the customer's root, pinned at activation

An enterprise device never falls back to the consumer channel by itself: the caller names the channel.
"""

from dataclasses import dataclass, replace

from msgspec import UNSET

from services.wire.content import sign_content, verify_content
from services.wire.directory import BesKey, Entry
from services.wire.envelope import (
    CTY,
    MAX_CIPHERTEXT,
    MAX_PLAINTEXT,
    TYP,
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    Envelope,
    Protected,
    Service,
    find_recipient,
    format_kid,
    format_protected,
    message_epoch,
)
from services.wire.errors import TooLarge, Yours
from services.wire.jose import SigningKey, VerifyKey
from services.wire.keytree import Node, epoch_of, forget_before, leaf, wrap_key
from services.wire.sealing import (
    HpkePrivateKey,
    HpkePublicKey,
    decrypt_with,
    encrypt_for,
    open_content,
    seal_content,
    unwrap_from_carrier,
    wrap_for_carrier,
)

# An admitted message may bear the minute before or after the carrier's own.
EPOCH_SLACK = 1


@dataclass(frozen=True, slots=True)
class ConsumerKeys:
    """The subscriber's part of the carrier's key tree, from the oldest undrained minute on."""

    carrier: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class EnterpriseKeys:
    """An activated device: whose it is, and the root that it pinned."""

    org: str
    root: VerifyKey
    generation: int


@dataclass(frozen=True, slots=True)
class Keyring:
    """One handset's keys."""

    pin: str
    sign: SigningKey
    hpke: HpkePrivateKey
    consumer: ConsumerKeys | None = None
    enterprise: EnterpriseKeys | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """An employee, as verified in a directory: the device to seal to, the key to know it by, its key server."""

    entry: Entry
    bes: BesKey

    @property
    def kid(self) -> str:
        """The device's `kid`."""
        return format_kid(DeviceKid(self.entry.org, self.entry.pin, self.entry.generation))


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sealed. `ts` is ms since 1970, `mid` a UUIDv7."""

    to: str
    service: Service
    content: bytes
    mid: str
    ts: int


def seal_consumer(ring: Keyring, draft: Draft) -> Envelope:
    """Seal under the carrier's key for this sender, this minute and this message; raises `Yours`."""
    if ring.consumer is None:
        raise Yours("device.not_enrolled", "Enrol this handset with a carrier first.")
    header = _header(ring, draft, Channel.CONSUMER)
    protected = format_protected(header)
    epoch = epoch_of(draft.ts)
    sealed = seal_content(protected, draft.content)
    kid = format_kid(CarrierKid(ring.consumer.carrier, ring.pin, epoch))
    key = wrap_key(leaf(ring.consumer.nodes, epoch), protected)
    return Envelope(header, sealed.jwe([wrap_for_carrier(kid, sealed.cek, key)]))


def seal_enterprise(ring: Keyring, draft: Draft, own_bes: BesKey, to: Contact) -> Envelope:
    """Sign, then seal to the receiver's device and to the key server of each customer concerned; raises `Yours`."""
    if ring.enterprise is None:
        raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
    if len(draft.content) > MAX_PLAINTEXT:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_PLAINTEXT} bytes of content.")
    header = _header(ring, draft, Channel.ENTERPRISE)
    protected = format_protected(header)
    plaintext = sign_content(ring.sign, own_kid(ring), protected, draft.service, draft.content)
    sealed = seal_content(protected, plaintext, MAX_CIPHERTEXT)
    servers = {format_kid(BesKid(bes.org, bes.generation)): bes for bes in (own_bes, to.bes)}
    readers = [(to.kid, to.entry.hpke), *((kid, bes.hpke) for kid, bes in servers.items())]
    return Envelope(
        header, sealed.jwe([encrypt_for(kid, sealed.cek, HpkePublicKey.from_jwk(jwk)) for kid, jwk in readers])
    )


def own_kid(ring: Keyring) -> str:
    """Return the `kid` that this device is a recipient and a signer by."""
    if ring.enterprise is None:
        raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
    return format_kid(DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation))


def open_consumer(ring: Keyring, envelope: Envelope) -> bytes:
    """Open a message that was admitted for this subscriber; raises `Yours`."""
    if ring.consumer is None or envelope.header.to != ring.pin:
        raise Yours("device.not_for_me", "This message is for another subscriber.")
    epoch = message_epoch(envelope.header)
    kid = CarrierKid(ring.consumer.carrier, ring.pin, epoch)
    recipient = find_recipient(envelope, lambda k: k == kid)
    if recipient is None:
        raise Yours("device.no_recipient", "No recipient of this JWE is this subscriber, for the minute that it names.")
    key = wrap_key(leaf(ring.consumer.nodes, epoch), envelope.jwe.protected)
    return open_content(envelope.jwe, unwrap_from_carrier(recipient, key))


def open_enterprise(ring: Keyring, envelope: Envelope, sender: Contact) -> bytes:
    """Open a message to this device and check who wrote it, against a verified directory entry; raises `Yours`."""
    mine = own_kid(ring)
    recipient = find_recipient(envelope, lambda k: format_kid(k) == mine)
    if recipient is None or envelope.header.to != ring.pin:
        raise Yours("device.no_recipient", "No recipient of this JWE is this device, in its present generation.")
    plaintext = open_content(envelope.jwe, decrypt_with(recipient, ring.hpke))

    def find(kid: str) -> VerifyKey:
        if kid != sender.kid or sender.entry.pin != envelope.header.sender or sender.entry.org != envelope.header.org:
            raise Yours("content.sender", "The signature is not by the sender whom the envelope names.")
        return VerifyKey.from_jwk(sender.entry.sign)

    return verify_content(plaintext, envelope.jwe.protected, envelope.header.service, sender.kid, find)


def forget_drained(ring: Keyring, drained: int) -> Keyring:
    """Erase every minute that nothing can arrive for any more: all was delivered up to `drained` (ms since 1970)."""
    if ring.consumer is None:
        return ring
    oldest = epoch_of(drained) - EPOCH_SLACK
    return replace(ring, consumer=replace(ring.consumer, nodes=tuple(forget_before(ring.consumer.nodes, oldest))))


def _header(ring: Keyring, draft: Draft, channel: Channel) -> Protected:
    return Protected(
        typ=TYP,
        enc="A256GCM",
        mid=draft.mid,
        channel=channel,
        service=draft.service,
        sender=ring.pin,
        to=draft.to,
        ts=draft.ts,
        cty=CTY[channel, draft.service],
        org=ring.enterprise.org if channel is Channel.ENTERPRISE and ring.enterprise else UNSET,
    )
