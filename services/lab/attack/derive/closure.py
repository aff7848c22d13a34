"""What the words of the policy stand for, as facts, and what follows from them by the rules of this system. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tiers.lab.attack.derive.rules import RULES
from tiers.lab.attack.derive.scene import AUDITOR_KEY, FUTURE, Case, bes_kid, device_kid, readers
from tiers.lab.world.cast import HANDSETS, handset
from tiers.measure.derive import closure
from tiers.measure.derive.rules import Fact
from tiers.wire.errors import Yours


def close(facts: Iterable[Fact], relations: frozenset[Fact]) -> frozenset[Fact]:
    """Add everything that follows by the rules of this system."""
    return closure.close(facts, relations, RULES)


Expand = Callable[[str, Sequence[Case]], Iterator[Fact]]


def _nothing(_who: str, _cases: Sequence[Case]) -> Iterator[Fact]:
    yield from ()


def _ciphertext(_who: str, cases: Sequence[Case]) -> Iterator[Fact]:
    for case in cases:
        yield "sealed", case.key
        yield from (("recipient", case.key, kid) for kid in readers(case))


def _handset(who: str, cases: Sequence[Case]) -> Iterator[Fact]:
    yield from _emptied_handset(who, cases)
    yield from (("plaintext", case.key) for case in cases if who in {case.sender, case.receiver})


def _emptied_handset(who: str, _cases: Sequence[Case]) -> Iterator[Fact]:
    person = handset(who)
    yield "sign", who
    if person.org:
        yield "seed", device_kid(who)
    if person.subscriber:
        yield "node", who, FUTURE


def _customer(who: str, _cases: Sequence[Case]) -> Iterator[Fact]:
    yield from (("seed", bes_kid(who)), ("orgroot", who))


HOLDINGS: Mapping[str, Expand] = {
    "captures": _nothing,
    "answers": _nothing,
    "metadata": _nothing,
    "logs": _nothing,
    "judge-key": _nothing,
    "log-key": _nothing,
    "other-agency-key": _nothing,
    "ciphertext": _ciphertext,
    "relay": lambda _who, _cases: iter([("relay",)]),
    "master": lambda _who, _cases: iter([("master",)]),
    "auditor-key": lambda _who, _cases: iter([("seed", AUDITOR_KEY)]),
    "grant": lambda who, _cases: iter([("grant", f"grant:{who}")]),
    "customer": _customer,
    "handset": _handset,
    "emptied-handset": _emptied_handset,
}
"""The words of `services/lab/matrix/policy.toml`: `word` or `word:who`, where who may be `sender` or `receiver`."""


def expand(holds: Iterable[str], case: Case, cases: Sequence[Case]) -> frozenset[Fact]:
    """Return the facts that a declared holding stands for, looked at from one message; raises `Yours`."""
    facts: set[Fact] = set()
    for held in holds:
        word, _, who = held.partition(":")
        if word not in HOLDINGS:
            raise Yours("policy.holds", f"Use one of {', '.join(HOLDINGS)}; not {word}.")
        who = {"sender": case.sender, "receiver": case.receiver}.get(who, who)
        if word.endswith("handset") and who not in {person.name for person in HANDSETS}:
            raise Yours("policy.holds", f"Say whose handset: sender, receiver or a name; not {who}.")
        facts |= set(HOLDINGS[word](who, cases))
    return frozenset(facts)
