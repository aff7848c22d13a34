"""What the relay is asked, beside the session of `tiers.wire.message.frames`."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.keys.jose import GeneralJws, PublicJwk
from tiers.wire.lawful.warrant import Uuid
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.message.envelope import Channel


class RegisterDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/devices/{pin}`: the key by which this device opens its session. Whose device it is, the caller says."""

    sign: PublicJwk


class ActivateTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/tasks/{xid}`: copy a target's messages. The relay checks all of it with its own keys.

    `evidence` shows that the warrant was logged as served, `status` is the court's latest word on it. The same task
    again, with a newer word, goes on for as long as that holds.
    """

    warrant: GeneralJws
    evidence: ProofOfLogging
    status: str


class EndTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`DELETE /v1/tasks/{xid}`: the court's word that ends it, where one does; no older word begins it again."""

    status: str = ""


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One active task, without its target: a list of targets is what an intruder would come for."""

    xid: Uuid
    until: Annotated[int, Meta(ge=0)]


class Tasks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/tasks`."""

    tasks: tuple[Task, ...]


class AcceptedMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/messages`: the message is on disk."""

    mid: str


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is done; there is nothing more to say."""

    done: bool = True


class ServeOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/orders` by a regulator: the order, a compact JWS (docs/spec/order.md)."""

    order: str


class Answer(StrEnum):
    """What an order came to."""

    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    NOT_HELD = "not held"
    BY_WARRANT = "by warrant"


class ReadersOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the messages of a channel name when they leave the handset: the patterns that the relay checks."""

    channel: Channel
    patterns: tuple[str, ...]


class Specimen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last message of a channel: its recipients are everybody who can read it."""

    mid: str
    channel: Channel
    recipients: tuple[str, ...]


class OrderAnswered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to an order, which stands in the public log at index `leaf`; `specimens` prove a demand's."""

    reference: str
    outcome: Answer
    detail: str
    leaf: int
    readers: tuple[ReadersOf, ...] = ()
    specimens: tuple[Specimen, ...] = ()


class OrdersInForce(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/orders`: the suspensions that nobody has lifted, as they were signed."""

    orders: tuple[str, ...]
