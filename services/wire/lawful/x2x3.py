"""ETSI TS 103 221-2 PDUs: how a copied message travels from the relay to the carrier's mediation. Pure, no I/O.

    gateway -> carrier   X2 (metadata), X3 (the JWE itself), keepalive
    gateway <- carrier   keepalive ack

Shaped like the standard and checked against an independent dissector, not certified. One spelling: version 00 05,
attributes in ascending order of type, each at most once, unknown ones refused. A PDU that exists is a valid one (the
constructors refuse the rest), so `encode` cannot fail. Spec page: docs/spec/x2x3.md. Every refusal is a
tiers.wire.errors type with a code `x2x3.what`.
"""

# Long because it is ETSI TS 103 221-2 as far as we speak it: both directions of each attribute side by side.

import re
from enum import IntEnum
from struct import Struct
from typing import ClassVar
from uuid import UUID

import msgspec

from tiers.wire.errors import TiersError, TooLarge, Yours
from tiers.wire.lawful.xiri import check_address

VERSION = 5
MIN_HEADER = 40
MAX_ATTRIBUTES = 1024
"""Octets of all attributes; what the single maxima allow fits."""
MAX_HEADER = MIN_HEADER + MAX_ATTRIBUTES
MAX_PAYLOAD = 192 * 1024
"""Octets; a JWE of a 64 KiB plaintext in JSON stays below it."""
MAX_PDU = MAX_HEADER + MAX_PAYLOAD
MAX_IDENTIFIER = 64
"""Characters of a domain, network function or interception point id."""
MAX_MEDIA_TYPE = 127

_NS = 1_000_000_000
_U32 = 1 << 32
_U64 = 1 << 64
_NIL = UUID(int=0)

_HEADER = Struct(">HHIIHH16sQ")
_LENGTHS = Struct(">HHII")
_ATTRIBUTE = Struct(">HH")
_SEQUENCE = Struct(">HHI")
_TIMESTAMP = Struct(">HHII")

_DOMAIN, _FUNCTION, _POINT, _SEQ, _TIME, _MATCHED, _OTHER, _MIME = 5, 6, 7, 8, 9, 17, 18, 19
_KNOWN = frozenset({_DOMAIN, _FUNCTION, _POINT, _SEQ, _TIME, _MATCHED, _OTHER, _MIME})

