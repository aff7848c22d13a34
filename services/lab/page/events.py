"""What happened in the classroom, as facts: everything that the page shows is a function of a list of these. Pure.

An event is written once and never changed. It holds what the omniscient lab saw, plaintext included: that is why the
list never leaves the lab (docs/page.md).
"""

import msgspec

from tiers.lab.world.arrangement import Arrangement
from tiers.lab.world.cast import ACME, GLOBEX, HANDSETS
from tiers.wire.api.auditor import Inspection
from tiers.wire.lawful.warrant import Claims
from tiers.wire.log.checkpoint import PinnedLog


class Handset(msgspec.Struct, frozen=True):
    """Somebody with a handset. `org` is empty for who is nobody's employee."""

    name: str
    pin: str
    subscriber: bool
    org: str


class Event(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower):
    """One fact. Its name in lower case stands in `type`."""


class Side(msgspec.Struct, frozen=True):
    """What is declared of one channel: the custody, and the vantage points that read its messages."""

    custody: str
    who_reads: tuple[str, ...]


class Arranged(msgspec.Struct, frozen=True):
    """The arrangement of a world, as its file declares it."""

    name: str
    title: str
    says: str
    consumer: Side
    enterprise: Side


class World(Event, frozen=True):
    """A log, and every act of a scenario, begins with it: a fresh world.

    It says who is here, how keys are arranged, and the two keys that everybody pins (C2SP verifier keys).
    """

    handsets: tuple[Handset, ...]
    customers: dict[str, str]
    log_vkey: str
    witness_vkeys: tuple[str, ...]
    quorum: int
    arrangement: Arranged


class Told(Event, frozen=True):
    """The story said something."""

    title: str
    text: str


class Sent(Event, frozen=True, rename={"sender": "from"}):
    """The relay accepted a message. `envelope` is the JWE as it left the handset, `text` what the user wrote."""

    mid: str
    sender: str
    to: str
    channel: str
    service: str
    text: str
    subject: str
    envelope: str


class Stored(Event, frozen=True):
    """The same message as it waited in the receiver's mailbox; `envelope` is `None` where no byte had changed."""

    mid: str
    by: str
    envelope: str | None


class Opened(Event, frozen=True):
    """The receiver's handset opened it, or says with a refusal code why it cannot."""

    mid: str
    by: str
    text: str | None
    unreadable: str | None


class Copied(Event, frozen=True):
    """Interception product that the carrier's mediation holds: X2 or X3, the PDU in hex."""

    jti: str
    mid: str
    kind: str
    pdu: str


class Applied(Event, frozen=True):
    """An applicant asked the court for a warrant."""

    target: str
    claims: Claims


class Decided(Event, frozen=True):
    """The judge decided; `status` is what the warrant now is."""

    jti: str
    verb: str
    status: str
    reason: str


class Served(Event, frozen=True):
    """The carrier has logged the warrant (at index `leaf`) and set the task at the relay."""

    jti: str
    liid: str
    leaf: int


class Inspected(Event, frozen=True):
    """The auditor asked for the keys of [start, until) (ms) and opened what opens."""

    jti: str
    start: int
    until: int
    inspection: Inspection


class Read(Event, frozen=True):
    """A customer read a message of its own."""

    org: str
    mid: str
    text: str


class Ordered(Event, frozen=True):
    """A court served a production order on a customer, whose answer stands in the public log at index `leaf`."""

    org: str
    decision: str
    leaf: int
    mids: tuple[str, ...]


class Revoked(Event, frozen=True):
    """A customer shut a device of its own out."""

    org: str
    handset: str


class Rotated(Event, frozen=True):
    """A customer has a new key; of the generations in `destroyed` nobody has one any more."""

    org: str
    generation: int
    destroyed: tuple[int, ...]


class Refused(Event, frozen=True):
    """Somebody asked for something and was told no: the act, whom or what it was about, the code and the sentence."""

    act: str
    about: str
    code: str
    detail: str


class Turned(Event, frozen=True):
    """The lab turned the classroom clock to `now` (ms)."""

    now: int


class Logged(Event, frozen=True):
    """The public log grew: its new leaves from index `first`, canonical JSON as stored, and the checkpoint above."""

    first: int
    leaves: tuple[str, ...]
    checkpoint: str


class Measured(Event, frozen=True):
    """The lab attacked everything: docs/spec/matrix.md, which of its messages is which `mid`, and their keys.

    `keys` are (words, hex) for each message: what a derivation calls a key, and its bytes.
    """

    matrix: msgspec.Struct
    mids: dict[str, str]
    keys: dict[str, tuple[tuple[str, str], ...]]

    def __repr__(self) -> str:
        return "<Measured>"


class Reset(Event, frozen=True):
    """The lesson begins again. What stands in the public log stays there."""


class Scene(Event, frozen=True):
    """A scenario begins, beside the classroom, in so many acts."""

    name: str
    title: str
    acts: int


class Boots(Event, frozen=True):
    """The world of an act is about to boot, in this arrangement; its own `World` follows."""

    act: int
    arrangement: Arranged


class Checked(Event, frozen=True):
    """The scenario compared what happened with what it tells, and found the same. `mid` if it is about one message."""

    what: str
    found: str
    mid: str = ""


class Cells(Event, frozen=True):
    """How an act ended: (vantage, message, reads or sealed), as told and as measured; which message is which `mid`."""

    act: int
    cells: tuple[tuple[str, str, str], ...]
    mids: dict[str, str]


class Ended(Event, frozen=True):
    """The scenario is over: who wins and why. Where it did not go as told, `failed` says what went wrong."""

    verdict: str
    caught: str
    unknown: str
    sources: tuple[str, ...]
    failed: str = ""


def world(pinned: PinnedLog, arranged: Arrangement) -> World:
    """Return the first event."""
    handsets = tuple(Handset(one.name, one.pin, one.subscriber, one.org) for one in HANDSETS)
    witnesses = tuple(key.vkey() for key in pinned.witnesses)
    customers = {ACME: "acme", GLOBEX: "globex"}
    return World(handsets, customers, pinned.log.vkey(), witnesses, pinned.quorum, declared_by(arranged))


def declared_by(arranged: Arrangement) -> Arranged:
    """Return what an arrangement's file declares."""
    told = arranged.declared
    sides = [Side(one.custody, one.who_reads) for one in (told.consumer, told.enterprise)]
    return Arranged(arranged.name, told.title, told.says, *sides)
