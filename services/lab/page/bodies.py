"""What the acts of a running classroom are told: one body for each `/api/<name>` that takes one. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tiers.wire.api.enterprise import Reason
from tiers.wire.lawful.warrant import Window
from tiers.wire.message.envelope import Channel, Service

MAX_MINUTES = 24 * 60


class SendNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`send`."""

    sender: str
    to: str
    channel: Channel
    service: Service
    text: str
    subject: str = ""


class ApplyFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`apply`: a warrant on a handset for so many minutes, from now or `after` minutes later."""

    target: str
    services: tuple[Service, ...]
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES)]
    after: Annotated[int, Meta(ge=0, le=MAX_MINUTES)] = 0


class Warrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`decide` (`verb`), `serve` and `inspect` name a warrant; `inspect` may name a window (ms since 1970).

    Its `jti` becomes part of a path, and so does nothing that is more than that.
    """

    jti: Annotated[str, Meta(pattern=r"^[0-9A-Za-z-]{1,64}\Z")]
    verb: Annotated[str, Meta(pattern=r"^[a-z]*\Z")] = ""
    reason: str = ""
    start: int | None = None
    until: int | None = None


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`turn`: the classroom clock, minutes forward."""

    minutes: int


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`read`: a customer's own message."""

    org: str
    mid: str


class OrderFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`order`: one message (`mid`), or what a handset sent and received within `window` (ms since 1970)."""

    org: str
    reference: str
    reason: Reason
    mid: str | None = None
    handset: str | None = None
    window: Window | None = None


class RevokeDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`revoke`: a device of a customer's own."""

    org: str
    handset: str


class RotateKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rotate`: a customer's key; `destroy` is the kill switch."""

    org: str
    destroy: bool = False


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scenario`: one of `scenarios`, by name."""

    name: str


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`measure`: everything, or one message."""

    mid: str = ""


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`start`: an exercise, by its id."""

    exercise: str


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`answer`: what somebody answered to an exercise."""

    exercise: str
    text: Annotated[str, Meta(max_length=20_000)]


class Suspend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`regulate`: suspend a service on a channel, or let it go on."""

    channel: Channel
    service: Service
    suspend: bool


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`declare` and `tryout`: the custody of each channel."""

    consumer: Annotated[str, Meta(max_length=60)]
    enterprise: Annotated[str, Meta(max_length=60)]


class Save(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`save`: the lesson in one file, as a vantage point saw it; `pages`: for paper of this size."""

    vantage: str
    pages: Literal["", "A4", "Letter"] = ""
