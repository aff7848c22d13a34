"""What happened in the classroom, as facts: everything that the page shows is a function of a list of these. Pure.

An event is written once and never changed. It holds what the omniscient lab saw, plaintext included: that is why the
list never leaves the lab (docs/page.md).
"""

import msgspec

from tiers.lab.page.shapes import CUSTOMERS, Arranged, Handset, MeasuredCell, Vantage
from tiers.wire.api.auditor import Inspection
from tiers.wire.lawful.warrant import Claims


class Event(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower):
    """One fact. Its name in lower case stands in `type`."""

    @property
    def actor(self) -> str:
        """Who did it: a party, a person, or the lab."""
        return _ACTORS.get(type(self).__name__, "lab")


_ACTORS = {
    "Accepted": "relay",
    "Stored": "relay",
    "Copied": "relay",
    "Applied": "applicant",
    "Decided": "court",
    "Served": "carrier",
    "Inspected": "auditor",
    "Logged": "ledger",
}


class World(Event, frozen=True):
    """A log, and every act of a scenario, begins with it: a fresh world.

    It says who is here, from where one may look, how keys are arranged, and the two keys that everybody pins (C2SP
    verifier keys).
    """

    vantages: tuple[Vantage, ...]
    handsets: tuple[Handset, ...]
    customers: dict[str, str]
    log_vkey: str
    witness_vkeys: tuple[str, ...]
    quorum: int
    arrangement: Arranged


class Told(Event, frozen=True):
    """The story said something: a chapter, whose `id` is the same in every run."""

    id: str
    title: str
    text: str


class Written(Event, frozen=True, rename={"sender": "from"}):
    """Somebody wrote a message, which has not left the handset; `key` names it on this log."""

    key: str
    sender: str
    to: str
    channel: str
    service: str
    text: str
    subject: str

    @property
    def actor(self) -> str:
        """See `Event`."""
        return self.sender


class Accepted(Event, frozen=True):
    """The relay accepted it. `envelope` is the JWE as it left the handset."""

    key: str
    mid: str
    envelope: str


class Judged(Event, frozen=True):
    """Who reads a message: `{vantage: "reads|sealed all|size|none why"}`, those cells that are new.

    Declared (verdicts.py), or `measured` on the bytes that each party holds.
    """

    mid: str
    measured: bool
    cells: dict[str, str]


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

    @property
    def actor(self) -> str:
        """See `Event`."""
        return self.by


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


class ByCustomer(Event, frozen=True):
    """Something that a customer did."""

    org: str

    @property
    def actor(self) -> str:
        """See `Event`."""
        return CUSTOMERS.get(self.org, self.org)


class Read(ByCustomer, frozen=True):
    """A customer read a message of its own."""

    mid: str
    text: str


class Ordered(ByCustomer, frozen=True):
    """A court served a production order on a customer, whose answer stands in the public log at index `leaf`."""

    decision: str
    leaf: int
    mids: tuple[str, ...]


class Revoked(ByCustomer, frozen=True):
    """A customer shut a device of its own out."""

    handset: str


class Rotated(ByCustomer, frozen=True):
    """A customer has a new key; of the generations in `destroyed` nobody has one any more."""

    generation: int
    destroyed: tuple[int, ...]


class Refused(Event, frozen=True):
    """Somebody asked for something and was told no, by whom: the act, whom or what it was about, code and sentence."""

    by: str
    act: str
    about: str
    code: str
    detail: str

    @property
    def actor(self) -> str:
        """See `Event`."""
        return self.by


class Commanded(Event, frozen=True):
    """A regulator served an order on the relay: to suspend, withdraw or demand, and what the relay answered."""

    regulator: str
    reference: str
    kind: str
    channels: tuple[str, ...]
    services: tuple[str, ...]
    starts: int
    lifts: str | None
    outcome: str

    @property
    def actor(self) -> str:
        """See `Event`."""
        return self.regulator


class Turned(Event, frozen=True):
    """The lab turned the classroom clock to `now` (ms)."""

    now: int


class Logged(Event, frozen=True):
    """The public log grew: its new leaves from index `first`, canonical JSON as stored, and the checkpoint above."""

    first: int
    leaves: tuple[str, ...]
    checkpoint: str


class Measured(Event, frozen=True):
    """The lab attacked these messages, from these vantage points. `mids` are their keys on the log, by mid.

    `keys` are (words, hex) for each message: what a derivation calls a key, and its bytes. `minutes`: how far the
    attack turned the clock.
    """

    cells: tuple[MeasuredCell, ...]
    mids: dict[str, str]
    keys: dict[str, tuple[tuple[str, str], ...]]
    controls: tuple[tuple[str, str, str | None], ...]
    minutes: int

    def __repr__(self) -> str:
        return "<Measured>"


class Reset(Event, frozen=True):
    """The lesson begins again. What stands in the public log stays there."""
