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
from tiers.wire.message.content import readers_of, sign_content, verify_content
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
from tiers.wire.message.readers import delivered, fits, members, named
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, open_message, seal_content

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
    pin: str
    sign: SigningKey
    hpke: HpkePrivateKey
    consumer: ConsumerKeys | None = None
    enterprise: EnterpriseKeys | None = None
    escrow: tuple[Node, ...] = ()
    factory: GlobalKey | None = None
    cards: tuple[Card, ...] = ()

    def card(self) -> Card:
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
    cek = ContentKey.draw()
    header = _header(ring, draft, channel, custody, cek)
    protected = format_protected(header)
    recipients = custody.seal(cek, header, protected, _holder(ring, channel), to)
    if not custody.signed:
        return Envelope(header, seal_content(cek, protected, recipients, draft.content))
    readers = readers_of(recipients, {reader.kid: reader.key.thumbprint() for reader in to})
    signer = format_kid(_holder(ring, channel).kid)
    plaintext = sign_content(ring.sign, signer, protected, draft.service, readers, draft.content)
    return Envelope(header, seal_content(cek, protected, recipients, plaintext, MAX_CIPHERTEXT))


def _holder(ring: Keyring, channel: Channel) -> Holder:
    consumer = ring.consumer or ConsumerKeys("", ())
    kid: DeviceKid | HandsetKid = HandsetKid(ring.pin, CARD_GENERATION)
    if channel is Channel.ENTERPRISE and ring.enterprise is not None:
        kid = DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation)
    return Holder(ring.pin, kid, ring.hpke, consumer.carrier, consumer.nodes, ring.escrow, ring.factory)


def open_consumer(ring: Keyring, envelope: Envelope, custody: Custody = CARRIER) -> bytes:
    """Open a message to this subscriber; if it is signed, check it against the sender's card; raises `Yours`."""
    if ring.consumer is None or envelope.header.to != ring.pin:
        raise Yours("device.not_for_me", "This message is for another subscriber.")
    plaintext = _unseal(ring, envelope, Channel.CONSUMER, custody)
    if not custody.signed:
        return plaintext
    sender = ring.contact(envelope.header.sender)
    own = {format_kid(ring.card().kid): ring.hpke.public.jwk().thumbprint()}
    return verify_content(plaintext, envelope, format_kid(sender.kid), VerifyKey.from_jwk(sender.sign), own)


def open_enterprise(ring: Keyring, envelope: Envelope, sender: Contact, custody: Custody = CUSTOMER) -> bytes:
    """Open a message to this device and check who wrote it, against a verified directory entry; raises `Yours`."""
    if ring.enterprise is None:
        raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
    if envelope.header.to != ring.pin:
        raise Yours("device.no_recipient", "No recipient of this JWE is this device, in its present generation.")
    plaintext = _unseal(ring, envelope, Channel.ENTERPRISE, custody)
    known = {
        format_kid(_holder(ring, Channel.ENTERPRISE).kid): ring.hpke.public.jwk().thumbprint(),
        format_kid(BesKid(sender.bes.org, sender.bes.generation)): sender.bes.hpke.thumbprint(),
    }
    return verify_content(plaintext, envelope, sender.kid, VerifyKey.from_jwk(sender.entry.sign), known)


def _unseal(ring: Keyring, envelope: Envelope, channel: Channel, custody: Custody) -> bytes:
    """Open a message that names the readers of its custody and nobody else; raises `Yours`.

    1. It came along this channel, signed or not as the custody has it. 2. Its recipients are those that the custody
    names, and the receiver whom a carrier adds. 3. A key of this handset opens it, the one that its header commits to.
    """
    header, org = envelope.header, ring.enterprise.org if ring.enterprise else None
    if header.channel is not channel or (header.cty == SIGNED_CTY) != custody.signed:  # 1
        raise Yours("content.type", "The content is not of the type that the service carries.")
    carrier = ring.consumer.carrier if ring.consumer else None
    said = members(header, carrier, header.org or None, org)
    if not fits(named(envelope), delivered(" ".join(custody.readers[channel])), said):  # 2
        raise Yours("device.readers", "Ask the sender who else reads this: it names a reader whom nobody agreed on.")
    return open_message(envelope, custody.unseal(envelope, _holder(ring, channel)))  # 3


def forget_drained(ring: Keyring, drained: int) -> Keyring:
    """Erase every minute that nothing can arrive for any more: all was delivered up to `drained` (ms since 1970)."""
    if ring.consumer is None:
        return ring
    oldest = epoch_of(drained) - EPOCH_SLACK
    consumer = replace(ring.consumer, nodes=tuple(forget_before(ring.consumer.nodes, oldest)))
    return replace(ring, consumer=consumer, escrow=tuple(forget_before(ring.escrow, oldest)))


def _header(ring: Keyring, draft: Draft, channel: Channel, custody: Custody, cek: ContentKey) -> Protected:
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
        cmt=cek.commitment,
        org=ring.enterprise.org if channel is Channel.ENTERPRISE and ring.enterprise else UNSET,
    )
