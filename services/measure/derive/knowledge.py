"""What is known: found in holdings, or made from what is known by a rule whose operation really succeeded. Pure.

facts found by a scan -> close -> Knowledge -> derivation
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tiers.measure.derive.rules import Fact, Rule, by_kind, match, matches
from tiers.measure.search.scan import Evidence


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One thing known: found in the holdings (`evidence`), or derived by `rule` from `premises`."""

    fact: Fact
    value: object = None
    evidence: Evidence | None = None
    rule: Rule | None = None
    premises: tuple[Fact, ...] = ()


Knowledge = dict[Fact, Step]
Made = tuple[Fact, object]


Operation = Callable[[Sequence[Fact], Sequence[object]], Iterable[Made]]
"""Does what a rule says: gets the premises as facts and by value, and returns what it made; nothing where it fails."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The rules of a system with the operation of each. `memo` is what an operation made of the same values before."""

    rules: Sequence[Rule]
    operations: Mapping[str, Operation]
    memo: dict[tuple[str, tuple[Fact, ...], tuple[object, ...]], tuple[Made, ...]] = field(default_factory=dict)

    def close(self, knowledge: Knowledge) -> Knowledge:
        """Add everything that follows, until nothing new does."""
        tried = set[tuple[str, tuple[Fact, ...]]]()
        growing = True
        while growing:
            growing = False
            facts = by_kind(list(knowledge))
            for rule in self.rules:
                if rule.name not in self.operations:
                    continue
                for premises, _ in matches(rule.needs, facts):
                    if (rule.name, premises) in tried:
                        continue
                    tried.add((rule.name, premises))
                    for fact, value in self._apply(rule, premises, knowledge):
                        if fact not in knowledge:
                            knowledge[fact] = Step(fact, value, None, rule, premises)
                            growing = True
        return knowledge

    def _apply(self, rule: Rule, premises: tuple[Fact, ...], knowledge: Knowledge) -> tuple[Made, ...]:
        values = tuple(knowledge[fact].value for fact in premises)
        memo = (rule.name, premises, values)
        if memo not in self.memo:
            made = tuple(self.operations[rule.name](premises, values))
            for fact, _ in made:
                if match(rule.gives, fact, {}) is None:
                    raise ValueError(f"the operation {rule.name} made a {fact[0]}")
            self.memo[memo] = made
        return self.memo[memo]


def derivation(knowledge: Mapping[Fact, Step], goal: Fact, words: Mapping[str, str]) -> tuple[str, ...]:
    """Tell how `goal` is known, step by step, each with where the bytes lay; nothing if it is not known.

    `words` say a fact in words, by its kind: `{"cek": "the content key of {0}"}`.
    """
    lines: list[str] = []
    numbers: dict[Fact, int] = {}

    def tell(fact: Fact) -> int:
        if fact not in numbers:
            step = knowledge[fact]
            earlier = [tell(one) for one in step.premises]
            lines.append(_line(step, earlier, words))
            numbers[fact] = len(lines)
        return numbers[fact]

    if goal in knowledge:
        tell(goal)
    return tuple(f"{at}. {line}" for at, line in enumerate(lines, 1))


def _line(step: Step, earlier: Sequence[int], words: Mapping[str, str]) -> str:
    if step.rule is None:
        said = describe(step.fact, words)
        return f"{said}: found in {step.evidence}" if step.evidence else said
    bound: Mapping[str, str] = {}
    for pattern, fact in [*zip(step.rule.needs, step.premises, strict=True), (step.rule.gives, step.fact)]:
        bound = match(pattern, fact, bound) or bound
    said = step.rule.says.format(**{name: value.partition("~")[0] for name, value in bound.items()})
    return f"{said} (from {', '.join(map(str, earlier))})"


def describe(fact: Fact, words: Mapping[str, str]) -> str:
    """Put a fact into words."""
    return words.get(fact[0], " ".join(fact)).format(*(term.partition("~")[0] for term in fact[1:]))
