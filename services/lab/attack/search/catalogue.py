"""What to look for in one world: all its secrets by value, its texts, and the traces of its messages.

The lab knows everything, openly. It opens every message itself, with the attacker's own rules, to know the keys that
only ever stood in somebody's memory for a moment.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tiers.chassis.state import StateDir
from tiers.lab.attack.capture.interview import OTHER_AGENCY, other_agency_folder
from tiers.lab.attack.derive.attacker import Scene, close, shut, value_of
from tiers.lab.attack.derive.scene import Case, court_of, escrow_of
from tiers.lab.attack.search.secrets import (
    handset_secrets,
    hybrid_secrets,
    known_key,
    party_secrets,
    trace_needles,
    tree_secrets,
)
from tiers.lab.classroom.desk import Desk, Sent
from tiers.lab.world.cast import HANDSETS, PARTIES
from tiers.measure.derive.knowledge import Knowledge, Step, learn
from tiers.measure.derive.rules import Fact
from tiers.measure.search.spelling import PART, Known, Needle, needles, trace
from tiers.wire.keys.keytree import Master
from tiers.wire.message.envelope import message_epoch
from tiers.wire.message.sealing import HpkePrivateKey


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The secrets by fact, the texts, the traces that are no secrets, and the scene that the attacker knows."""

    known: Mapping[Fact, Known]
    texts: tuple[Known, ...]
    traces: tuple[Needle, ...]
    scene: Scene

    def needles(self) -> Iterator[Needle]:
        """Spell everything: this takes a while."""
        yield from needles((*self.known.values(), *self.texts))
        yield from self.traces

    @property
    def master(self) -> Master:
        """The carrier's master key."""
        return Master(self.known["master",].raw)


def cases_of(messages: Mapping[str, Sent]) -> dict[str, Case]:
    """Return the cases of messages that were sent, each with the epoch of its header as its minute."""
    return {key: Case.of(key, sent.note, str(message_epoch(sent.envelope.header))) for key, sent in messages.items()}


def catalogue(desk: Desk, messages: Mapping[str, Sent], extra_epochs: Iterable[int]) -> Catalogue:
    """Collect everything; `extra_epochs` are minutes that matter beside those of the messages."""
    cases = cases_of(messages)
    epochs = sorted({int(case.minute) for case in cases.values()} | set(extra_epochs))
    scene = Scene({sent.envelope.jwe.protected: cases[key] for key, sent in messages.items()}, tuple(epochs))
    known = _held(desk, epochs)
    known |= _opened(known, messages, scene)
    return Catalogue(known, tuple(_texts(messages)), (*_traces(messages), *_marks(desk)), scene)


def _held(desk: Desk, epochs: list[int]) -> dict[Fact, Known]:
    """Collect what lies in key files, and all that grows from the carrier's master."""
    world = desk.world
    state = world.root / "state"
    secrets = list(party_secrets(state))
    other = StateDir(other_agency_folder(world)).key("hpke.key", HpkePrivateKey)
    secrets += hybrid_secrets(f"{OTHER_AGENCY}/1", other.reveal())
    for name, device in desk.devices.items():
        secrets += handset_secrets(name, device.ring)
    master = Master(next(one.raw for one in secrets if one.fact == ("master",)))
    court = next((Master(one.raw) for one in secrets if one.fact == ("escrowmaster",)), None)
    for person in HANDSETS:
        if person.subscriber:
            secrets += tree_secrets(master, person.name, person.pin, epochs)
            if court is not None:
                secrets += tree_secrets(court, court_of(person.name), person.pin, epochs)
    return {one.fact: one for one in secrets}


def _opened(known: Mapping[Fact, Known], messages: Mapping[str, Sent], scene: Scene) -> dict[Fact, Known]:
    """Open every message with everything that is known, and keep the keys that this takes."""
    knowledge: Knowledge = {fact: [Step(fact, value_of(fact, known))] for fact in known}
    for sent in messages.values():
        for fact, value in shut(sent.envelope.jwe, scene):
            learn(knowledge, Step(fact, value))
    close(knowledge, scene)
    out: dict[Fact, Known] = {}
    for case in scene.messages.values():
        who = (case.sender, case.receiver, court_of(case.sender), escrow_of(case.sender))
        for fact in (("cek", case.key), *(("wrapkey", one, case.key) for one in who)):
            if fact in knowledge:
                out[fact] = known_key(fact, knowledge[fact][0].value)
    return out


def _texts(messages: Mapping[str, Sent]) -> Iterable[Known]:
    for key, sent in messages.items():
        if len(sent.note.text) > PART and not sent.own:
            yield Known(("plaintext", key), sent.note.text.encode(), words=True)


def _traces(messages: Mapping[str, Sent]) -> Iterable[Needle]:
    for key, sent in messages.items():
        text, others = sent.note.text, (one.note.text for one in messages.values() if one is not sent)
        if len(text) > PART and sent.own and not any(text in other for other in others):
            yield trace(("plaintext", key), "its whole text", text)  # else only keys tell it from others
        yield from trace_needles(key, sent.envelope)


def _marks(desk: Desk) -> Iterable[Needle]:
    """Return what is no secret and stands where it must: for the positive controls."""
    for device in desk.devices.values():
        yield trace(("mark", "device"), "a public key", device.ring.sign.public.jwk().x)
    for one in PARTIES:
        yield trace(("mark", str(one.identity)), "its name", f'"party":"{one.identity}"')
        yield trace(("mark", one.identity.host), "its name", one.identity.host)
    yield trace(("mark", "refused"), "a status", "refused with 4")
    yield trace(("mark", "left"), "a count", " processes")
    yield trace(("mark", "metric"), "a metric", b"# HELP tiers_")
