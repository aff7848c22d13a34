"""Messages and product with real cryptography: what a relay and a carrier would make of them."""

from uuid import UUID

import msgspec

from tiers.wire.custody.split import escrow_key
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, WrapKey, epoch_of, leaf, subscriber_root, wrap_key
from tiers.wire.lawful.product import x2, x3
from tiers.wire.lawful.x2x3 import Direction, Head, encode
from tiers.wire.lawful.xiri import Metadata
from tiers.wire.message.content import readers_of, sign_content
from tiers.wire.message.envelope import (
    CTY,
    SIGNED_CTY,
    TYP,
    UNSET,
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    EscrowKid,
    HandsetKid,
    Kid,
    Protected,
    Recipient,
    Service,
    format_jwe,
    format_kid,
    format_protected,
)
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, encrypt_for, seal_content, wrap_for_carrier

MASTER = Master(b"M" * 32)
COURT_MASTER = Master(b"C" * 32)
ORG = "S50000001"
XID = UUID("11111111-2222-4333-8444-555555555555")
MAIL = (
    b"From: 2100000a@email.example\r\nTo: 2100000b@email.example\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nmeet me at noon\r\n"
)


CEK = ContentKey(b"k" * 32)


def mid_of(number: int) -> str:
    return f"01930000-0000-7000-8000-{number:012x}"


def header(number: int, ends: tuple[str, str], ts: int, channel: Channel, service: Service) -> Protected:
    org = ORG if channel is Channel.ENTERPRISE else UNSET
    cty = CTY[channel, service]
    return Protected(TYP, "A256GCM", mid_of(number), channel, service, *ends, ts, cty, CEK.commitment, org)


def consumer(number: int, ends: tuple[str, str], ts: int, content: bytes, service: Service = Service.BBM) -> bytes:
    """A consumer envelope as the relay holds it: the carrier's keys for sender and receiver."""
    protected = format_protected(header(number, ends, ts, Channel.CONSUMER, service))
    recipients, epoch = [], epoch_of(ts)
    for pin in ends:
        key = wrap_key(leaf([subscriber_root(MASTER, pin)], epoch), protected)
        recipients.append(wrap_for_carrier(format_kid(CarrierKid("in", pin, epoch)), CEK, key))
    return format_jwe(seal_content(CEK, protected, recipients, content))


def escrowed(number: int, ends: tuple[str, str], ts: int, content: bytes, *, rubbish: bool = False) -> bytes:
    """A consumer envelope under `split`: the receiver's handset, and the sender's escrow of carrier and court."""
    said = header(number, ends, ts, Channel.CONSUMER, Service.BBM)
    protected = format_protected(msgspec.structs.replace(said, cty=SIGNED_CTY))
    epoch = epoch_of(ts)
    halves = [wrap_key(leaf([subscriber_root(one, ends[0])], epoch), protected) for one in (MASTER, COURT_MASTER)]
    key = WrapKey(b"?" * 32) if rubbish else escrow_key(*halves)
    handset = format_kid(HandsetKid(ends[1], 1))
    escrow = wrap_for_carrier(format_kid(EscrowKid("in", ends[0], epoch)), CEK, key)
    return signed(protected, HandsetKid(ends[0], 1), Service.BBM, {handset: b"1"}, [escrow], content)


def enterprise(number: int, ends: tuple[str, str], ts: int, content: bytes, service: Service = Service.BBM) -> bytes:
    """An enterprise envelope: the receiver's device and the customer's key server."""
    protected = format_protected(header(number, ends, ts, Channel.ENTERPRISE, service))
    seeds = {format_kid(DeviceKid(ORG, ends[1], 1)): b"1", format_kid(BesKid(ORG, 1)): b"2"}
    return signed(protected, DeviceKid(ORG, ends[0], 1), service, seeds, [], content)


def signed(
    protected: str, author: Kid, service: Service, seeds: dict[str, bytes], others: list[Recipient], content: bytes
) -> bytes:
    """Sign, and seal to the keys of `seeds` (one byte of a seed by kid) and to whom `others` name."""
    keys = {kid: HpkePrivateKey(seed * 32).public for kid, seed in seeds.items()}
    recipients = [*(encrypt_for(kid, CEK, key) for kid, key in keys.items()), *others]
    readers = readers_of(recipients, {kid: key.jwk().thumbprint() for kid, key in keys.items()})
    inner = sign_content(SigningKey(b"D" * 32), format_kid(author), protected, service, readers, content)
    return format_jwe(seal_content(CEK, protected, recipients, inner))


def copied(jwe: bytes, seen: Protected, target: str, sequence: int = 0) -> tuple[bytes, bytes]:
    """The X2 and the X3 of one message, as the interception point emits them."""
    direction = Direction.FROM_TARGET if seen.sender == target else Direction.TO_TARGET
    number = int(seen.mid[-12:], 16)
    head = Head(
        xid=XID, correlation=number, direction=direction, sequence=sequence, at_ns=seen.ts * 1_000_000, function="gw-1"
    )
    metadata = Metadata(
        from_pin=seen.sender,
        to_pin=seen.to,
        mid=seen.mid,
        service=seen.service,
        channel=seen.channel,
        size=len(jwe),
        org=None if seen.org is UNSET else seen.org,
    )
    return encode(x2(head, metadata)), encode(x3(head, jwe))
