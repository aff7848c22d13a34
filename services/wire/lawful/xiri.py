"""The xIRI payload of an X2 PDU: metadata of one message as a TS 33.128 `sMSMessage`, in DER. Pure.

An analogy, not the standard's own record: TS 33.128 has none for BBM or push mail, and `sMSMessage` is the nearest
that independent dissectors read. The two parties stand in it as network access identifiers (`<pin>@bbm.example`);
its TPDU field carries no text of the message but a small JSON record (channel, message id, customer, size).
Spec page: docs/spec/x2x3.md. Every refusal is a `Yours` with the code `x2x3.xiri`, `x2x3.address` or `x2x3.record`.
"""

import re
from enum import IntEnum
from typing import Annotated

import msgspec

from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel, Mid, Org, Pin, Service

MAX_TPDU = 270
"""Octets of the TPDU field (TS 33.128, SMSTPDU)."""
MAX_ADDRESS = 96
"""Characters of a party's address."""

DOMAINS = {Service.BBM: "bbm.example", Service.EMAIL: "email.example"}
"""Service -> the domain under which its PINs are addressed."""

Size = Annotated[int, msgspec.Meta(ge=1, lt=1 << 32)]

_PIN = re.compile(r"[0-9a-f]{8}")
_ADDRESS = re.compile(r"[a-z0-9._-]{1,48}@[a-z0-9-]+(\.[a-z0-9-]+)+")

# RELATIVE-OID {threeGPP(4) ts33128(19) r16(16) version5(5) xIRI(1)}: the module version these octets follow.
_XIRI_OID = bytes((4, 19, 16, 5, 1))
# DER lengths: up to 127 in the octet itself, else the octet counts the octets that follow.
_SHORT, _LONG = 0x7F, 0x80
_TRANSFER_SUCCEEDED = b"\x01"


class SmsDirection(IntEnum):
    """TS 33.128 Direction, as `sMSMessage` spells it (the PDU header numbers the same facts differently)."""

    FROM_TARGET = 1
    TO_TARGET = 2


class SmsMessage(msgspec.Struct, frozen=True):
    """The members of `sMSMessage` in use: two addresses, a direction, 1..MAX_TPDU octets of TPDU."""

    originating: str
    terminating: str
    direction: SmsDirection
    tpdu: bytes

    def __post_init__(self) -> None:
        check_address(self.originating)
        check_address(self.terminating)
        if not 1 <= len(self.tpdu) <= MAX_TPDU:
            raise Yours("x2x3.xiri", f"Put 1 to {MAX_TPDU} octets into the TPDU field.")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What interception-related information says of one message: the metadata that its path sees anyway.

    `org` is the sender's customer, enterprise only; `size` is octets of the JWE that X3 carries, or would carry.
    """

    from_pin: Pin
    to_pin: Pin
    mid: Mid
    service: Service
    channel: Channel
    size: Size
    org: Org | None = None


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The TPDU field's JSON; the order of the members is the order on the wire."""

    channel: Channel
    mid: Mid
    org: Org | None = None
    size: Size


_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(_Record).decode


def check_address(address: str) -> str:
    """Return `address` if it is lower-case `local@domain.tld` within MAX_ADDRESS, so no XML or DER needs escaping."""
    if len(address) > MAX_ADDRESS or _ADDRESS.fullmatch(address) is None:
        raise Yours("x2x3.address", "Write the party as lower-case local@domain, for example 2100000a@bbm.example.")
    return address


def encode(message: SmsMessage) -> bytes:
    """Return the DER of XIRIPayload {xIRIPayloadOID, event sMSMessage}; all tags are context tags (TS 33.128)."""
    sms = (
        _party(0xA1, message.originating)
        + _party(0xA2, message.terminating)
        + bytes((0x83, 1, message.direction))
        + _tlv(0x84, _TRANSFER_SUCCEEDED)
        + _tlv(0xA9, _tlv(0x81, message.tpdu))
    )
    return _tlv(0x30, _tlv(0x81, _XIRI_OID) + _tlv(0xA2, _tlv(0xAC, sms)))


