"""What a handset holds, and what it can make and open with it. Pure but for the randomness of sealing.

    consumer     the cover of [oldest undrained minute, end): it shrinks as the mailbox is drained
    enterprise   its own two key pairs, and the customer's root, pinned at activation
    and, in other arrangements, a part of the court's tree, the factory's global key, cards of people it has met

Whose keys a message is sealed to is the custody's affair (tiers.wire.custody): an arrangement picks one for each
channel, and the default is India's. An enterprise device never falls back to the consumer channel by itself: the
caller names the channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import UNSET

from tiers.wire.custody import CARRIER, CUSTOMER, Card, Custody, GlobalKey, Holder, Reader
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.errors import TooLarge, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.keys.keytree import Node, epoch_of, forget_before
from tiers.wire.message.content import sign_content, verify_content
from tiers.wire.message.envelope import (
    CTY,
    MAX_CIPHERTEXT,
    MAX_PLAINTEXT,
    SIGNED_CTY,
    TYP,
    BesKid,
    Channel,
    DeviceKid,
    Envelope,
    HandsetKid,
    Protected,
    Service,
    format_kid,
    format_protected,
)
from tiers.wire.message.sealing import HpkePrivateKey, open_content, seal_content

# The relay takes messages that are dated up to two minutes before its own time, and no older ones.
EPOCH_SLACK = 2
CARD_GENERATION = 1


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
    escrow: tuple[Node, ...] = ()
    factory: GlobalKey | None = None
    cards: tuple[Card, ...] = ()

    def card(self) -> Card:
        """Return what this handset shows to another one."""
        return Card(self.pin, CARD_GENERATION, self.hpke.public.jwk(), self.sign.public.jwk())

    def contact(self, pin: str) -> Card:
        """Return the card of somebody whom the user has met; raises `Yours`."""
        for card in self.cards:
            if card.pin == pin:
                return card
        raise Yours("device.no_card", "Exchange cards first: no key of this person was ever shown to this handset.")


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


def seal_consumer(ring: Keyring, draft: Draft, custody: Custody = CARRIER) -> Envelope:
    """Seal as a subscriber: under `carrier`, with the key of this sender, minute and message; raises `Yours`."""
    if ring.consumer is None:
        raise Yours("device.not_enrolled", "Enrol this handset with a carrier first.")
    to: tuple[Reader, ...] = ()
    if custody.signed:
        card = ring.contact(draft.to)
        to = (Reader(format_kid(card.kid), card.hpke),)
    return _seal(ring, draft, Channel.CONSUMER, custody, to)


def seal_enterprise(ring: Keyring, draft: Draft, own_bes: BesKey, to: Contact, custody: Custody = CUSTOMER) -> Envelope:
    """Sign, then seal: under `customer`, to the receiver's device and each customer's key server; raises `Yours`."""
    if ring.enterprise is None:
        raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
    readers = [Reader(to.kid, to.entry.hpke)]
    if names_key_servers(custody):
        servers = {format_kid(BesKid(bes.org, bes.generation)): bes for bes in (own_bes, to.bes)}
        readers += [Reader(kid, bes.hpke) for kid, bes in servers.items()]
    return _seal(ring, draft, Channel.ENTERPRISE, custody, readers)


def names_key_servers(custody: Custody) -> bool:
    """Whether a custody has the customers read along, so that they keep a journal."""
    return any("/bes/" in pattern for pattern in custody.readers.get(Channel.ENTERPRISE, ()))


def _seal(ring: Keyring, draft: Draft, channel: Channel, custody: Custody, to: Sequence[Reader]) -> Envelope:
    if len(draft.content) > MAX_PLAINTEXT:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_PLAINTEXT} bytes of content.")
    header = _header(ring, draft, channel, custody)
    protected = format_protected(header)
    plaintext = draft.content
    if custody.signed:
        plaintext = sign_content(ring.sign, _signer(ring, channel), protected, draft.service, draft.content)
    sealed = seal_content(protected, plaintext, MAX_CIPHERTEXT if custody.signed else MAX_PLAINTEXT)
    return Envelope(header, sealed.jwe(custody.seal(sealed.cek, header, protected, _holder(ring, channel), to)))


def _holder(ring: Keyring, channel: Channel) -> Holder:
    consumer = ring.consumer or ConsumerKeys("", ())
    kid: DeviceKid | HandsetKid = HandsetKid(ring.pin, CARD_GENERATION)
    if channel is Channel.ENTERPRISE and ring.enterprise is not None:
        kid = DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation)
    return Holder(ring.pin, kid, ring.hpke, consumer.carrier, consumer.nodes, ring.escrow, ring.factory)


def _signer(ring: Keyring, channel: Channel) -> str:
    return own_kid(ring) if channel is Channel.ENTERPRISE else format_kid(ring.card().kid)


def own_kid(ring: Keyring) -> str:
    """Return the `kid` that this device is a recipient and a signer by."""
    if ring.enterprise is None:
        raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
    return format_kid(DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation))


def open_consumer(ring: Keyring, envelope: Envelope, custody: Custody = CARRIER) -> bytes:
    """Open a message to this subscriber; if it is signed, check it against the sender's card; raises `Yours`."""
    header = envelope.header
    if ring.consumer is None or header.to != ring.pin:
        raise Yours("device.not_for_me", "This message is for another subscriber.")
    plaintext = open_content(envelope.jwe, custody.unseal(envelope, _holder(ring, Channel.CONSUMER)))
    if not custody.signed:
        return plaintext
    sender = ring.contact(header.sender)
    author = format_kid(sender.kid)

    def find(kid: str) -> VerifyKey:
        if kid != author:
            raise Yours("content.sender", "The signature is not by the sender whom the envelope names.")
        return VerifyKey.from_jwk(sender.sign)

    return verify_content(plaintext, envelope.jwe.protected, header.service, author, find)


def open_enterprise(ring: Keyring, envelope: Envelope, sender: Contact, custody: Custody = CUSTOMER) -> bytes:
    """Open a message to this device and check who wrote it, against a verified directory entry; raises `Yours`."""
    own_kid(ring)
    if envelope.header.to != ring.pin:
        raise Yours("device.no_recipient", "No recipient of this JWE is this device, in its present generation.")
    plaintext = open_content(envelope.jwe, custody.unseal(envelope, _holder(ring, Channel.ENTERPRISE)))

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
    consumer = replace(ring.consumer, nodes=tuple(forget_before(ring.consumer.nodes, oldest)))
    return replace(ring, consumer=consumer, escrow=tuple(forget_before(ring.escrow, oldest)))


def _header(ring: Keyring, draft: Draft, channel: Channel, custody: Custody) -> Protected:
    return Protected(
        typ=TYP,
        enc="A256GCM",
        mid=draft.mid,
        channel=channel,
        service=draft.service,
        sender=ring.pin,
        to=draft.to,
        ts=draft.ts,
        cty=SIGNED_CTY if custody.signed else CTY[channel, draft.service],
        org=ring.enterprise.org if channel is Channel.ENTERPRISE and ring.enterprise else UNSET,
    )
