"""What the words of the policy stand for, as facts, and what follows from them by the rules of this system. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tiers.lab.attack.derive.rules import RULES
from tiers.lab.attack.derive.scene import AUDITOR_KEY, FUTURE, Case, bes_kid, court_of, hybrid_of, readers
from tiers.lab.world.arrangement import DEFAULT, Arrangement, load
from tiers.lab.world.cast import HANDSETS, handset
from tiers.measure.derive import closure
from tiers.measure.derive.rules import Fact
from tiers.wire.errors import Yours


def close(facts: Iterable[Fact], relations: frozenset[Fact]) -> frozenset[Fact]:
    """Add everything that follows by the rules of this system."""
    return closure.close(facts, relations, RULES)


Expand = Callable[[str, Sequence[Case], Arrangement], Iterator[Fact]]


def _nothing(_who: str, _cases: Sequence[Case], _arranged: Arrangement) -> Iterator[Fact]:
    yield from ()


def _ciphertext(_who: str, cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    for case in cases:
        yield "sealed", case.key
        yield from (("recipient", case.key, one.kid) for one in readers(case, arranged))


def _carriers(_who: str, _cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    yield ("master",)
    yield from _factory(arranged)


def _factory(arranged: Arrangement) -> Iterator[Fact]:
    if arranged.custody.names("global/"):
        yield ("globalkey",)


def _judges(_who: str, _cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    if arranged.escrow:
        yield ("escrowmaster",)


def _grant(who: str, _cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    yield "grant", f"grant:{who}"
    if arranged.escrow:
        yield "grant", f"grant:{court_of(who)}"


def _handset(who: str, cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    yield from _emptied_handset(who, cases, arranged)
    yield from (("plaintext", case.key) for case in cases if who in {case.sender, case.receiver})


def _emptied_handset(who: str, _cases: Sequence[Case], arranged: Arrangement) -> Iterator[Fact]:
    person = handset(who)
    yield from (("sign", who), ("seed", hybrid_of(who)))
    yield from _factory(arranged)
    if person.subscriber:
        yield "node", who, FUTURE
        if arranged.escrow:
            yield "node", court_of(who), FUTURE


def _customer(who: str, _cases: Sequence[Case], _arranged: Arrangement) -> Iterator[Fact]:
    yield from (("seed", bes_kid(who)), ("orgroot", who))


HOLDINGS: Mapping[str, Expand] = {
    "captures": _nothing,
    "answers": _nothing,
    "metadata": _nothing,
    "logs": _nothing,
    "judge-key": _judges,
    "log-key": _nothing,
    "other-agency-key": _nothing,
    "ciphertext": _ciphertext,
    "relay": lambda _who, _cases, _arranged: iter([("relay",)]),
    "master": _carriers,
    "auditor-key": lambda _who, _cases, _arranged: iter([("seed", AUDITOR_KEY)]),
    "grant": _grant,
    "customer": _customer,
    "handset": _handset,
    "emptied-handset": _emptied_handset,
}
"""The words of `services/lab/matrix/policy.toml`: `word` or `word:who`, where who may be `sender` or `receiver`.

What a party's keys are depends on the arrangement: the court's are its half of the escrow, if there is one.
"""


def expand(
    holds: Iterable[str], case: Case, cases: Sequence[Case], arranged: Arrangement | None = None
) -> frozenset[Fact]:
    """Return the facts that a declared holding stands for, looked at from one message; raises `Yours`."""
    facts: set[Fact] = set()
    arranged = arranged or load(DEFAULT)
    for held in holds:
        word, _, who = held.partition(":")
        if word not in HOLDINGS:
            raise Yours("policy.holds", f"Use one of {', '.join(HOLDINGS)}; not {word}.")
        who = {"sender": case.sender, "receiver": case.receiver}.get(who, who)
        if word.endswith("handset") and who not in {person.name for person in HANDSETS}:
            raise Yours("policy.holds", f"Say whose handset: sender, receiver or a name; not {who}.")
        facts |= set(HOLDINGS[word](who, cases, arranged))
    return frozenset(facts)