def decode(payload: bytes) -> SmsMessage:
    """Return what the one spelling that `encode` writes says; raises `x2x3.xiri` or `x2x3.address`."""
    _, body = _read(0x81, _inside(0x30, payload))
    sms = _inside(0xAC, _inside(0xA2, body))
    originating, sms = _read(0xA1, sms)
    terminating, sms = _read(0xA2, sms)
    direction, sms = _read(0x83, sms)
    _, sms = _read(0x84, sms)
    if direction not in {b"\x01", b"\x02"}:
        raise _refused()
    message = SmsMessage(
        _address_of(originating),
        _address_of(terminating),
        SmsDirection(direction[0]),
        _inside(0x81, _inside(0xA9, sms)),
    )
    if encode(message) != payload:
        raise _refused()
    return message


def message_of(metadata: Metadata, direction: SmsDirection) -> SmsMessage:
    """Write the metadata by analogy as an sMSMessage; the service lives on in the domain of both addresses."""
    record = _Record(channel=metadata.channel, mid=metadata.mid, org=metadata.org, size=metadata.size)
    tpdu = _to_json(record)
    _parse_record(tpdu)
    domain = DOMAINS[metadata.service]
    return SmsMessage(
        f"{_pin(metadata.from_pin)}@{domain}",
        f"{_pin(metadata.to_pin)}@{domain}",
        direction,
        tpdu,
    )


def metadata_of(message: SmsMessage) -> Metadata:
    """Return the metadata, the inverse of `message_of`; raises `x2x3.record` on other content or spelling."""
    record = _parse_record(message.tpdu)
    from_pin, _, domain = message.originating.partition("@")
    metadata = Metadata(
        from_pin=from_pin,
        to_pin=message.terminating.partition("@")[0],
        mid=record.mid,
        service=Service.EMAIL if domain == DOMAINS[Service.EMAIL] else Service.BBM,
        channel=record.channel,
        size=record.size,
        org=record.org,
    )
    if message_of(metadata, message.direction) != message:
        raise _not_ours()
    return metadata


def _parse_record(tpdu: bytes) -> _Record:
    try:
        record = _from_json(tpdu)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _not_ours() from None
    if (record.org is None) is (record.channel is Channel.ENTERPRISE):
        raise _not_ours()
    return record


def _pin(pin: str) -> str:
    if _PIN.fullmatch(pin) is None:
        raise _not_ours()
    return pin


def _party(tag: int, who: str) -> bytes:
    """SMSParty {gPSI [3] CHOICE {nAI [2] UTF8String}}: a choice keeps its own tag inside the member's."""
    return _tlv(tag, _tlv(0xA3, _tlv(0x82, who.encode())))


def _address_of(party: bytes) -> str:
    # latin-1 never fails, and the grammar of addresses refuses what is not ASCII
    return _inside(0x82, _inside(0xA3, party)).decode("latin-1")


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size <= _SHORT:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(octets))) + octets + content


def _read(tag: int, raw: bytes) -> tuple[bytes, bytes]:
    """Return the content of the element that `raw` starts with, and the rest.

    Lengths that overrun, rests and longer spellings pass here: `decode` refuses them all by encoding again.
    """
    if len(raw) < 2 or raw[0] != tag:  # noqa: PLR2004 - a tag octet and a length octet
        raise _refused()
    size, start = raw[1], 2
    if size > _SHORT:
        start += size ^ _LONG
        size = int.from_bytes(raw[2:start])
    return raw[start : start + size], raw[start + size :]


def _inside(tag: int, raw: bytes) -> bytes:
    return _read(tag, raw)[0]


def _refused() -> Yours:
    return Yours("x2x3.xiri", "Send an XIRIPayload with one sMSMessage in the one DER spelling of docs/spec/x2x3.md.")


def _not_ours() -> Yours:
    return Yours("x2x3.record", "Send channel, mid, org if enterprise, size and two PINs, as docs/spec/x2x3.md has it.")
