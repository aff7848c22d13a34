"""The messages of a matrix, and what is true of them whoever holds what. Pure.

A `Case` is one message. Measured, its minute is a number (the epoch of its header); declared, it is a word.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.story import AFTER, BEFORE, INSIDE
from tiers.lab.world.cast import handset
from tiers.measure.derive.rules import Fact
from tiers.wire.message.envelope import Channel

NOW = "now"
THEN = "then"
ROOT, WINDOW, FUTURE = "0/0", "window", "future"
"""Nodes by what they cover: everything; the minute of the warrants; from the present minute on."""
AUDITOR_KEY = "auditor/cbi/1"
TASKED = ("alice", "priya")


@dataclass(frozen=True, slots=True)
class Case:
    """One message: its key in the matrix, both ends by name, its channel, and its minute."""

    key: str
    sender: str
    receiver: str
    channel: Channel
    minute: str

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


def readers(case: Case) -> tuple[str, ...]:
    """Name a message's recipients, as facts do."""
    sender, receiver = handset(case.sender), handset(case.receiver)
    if case.channel is Channel.CONSUMER:
        return (f"carrier/in/{case.sender}", f"carrier/in/{case.receiver}")
    servers = dict.fromkeys((bes_kid(sender.org), bes_kid(receiver.org)))
    return (device_kid(case.receiver), *servers)


def relations(cases: Sequence[Case], tasked: Iterable[str] = TASKED) -> frozenset[Fact]:
    """Return what the rules' `where` may ask: who writes to whom, in which minute, and what covers what."""
    names = sorted({name for case in cases for name in (case.sender, case.receiver)} | set(tasked))
    minutes = sorted({case.minute for case in cases} | {NOW})
    facts: set[Fact] = {("subscriber", name) for name in names if handset(name).subscriber}
    for name in names:
        facts |= {("below", name, ROOT, minute) for minute in minutes}
        facts |= {("below", name, WINDOW, "inside"), ("below", name, FUTURE, NOW)}
    facts |= {("granted", f"grant:{name}", AUDITOR_KEY, name, WINDOW) for name in tasked}
    return frozenset(facts | {fact for case in cases for fact in _about(case)})


def _about(case: Case) -> Iterator[Fact]:
    key = case.key
    yield from (("message", key), (case.channel.value, key), ("minute", key, case.minute))
    yield from (("from", key, case.sender), ("to", key, case.receiver))
    yield from (("end", key, case.sender), ("end", key, case.receiver))
    for minute, when in ((NOW, NOW), (case.minute, THEN)):
        yield from (("admitted", key, minute, when), ("undrained", key, minute, when))
    if case.channel is Channel.CONSUMER:
        yield from (("wrapped", key, f"carrier/in/{name}", name) for name in (case.sender, case.receiver))
        return
    yield from (("encrypted", key, kid, kid) for kid in readers(case))
    sender, receiver = handset(case.sender), handset(case.receiver)
    yield from (("vouches", key, org) for org in (sender.org, receiver.org))
    if not sender.subscriber:
        yield ("registers", key, sender.org)
