"""The symbolic closure: what somebody who holds what he is said to hold can derive, with perfect cryptography.

Dolev and Yao's attacker over the same rules that are executed on bytes: keys open what they were made for, and
nothing else opens anything. Pure. An answer-set solver checks it (tests/kits/solver.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from tiers.measure.derive.rules import Fact, Rule, indexed, matches, substitute

NOW = "now"
THEN = "then"


class Forge(StrEnum):
    """Whether somebody could make another message of the same sender, receiver, channel and service."""

    YES = "forges"
    WITH_RELAY = "with the relay"
    BRIEFLY = "briefly"
    NO = "no"


def close(facts: Iterable[Fact], relations: frozenset[Fact], rules: Sequence[Rule]) -> frozenset[Fact]:
    """Add everything that follows by the rules, until nothing new does."""
    known = set(facts)
    world = indexed(sorted(relations))
    new = known
    while new:
        held, kinds = indexed(sorted(known)), {fact[0] for fact in new}
        new = {
            substitute(rule.gives, whole)
            for rule in rules
            if not kinds.isdisjoint(need[0] for need in rule.needs)
            for _, bound in matches(rule.needs, held)
            for _, whole in matches(rule.where, world, bound)
        } - known
        known |= new
    return frozenset(known)


def forges(known: Mapping[Fact, object] | frozenset[Fact], key: str) -> Forge:
    """Say whether a message like `key` can be forged, by what is known (measured or symbolic).

    `with the relay`: the keys are there, but the relay must hand the message in. `briefly`: only for a minute that has
    passed, as long as the carrier still admits it or the receiver's handset has not been drained past it.
    """
    if ("forged", key, NOW) in known:
        return Forge.YES if ("delivers", key) in known else Forge.WITH_RELAY
    return Forge.BRIEFLY if ("forged", key, THEN) in known else Forge.NO
