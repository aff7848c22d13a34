"""What follows from what: derivation rules as data, and how facts fit them. Pure.

A fact is a tuple of words, its kind first: `("cek", "bbm")`. A term of a rule that is one capital letter is a variable.
Two readers: `knowledge.py` executes a rule on the bytes that were found, and its operation must really succeed;
`closure.py` applies it to symbols, where the relations in `where` stand for the mathematics (Dolev and Yao, 1983).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Fact = tuple[str, ...]
Binding = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """From `needs`, where the world is such, follows `gives`. `says` is for people; `{P}` stands for a variable."""

    name: str
    needs: tuple[Fact, ...]
    where: tuple[Fact, ...]
    gives: Fact
    says: str


def is_variable(term: str) -> bool:
    return len(term) == 1 and "A" <= term <= "Z"


def match(pattern: Fact, fact: Fact, bound: Binding) -> Binding | None:
    """Fit a fact to a pattern; returns the larger binding, or `None`."""
    if len(pattern) != len(fact) or pattern[0] != fact[0]:
        return None
    new: dict[str, str] = {}
    for term, value in zip(pattern[1:], fact[1:], strict=True):
        if is_variable(term):
            if bound.get(term, new.setdefault(term, value)) != value:
                return None
        elif term != value:
            return None
    return {**bound, **new}


def matches(
    patterns: Sequence[Fact], facts: Mapping[Fact, Sequence[Fact]], bound: Binding | None = None
) -> Iterator[tuple[tuple[Fact, ...], Binding]]:
    """Yield every way to fit `patterns` to `indexed` facts: the facts, and what the variables stand for."""
    if not patterns:
        yield (), bound or {}
        return
    first = substitute(patterns[0][:2], bound or {})
    for fact in facts.get(first[:1] if is_variable(first[-1]) else first, ()):
        one = match(patterns[0], fact, bound or {})
        if one is not None:
            for rest, whole in matches(patterns[1:], facts, one):
                yield (fact, *rest), whole


def substitute(pattern: Fact, bound: Binding) -> Fact:
    return tuple(bound.get(term, term) if is_variable(term) else term for term in pattern)


def indexed(facts: Iterable[Fact]) -> dict[Fact, list[Fact]]:
    """Return facts by kind, and by kind and second term."""
    out: dict[Fact, list[Fact]] = {}
    for fact in facts:
        for known in {fact[:1], fact[:2]}:
            out.setdefault(known, []).append(fact)
    return out
