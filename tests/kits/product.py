"""Messages and product with real cryptography: what a relay and a carrier would make of them."""

from uuid import UUID

from tiers.wire.custody.split import escrow_key
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, WrapKey, epoch_of, leaf, subscriber_root, wrap_key
from tiers.wire.lawful.product import x2, x3
from tiers.wire.lawful.x2x3 import Direction, Head, encode
from tiers.wire.lawful.xiri import Metadata
from tiers.wire.message.content import sign_content
from tiers.wire.message.envelope import (
    CTY,
    TYP,
    UNSET,
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    EscrowKid,
    HandsetKid,
    Protected,
    Service,
    format_jwe,
    format_kid,
    format_protected,
)
from tiers.wire.message.sealing import HpkePrivateKey, encrypt_for, seal_content, wrap_for_carrier

MASTER = Master(b"M" * 32)
COURT_MASTER = Master(b"C" * 32)
ORG = "S50000001"
XID = UUID("11111111-2222-4333-8444-555555555555")
MAIL = (
    b"From: 2100000a@email.example\r\nTo: 2100000b@email.example\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nmeet me at noon\r\n"
)


def mid_of(number: int) -> str:
    return f"01930000-0000-7000-8000-{number:012x}"


def header(number: int, ends: tuple[str, str], ts: int, channel: Channel, service: Service) -> Protected:
    org = ORG if channel is Channel.ENTERPRISE else UNSET
    cty = CTY[channel, service]
    return Protected(TYP, "A256GCM", mid_of(number), channel, service, *ends, ts, cty, org)


def consumer(number: int, ends: tuple[str, str], ts: int, content: bytes, service: Service = Service.BBM) -> bytes:
    """A consumer envelope as the relay holds it: the carrier's keys for sender and receiver."""
    protected = format_protected(header(number, ends, ts, Channel.CONSUMER, service))
    sealed, epoch = seal_content(protected, content), epoch_of(ts)
    recipients = []
    for pin in ends:
        key = wrap_key(leaf([subscriber_root(MASTER, pin)], epoch), protected)
        recipients.append(wrap_for_carrier(format_kid(CarrierKid("in", pin, epoch)), sealed.cek, key))
    return format_jwe(sealed.jwe(recipients))


def escrowed(number: int, ends: tuple[str, str], ts: int, content: bytes, *, rubbish: bool = False) -> bytes:
    """A consumer envelope under `split`: the receiver's handset, and the sender's escrow of carrier and court."""
    protected = format_protected(header(number, ends, ts, Channel.CONSUMER, Service.BBM))
    inner = sign_content(SigningKey(b"D" * 32), format_kid(HandsetKid(ends[0], 1)), protected, Service.BBM, content)
    sealed, epoch = seal_content(protected, inner), epoch_of(ts)
    halves = [wrap_key(leaf([subscriber_root(one, ends[0])], epoch), protected) for one in (MASTER, COURT_MASTER)]
    key = WrapKey(b"?" * 32) if rubbish else escrow_key(*halves)
    handset = encrypt_for(format_kid(HandsetKid(ends[1], 1)), sealed.cek, HpkePrivateKey(b"1" * 32).public)
    escrow = wrap_for_carrier(format_kid(EscrowKid("in", ends[0], epoch)), sealed.cek, key)
    return format_jwe(sealed.jwe([handset, escrow]))


def enterprise(number: int, ends: tuple[str, str], ts: int, content: bytes, service: Service = Service.BBM) -> bytes:
    """An enterprise envelope: the receiver's device and the customer's key server."""
    protected = format_protected(header(number, ends, ts, Channel.ENTERPRISE, service))
    device = format_kid(DeviceKid(ORG, ends[1], 1))
    inner = sign_content(SigningKey(b"D" * 32), format_kid(DeviceKid(ORG, ends[0], 1)), protected, service, content)
    sealed = seal_content(protected, inner)
    readers = ((device, HpkePrivateKey(b"1" * 32)), (format_kid(BesKid(ORG, 1)), HpkePrivateKey(b"2" * 32)))
    return format_jwe(sealed.jwe([encrypt_for(kid, sealed.cek, key.public) for kid, key in readers]))


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
