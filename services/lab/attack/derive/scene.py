"""The messages of a matrix, and what is true of them whoever holds what. Pure.

A `Case` is one message. Measured, its minute is a number (the epoch of its header); declared, it is a word.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.story import AFTER, BEFORE, INSIDE
from tiers.lab.world.arrangement import DEFAULT, Arrangement, load
from tiers.lab.world.cast import handset
from tiers.measure.derive.rules import Fact
from tiers.wire.message.envelope import Channel
from tiers.wire.message.readers import delivered, is_admitted

NOW = "now"
THEN = "then"
ROOT, WINDOW, FUTURE = "0/0", "window", "future"
"""Nodes by what they cover: everything; the minute of the warrants; from the present minute on."""
AUDITOR_KEY = "auditor/cbi/1"
TASKED = ("alice", "priya")


@dataclass(frozen=True, slots=True)
class Reader:
    """A recipient as facts name it: `relation` (wrapped, encrypted) says how, and `key` whose key it takes."""

    kid: str
    relation: str
    key: str


@dataclass(frozen=True, slots=True)
class Case:
    """One message: its key in the matrix, both ends by name, its channel, its minute; `readers` if they are known."""

    key: str
    sender: str
    receiver: str
    channel: Channel
    minute: str
    readers: tuple[Reader, ...] = ()

    @classmethod
    def of(cls, key: str, note: Note, minute: str) -> "Case":
        """Take a note."""
        return cls(key, note.sender, note.to, note.channel, minute)


def told() -> tuple[Case, ...]:
    """Return the cases of the story, with minutes by name."""
    parts = (("before", BEFORE), ("inside", INSIDE), ("after", AFTER))
    return tuple(Case.of(key, note, minute) for minute, notes in parts for key, note in notes.items())


def device_kid(name: str) -> str:
    """Return the kid of an employee's handset, in its first generation."""
    person = handset(name)
    return f"org/{person.org}/{person.pin}/1"


def bes_kid(org: str) -> str:
    """Return the kid of a customer's key server, in its first generation."""
    return f"org/{org}/bes/1"


def court_of(name: str) -> str:
    """Name somebody's tree at the court."""
    return f"court:{name}"


def escrow_of(name: str) -> str:
    """Name the escrow of what somebody writes."""
    return f"escrow:{name}"


def hybrid_of(name: str) -> str:
    """Name a handset's hybrid key: by its kid, or by the handset that was never activated."""
    return device_kid(name) if handset(name).org else f"device/{name}"


def readers(case: Case, arranged: Arrangement) -> tuple[Reader, ...]:
    """Name a message's recipients: as they are, or by the patterns that the relay checks."""
    if case.readers:
        return case.readers
    custody = arranged.custody.sealing(case.channel, arranged.home(case.sender))
    patterns = delivered(" ".join(custody.readers[case.channel])).split()
    return tuple(dict.fromkeys(_reader(pattern, case) for pattern in patterns))


def _reader(pattern: str, case: Case) -> Reader:
    kind = pattern.partition("/")[0]
    who = case.sender if "{from}" in pattern else case.receiver
    if kind in {"carrier", "escrow"}:
        return Reader(f"{kind}/in/{who}", "wrapped", escrow_of(who) if kind == "escrow" else who)
    if kind == "global":
        return Reader("global/in", "wrapped", "everybody")
    if kind == "device":
        return Reader(f"device/{who}", "encrypted", hybrid_of(who))
    kid = device_kid(who)
    if "/bes/" in pattern:
        kid = bes_kid(handset(case.receiver if "{to_org}" in pattern else case.sender).org)
    return Reader(kid, "encrypted", kid)


def relations(
    cases: Sequence[Case], arranged: Arrangement | None = None, tasked: Iterable[str] = TASKED
) -> frozenset[Fact]:
    """Return what the rules' `where` may ask: who writes to whom, in which minute, what covers what, who reads."""
    arranged = arranged or load(DEFAULT)
    names = sorted({name for case in cases for name in (case.sender, case.receiver)} | set(tasked))
    minutes = sorted({case.minute for case in cases} | {NOW})
    facts: set[Fact] = {("subscriber", name) for name in names if handset(name).subscriber}
    trees = [*names, *(court_of(name) for name in names if arranged.escrow)]
    for tree in trees:
        facts |= {("below", tree, ROOT, minute) for minute in minutes}
        facts |= {("below", tree, WINDOW, "inside"), ("below", tree, FUTURE, NOW)}
    facts |= {("granted", f"grant:{name}", AUDITOR_KEY, name, WINDOW) for name in tasked}
    if arranged.escrow:
        facts |= {("granted", f"grant:{court_of(name)}", AUDITOR_KEY, court_of(name), WINDOW) for name in tasked}
        facts |= {("escrowed", court_of(name)) for name in names if handset(name).subscriber}
        facts |= {("halves", name, court_of(name), escrow_of(name)) for name in names}
    return frozenset(facts | {fact for case in cases for fact in _about(case, arranged)})


def _about(case: Case, arranged: Arrangement) -> Iterator[Fact]:
    key = case.key
    sender, receiver = handset(case.sender), handset(case.receiver)
    yield from (("message", key), (case.channel.value, key), ("minute", key, case.minute))
    yield from (("from", key, case.sender), ("to", key, case.receiver))
    yield from (("end", key, case.sender), ("end", key, case.receiver))
    yield from ((one.relation, key, one.kid, one.key) for one in readers(case, arranged))
    custody = arranged.custody.sealing(case.channel, arranged.home(case.sender))
    patterns = " ".join(custody.readers[case.channel])
    if custody.signed:
        yield ("signed", key)
    elif is_admitted(patterns):
        for minute, when in ((NOW, NOW), (case.minute, THEN)):
            yield from (("admitted", key, minute, when), ("undrained", key, minute, when))
    else:
        yield ("global", key)
    if case.channel is Channel.ENTERPRISE:
        yield from (("vouches", key, org) for org in (sender.org, receiver.org))
        if not sender.subscriber:
            yield ("registers", key, sender.org)