_IDENTIFIER = re.compile(rf"[!-~]{{1,{MAX_IDENTIFIER}}}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_TARGET_OPEN, _TARGET_CLOSE = b"<emailAddress>", b"</emailAddress>"


class Type(IntEnum):
    X2 = 1
    X3 = 2
    KEEPALIVE = 3
    KEEPALIVE_ACK = 4


class PayloadFormat(IntEnum):
    """Payload format (header offset 12), the three in use."""

    NONE = 0
    XIRI = 2
    MIME = 15


class Direction(IntEnum):
    """Payload direction (header offset 14); a keepalive has none (0)."""

    UNKNOWN = 1
    TO_TARGET = 2
    FROM_TARGET = 3
    MULTIPLE = 4
    NOT_APPLICABLE = 5


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Which task, which stream and place in it, when and where: the header and attributes 5 to 9.

    `correlation` u64, `sequence` u32 (per stream, see `Stream`), `at_ns` nanoseconds since 1970 (before 2106),
    `domain`, `function` and `point` 1..MAX_IDENTIFIER visible ASCII characters.
    """

    xid: UUID
    correlation: int
    direction: Direction
    sequence: int
    at_ns: int | None = None
    domain: str | None = None
    function: str | None = None
    point: str | None = None

    def __post_init__(self) -> None:
        if self.xid == _NIL:
            raise Yours("x2x3.xid", "Name the task: only a keepalive has the zero XID.")
        if not 0 <= self.correlation < _U64:
            raise Yours("x2x3.correlation", "Give a correlation id of 0 to 2^64-1.")
        _check_sequence(self.sequence)
        if self.at_ns is not None and not 0 <= self.at_ns < _U32 * _NS:
            raise Yours("x2x3.timestamp", "Give a time from 1970 to 2106, in nanoseconds since 1970.")
        for identifier in (self.domain, self.function, self.point):
            if identifier is not None and _IDENTIFIER.fullmatch(identifier) is None:
                raise Yours("x2x3.identifier", f"Name it in 1 to {MAX_IDENTIFIER} visible ASCII characters.")


class _Product(msgspec.Struct, frozen=True, kw_only=True):
    """A head, 1..MAX_PAYLOAD octets, addresses of the matched and the other party; `mime` None means an xIRI."""

    type: ClassVar[Type]
    head: Head
    payload: bytes
    matched: str | None = None
    other: str | None = None
    mime: str | None = None

    def __post_init__(self) -> None:
        if not self.payload:
            raise Yours("x2x3.payload_empty", "Send product with its payload.")
        if len(self.payload) > MAX_PAYLOAD:
            raise TooLarge("x2x3.payload_too_large", f"Keep a payload within {MAX_PAYLOAD} octets.")
        for target in (self.matched, self.other):
            if target is not None:
                check_address(target)
        if self.mime is not None and (len(self.mime) > MAX_MEDIA_TYPE or not _MEDIA_TYPE.fullmatch(self.mime)):
            raise Yours("x2x3.media_type", f"Give a lower-case media type of at most {MAX_MEDIA_TYPE} characters.")


class X2(_Product, frozen=True, kw_only=True):
    """Interception-related information: an xIRI (format 2), or any MIME body (format 15)."""

    type: ClassVar[Type] = Type.X2


class X3(_Product, frozen=True, kw_only=True):
    """Content of communication: always a MIME body (format 15)."""

    type: ClassVar[Type] = Type.X3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mime is None:
            raise Yours("x2x3.payload_format", "Send X3 content in format 15 with its media type.")


class _Numbered(msgspec.Struct, frozen=True):
    sequence: int

    def __post_init__(self) -> None:
        _check_sequence(self.sequence)


class Keepalive(_Numbered, frozen=True):
    """Are you there? Zero XID and correlation, attribute 8 alone; `sequence` u32."""

    type: ClassVar[Type] = Type.KEEPALIVE


class KeepaliveAck(_Numbered, frozen=True):
    """The same, with the sequence number of the keepalive that it answers."""

    type: ClassVar[Type] = Type.KEEPALIVE_ACK


Pdu = X2 | X3 | Keepalive | KeepaliveAck


def target_xml(address: str) -> bytes:
    """Attribute 17 or 18: a TargetIdentifier of TS 103 221-1 as an XML fragment. The grammar needs no escaping."""
    return b"%b%b%b" % (_TARGET_OPEN, check_address(address).encode(), _TARGET_CLOSE)


def parse_target(fragment: bytes) -> str:
    """Return the address in the one spelling of `target_xml`; raises `x2x3.target` or `x2x3.address`."""
    if not (fragment.startswith(_TARGET_OPEN) and fragment.endswith(_TARGET_CLOSE)):
        raise Yours("x2x3.target", "Write the target as <emailAddress>local@domain</emailAddress>, nothing around it.")
    return check_address(fragment[len(_TARGET_OPEN) : -len(_TARGET_CLOSE)].decode("latin-1"))


def encode(pdu: Pdu) -> bytes:
    if isinstance(pdu, Keepalive | KeepaliveAck):
        sequence = _SEQUENCE.pack(_SEQ, 4, pdu.sequence)
        return _HEADER.pack(VERSION, pdu.type, MIN_HEADER + len(sequence), 0, 0, 0, _NIL.bytes, 0) + sequence
    head, payload = pdu.head, pdu.payload
    attributes = _encode_attributes(pdu)
    header = _HEADER.pack(
        VERSION,
        pdu.type,
        MIN_HEADER + len(attributes),
        len(payload),
        PayloadFormat.XIRI if pdu.mime is None else PayloadFormat.MIME,
        head.direction,
        head.xid.bytes,
        head.correlation,
    )
    return header + attributes + payload


def decode(raw: bytes) -> Pdu:
    """Return the one PDU that `raw` is; raises `x2x3.truncated`, `x2x3.trailing`, or what is wrong with it."""
    size = _size(raw, 0)
    if size is None or size > len(raw):
        raise Yours("x2x3.truncated", "Send the whole PDU: header, attributes and payload.")
    if size < len(raw):
        raise Yours("x2x3.trailing", "Send one PDU here, and nothing after its payload.")
    _, kind, header_length, _, payload_format, direction, xid, correlation = _HEADER.unpack_from(raw)
    values = _decode_attributes(raw, header_length)
    sequence = int.from_bytes(_exactly(values, _SEQ, 4))
    if kind in {Type.KEEPALIVE, Type.KEEPALIVE_ACK}:
        return _keepalive(Keepalive(sequence) if kind == Type.KEEPALIVE else KeepaliveAck(sequence), raw)
    if not Direction.UNKNOWN <= direction <= Direction.NOT_APPLICABLE:
        raise Yours("x2x3.direction", "Give product a payload direction of 1 to 5.")
    mime = _text(values, _MIME)
    if payload_format != (PayloadFormat.XIRI if mime is None else PayloadFormat.MIME):
        raise Yours("x2x3.payload_format", "Send format 2 without attribute 19, or format 15 with it.")
    head = Head(
        xid=UUID(bytes=xid),
        correlation=correlation,
        direction=Direction(direction),
        sequence=sequence,
        at_ns=_time(values),
        domain=_text(values, _DOMAIN),
        function=_text(values, _FUNCTION),
        point=_text(values, _POINT),
    )
    matched, other = (parse_target(values[kind]) if kind in values else None for kind in (_MATCHED, _OTHER))
    product = X2 if kind == Type.X2 else X3
    return product(head=head, payload=raw[header_length:], matched=matched, other=other, mime=mime)


class Decoder:
    """Cuts a byte stream into PDUs; holds less than MAX_PDU octets between calls.

    After something malformed the framing is lost: what was complete before it is still returned, then every
    further call raises the same error. Call `end` when the peer has closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failure: TiersError | None = None

    def feed(self, data: bytes) -> list[Pdu]:
        """Return the PDUs that `data` completes, in order; raises once nothing good stands before the malformed one."""
        if self._failure is not None:
            raise self._failure
        buffer, offset, pdus = self._buffer, 0, list[Pdu]()
        buffer += data
        try:
            while (size := _size(buffer, offset)) is not None and offset + size <= len(buffer):
                pdus.append(decode(bytes(buffer[offset : offset + size])))
                offset += size
        except TiersError as failure:
            self._failure, self._buffer = failure, bytearray()
            if not pdus:
                raise
            return pdus
        del buffer[:offset]
        return pdus

    def end(self) -> None:
        """Note that the peer has closed: raises what `feed` still owed, or `x2x3.truncated` if half a PDU is left."""
        if self._failure is not None:
            raise self._failure
        if self._buffer:
            raise Yours("x2x3.truncated", "Close the connection only between two PDUs.")


def _size(buffer: bytes | bytearray, offset: int) -> int | None:
    """Octets of the PDU at `offset`, None while its lengths are not there yet; refuses before a body is buffered."""
    if len(buffer) - offset < _LENGTHS.size:
        return None
    version, kind, header_length, payload_length = _LENGTHS.unpack_from(buffer, offset)
    if version != VERSION:
        raise Yours("x2x3.version", f"Speak version {VERSION} of the X2/X3 PDU.")
    if not Type.X2 <= kind <= Type.KEEPALIVE_ACK:
        raise Yours("x2x3.type", "Send PDU types 1 to 4.")
    if header_length < MIN_HEADER:
        raise Yours("x2x3.header_length", f"Count the header's own {MIN_HEADER} octets in its length.")
    if header_length > MAX_HEADER:
        raise TooLarge("x2x3.header_too_large", f"Keep the attributes within {MAX_ATTRIBUTES} octets.")
    if payload_length > MAX_PAYLOAD:
        raise TooLarge("x2x3.payload_too_large", f"Keep a payload within {MAX_PAYLOAD} octets.")
    size: int = header_length + payload_length
    return size


def _encode_attributes(pdu: X2 | X3) -> bytes:
    head = pdu.head
    attributes = b""
    for kind, identifier in ((_DOMAIN, head.domain), (_FUNCTION, head.function), (_POINT, head.point)):
        if identifier is not None:
            attributes += _ATTRIBUTE.pack(kind, len(identifier)) + identifier.encode()
    attributes += _SEQUENCE.pack(_SEQ, 4, head.sequence)
    if head.at_ns is not None:
        attributes += _TIMESTAMP.pack(_TIME, 8, *divmod(head.at_ns, _NS))
    for kind, target in ((_MATCHED, pdu.matched), (_OTHER, pdu.other)):
        if target is not None:
            fragment = target_xml(target)
            attributes += _ATTRIBUTE.pack(kind, len(fragment)) + fragment
    if pdu.mime is not None:
        attributes += _ATTRIBUTE.pack(_MIME, len(pdu.mime)) + pdu.mime.encode()
    return attributes


def _decode_attributes(raw: bytes, end: int) -> dict[int, bytes]:
    """Attribute type -> value; refuses unknown types and any order but ascending."""
    values: dict[int, bytes] = {}
    at, last = MIN_HEADER, 0
    while at < end:
        if end - at < _ATTRIBUTE.size:
            raise Yours("x2x3.attribute_truncated", "End the header at the end of an attribute.")
        kind, length = _ATTRIBUTE.unpack_from(raw, at)
        if kind not in _KNOWN:
            raise Yours("x2x3.attribute_unknown", "Send only attributes 5 to 9 and 17 to 19.")
        if kind <= last:
            raise Yours("x2x3.attribute_order", "Send each attribute once, in ascending order of type.")
        at, last = at + _ATTRIBUTE.size, kind
        if length > end - at:
            raise Yours("x2x3.attribute_truncated", "End the header at the end of an attribute.")
        values[kind] = raw[at : at + length]
        at += length
    return values


def _exactly(values: dict[int, bytes], kind: int, size: int) -> bytes:
    value = values.get(kind)
    if value is None:
        raise Yours("x2x3.attribute_missing", f"Send attribute {kind}: without it a loss would go unseen.")
    if len(value) != size:
        raise Yours("x2x3.attribute_length", f"Send attribute {kind} with {size} octets.")
    return value


def _time(values: dict[int, bytes]) -> int | None:
    if _TIME not in values:
        return None
    value = _exactly(values, _TIME, 8)
    seconds, ns = int.from_bytes(value[:4]), int.from_bytes(value[4:])
    if ns >= _NS:
        raise Yours("x2x3.timestamp", "Keep the nanoseconds below one second.")
    return seconds * _NS + ns


def _text(values: dict[int, bytes], kind: int) -> str | None:
    value = values.get(kind)
    # latin-1 never fails, and the constructors' grammars refuse what is not ASCII
    return None if value is None else value.decode("latin-1")


def _keepalive(pdu: Keepalive | KeepaliveAck, raw: bytes) -> Keepalive | KeepaliveAck:
    if encode(pdu) != raw:
        raise Yours("x2x3.keepalive", "Leave everything in a keepalive zero but its type, lengths and attribute 8.")
    return pdu


def _check_sequence(sequence: int) -> None:
    if not 0 <= sequence < _U32:
        raise Yours("x2x3.sequence", "Give a sequence number of 0 to 2^32-1.")
