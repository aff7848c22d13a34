"""The interception product: what the relay says of a tasked message, and in which order. Pure.

Per copied message one X2 (metadata), one X3 (the JWE itself), or both, as the warrant's delivery says. Numbers run
per stream, so that the mediation sees what was lost on the way. Spec page: docs/spec/x2x3.md. Every refusal is a
tiers.wire.errors type with a code `x2x3.what`.
"""

from typing import NamedTuple
from uuid import UUID

from tiers.wire.errors import Yours
from tiers.wire.lawful import xiri
from tiers.wire.lawful.x2x3 import X2, X3, Direction, Head, Type
from tiers.wire.lawful.xiri import Metadata, SmsDirection, message_of

JOSE_JSON = "application/jose+json"
"""Media type of an X3 payload: a JWE in JSON serialization (RFC 7515, section 9.2.1)."""

_U32 = 1 << 32


class Stream(NamedTuple):
    """What a sequence number counts within: every product PDU belongs to one stream."""

    type: Type
    xid: UUID
    domain: str | None
    function: str | None
    point: str | None
    correlation: int


def stream_of(pdu: X2 | X3) -> Stream:
    """Return the stream whose next number `pdu` bears."""
    head = pdu.head
    return Stream(pdu.type, head.xid, head.domain, head.function, head.point, head.correlation)


def following(sequence: int) -> int:
    """Return the sequence number after this one: 2^32 - 1 is followed by 0."""
    return (sequence + 1) % _U32


def missing(expected: int, got: int) -> int:
    """Count the PDUs of a stream that are lost when `got` stands where `expected` should; negative: `got` is a repeat.

    Serial number arithmetic (RFC 1982): less than half the circle ahead is a gap, anything else lies behind.
    """
    ahead = (got - expected) % _U32
    return ahead if ahead < _U32 // 2 else ahead - _U32


def x2(head: Head, seen: Metadata) -> X2:
    """Wrap the metadata of one message as an xIRI; `head` needs a time and a direction to or from the target.

    Attributes 17 and 18 say which of the two addresses is the target's. Raises `x2x3.direction`, `x2x3.timestamp`.
    """
    _check_stamped(head)
    if head.direction is Direction.FROM_TARGET:
        message = message_of(seen, SmsDirection.FROM_TARGET)
        matched, other = message.originating, message.terminating
    elif head.direction is Direction.TO_TARGET:
        message = message_of(seen, SmsDirection.TO_TARGET)
        matched, other = message.terminating, message.originating
    else:
        raise Yours("x2x3.direction", "Say whether the message went to or came from the target.")
    return X2(head=head, payload=xiri.encode(message), matched=matched, other=other)


def read_x2(pdu: X2) -> Metadata:
    """Return the metadata, the inverse of `x2`, if header, attributes and xIRI tell the same story.

    Raises `x2x3.payload_format`, `x2x3.contradiction`, or what xiri raises.
    """
    if pdu.mime is not None:
        raise Yours("x2x3.payload_format", "Send metadata as an xIRI, payload format 2.")
    metadata = xiri.metadata_of(xiri.decode(pdu.payload))
    if x2(pdu.head, metadata) != pdu:
        raise Yours("x2x3.contradiction", "Let direction, attributes 17 and 18 and the xIRI name the same parties.")
    return metadata


def x3(head: Head, jwe: bytes) -> X3:
    """Wrap the message as the relay holds it, a JWE in JSON serialization; `head` needs a time."""
    _check_stamped(head)
    return X3(head=head, payload=jwe, mime=JOSE_JSON)


def _check_stamped(head: Head) -> None:
    if head.at_ns is None:
        raise Yours("x2x3.timestamp", "Say when the message was copied.")
