"""The conversation between a device and the relay (docs/spec/session.md). Pure.

    <- challenge {nonce}
    -> hello     {pin, signature}          Ed25519 over session_message(gateway, nonce, pin)
    <- welcome   {ts}
    -> send      {envelope}                one message
    <- accepted  {mids}                    on disk, once, and copied if tasked
    <- refused   {mid, code, detail}
    <- deliver   {messages: [{id, envelope}]}
    -> ack       {ids}                     the device has it; the relay forgets it
    <- drained   {ts}                      all that was accepted before ts has been delivered and acknowledged
    <- bye       {code, detail}            the relay ends the session

Each frame is one WebSocket text message. `POST /v1/messages` sends one envelope with a proof (`proof.py`).
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import parse_json
from tiers.wire.identity import Identity
from tiers.wire.message.envelope import Pin

MAX_FRAME = 150_000
MAX_IDS = 1024
_SESSION = b"tiers/v1 session"

StreamId = Annotated[str, Meta(pattern=r"^[0-9]{1,20}-[0-9]{1,20}\Z")]


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower):
    pass


class Challenge(_Frame, frozen=True, forbid_unknown_fields=True):
    """First from the relay: 32 random bytes, base64url."""

    nonce: str


class Hello(_Frame, frozen=True, forbid_unknown_fields=True):
    """The device's answer."""

    pin: Pin
    signature: str


class Welcome(_Frame, frozen=True, forbid_unknown_fields=True):
    """The session is open. `ts` is the relay's clock, ms since 1970."""

    ts: int


class Send(_Frame, frozen=True, forbid_unknown_fields=True):
    """One message to accept."""

    envelope: msgspec.Raw


class Accepted(_Frame, frozen=True, forbid_unknown_fields=True):
    """These messages are on disk."""

    mids: tuple[str, ...]


class Refused(_Frame, frozen=True, forbid_unknown_fields=True):
    """This message is not taken; nothing of it is stored. `mid` is empty where none could be read."""

    mid: str
    code: str
    detail: str


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a mailbox and its place there."""

    id: StreamId
    envelope: msgspec.Raw


class Deliver(_Frame, frozen=True, forbid_unknown_fields=True):
    """Messages, in the order of the mailbox."""

    messages: tuple[Delivery, ...]


class Ack(_Frame, frozen=True, forbid_unknown_fields=True):
    """The device has these."""

    ids: Annotated[tuple[StreamId, ...], Meta(min_length=1, max_length=MAX_IDS)]


class Drained(_Frame, frozen=True, forbid_unknown_fields=True):
    """Nothing accepted before `ts` (ms since 1970) is left in the mailbox."""

    ts: int


class Bye(_Frame, frozen=True, forbid_unknown_fields=True):
    """Why the relay ends the session."""

    code: str
    detail: str


FromDevice = Hello | Send | Ack
FromRelay = Challenge | Welcome | Accepted | Refused | Deliver | Drained | Bye


_SEND, _END = b'{"type":"send","envelope":', b"}"


def envelope_in(frame: bytes) -> bytes | None:
    """Return what a compact `send` frame carries, not looked at yet; `None` for any other frame.

    Where that is an envelope in its one spelling, this was a frame, and need not be parsed as one. Where it is not,
    `parse_from_device` has the say.
    """
    return frame[len(_SEND) : -1] if frame.startswith(_SEND) and frame.endswith(_END) else None


def parse_from_device(raw: bytes | str) -> FromDevice:
    """Read a frame of a device; raises `Yours`."""
    return parse_json(FromDevice, raw, "frame.malformed")  # type: ignore[arg-type]  # a union is no `type[T]` to mypy


def parse_from_relay(raw: bytes | str) -> FromRelay:
    """Read a frame of the relay; raises `Yours`."""
    return parse_json(FromRelay, raw, "frame.malformed")  # type: ignore[arg-type]  # same


def format_deliver(messages: Iterable[tuple[str, bytes]]) -> bytes:
    """Write a `deliver` frame of (id, envelope in its one spelling): the bytes as they are, in one copy."""
    items = [b'{"id":"%b","envelope":%b}' % (place.encode(), envelope) for place, envelope in messages]
    return b'{"type":"deliver","messages":[%b]}' % b",".join(items)


def session_message(gateway: Identity, nonce: str, pin: str) -> bytes:
    """Return what a device signs to open a session: bound to this relay, this challenge and this PIN."""
    return b"\n".join([_SESSION, gateway.uri.encode(), nonce.encode(), pin.encode()])
