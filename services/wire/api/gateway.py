"""What the relay is asked, beside the session of `services.wire.frames`."""

from typing import Annotated

import msgspec
from msgspec import Meta

from services.wire.evidence import Evidence
from services.wire.jose import GeneralJws, PublicJwk
from services.wire.warrant import Uuid


class RegisterDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/devices/{pin}`: the key by which this device opens its session. Whose device it is, the caller says."""

    sign: PublicJwk


class ActivateTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/tasks/{xid}`: copy a target's messages. The relay checks warrant and evidence with its own keys."""

    warrant: GeneralJws
    evidence: Evidence


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
