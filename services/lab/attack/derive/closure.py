"""The symbolic closure: what a party that holds what the policy says it holds can derive, with perfect cryptography.

Dolev and Yao's attacker over the same rules that are executed on bytes: keys open what they were made for, and
nothing else opens anything. Pure. `program` writes the same question for an answer-set solver, which checks this one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from tiers.lab.attack.derive.rules import RULES, Fact, by_kind, is_variable, matches, substitute
from tiers.lab.attack.derive.scene import AUDITOR_KEY, FUTURE, NOW, THEN, Case, bes_kid, device_kid, readers
from tiers.lab.world.cast import HANDSETS, handset
from tiers.wire.errors import Yours


class Forge(StrEnum):
    """Whether somebody could make another message of the same sender, receiver, channel and service."""

    YES = "forges"
    WITH_RELAY = "with the relay"
    BRIEFLY = "briefly"
    NO = "no"


def close(facts: Iterable[Fact], relations: frozenset[Fact]) -> frozenset[Fact]:
    """Add everything that follows by the rules, until nothing new does."""
    known = set(facts)
    world = by_kind(sorted(relations))
    while True:
        held = by_kind(sorted(known))
        new = {
            substitute(rule.gives, whole)
            for rule in RULES
            for _, bound in matches(rule.needs, held)
            for _, whole in matches(rule.where, world, bound)
        } - known
        if not new:
            return frozenset(known)
        known |= new


def reads(known: frozenset[Fact], key: str) -> bool:
    """Whether the text of a message is known."""
    return ("plaintext", key) in known


def forges(known: Mapping[Fact, object] | frozenset[Fact], key: str) -> Forge:
    """Say whether a message like `key` can be forged, by what is known (measured or symbolic).

    `with the relay`: the keys are there, but the relay must hand the message in. `briefly`: only for a minute that has
    passed, as long as the carrier still admits it or the receiver's handset has not been drained past it.
    """
    if ("forged", key, NOW) in known:
        return Forge.YES if ("delivers", key) in known else Forge.WITH_RELAY
    return Forge.BRIEFLY if ("forged", key, THEN) in known else Forge.NO


# ---- what a holding of the policy stands for ----

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


# ---- the same for a solver ----


def program(facts: Iterable[Fact], relations: Iterable[Fact]) -> str:
    """Write facts, relations and rules as an answer-set program (ASP-Core-2): its one answer is the closure."""
    lines = [f"{_atom(fact)}." for fact in sorted({*facts, *relations})]
    lines += [f"{_atom(rule.gives)} :- {', '.join(map(_atom, (*rule.needs, *rule.where)))}." for rule in RULES]
    return "\n".join(lines) + "\n"


def _atom(fact: Fact) -> str:
    terms = [term if is_variable(term) else f'"{term}"' for term in fact[1:]]
    return f"{predicate(fact[0])}({', '.join(terms)})" if terms else predicate(fact[0])


def predicate(kind: str) -> str:
    """Return how a kind of fact is called in the program: every name gets a prefix, for some are the solver's own."""
    return f"k_{kind}"
