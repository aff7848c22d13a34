"""What is known: found in holdings, or made from what is known by a rule whose operation really succeeded. Pure.

facts found by a scan -> close -> Knowledge -> derivation
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from tiers.measure.derive.rules import Fact, Rule, indexed, match, matches
from tiers.measure.search.scan import Evidence


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Step:
    """One thing known: found in the holdings (`evidence`), or derived by `rule` from earlier steps."""

    fact: Fact
    value: object = None
    evidence: Evidence | None = None
    rule: Rule | None = None
    premises: "tuple[Step, ...]" = ()


Knowledge = dict[Fact, list[Step]]
"""What is known, with every value that it was found to have: a false key never hides a true one of the same name."""
Made = tuple[Fact, object]


def learn(knowledge: Knowledge, step: Step) -> bool:
    """Add a step, unless its very value is known; says whether it is new."""
    steps = knowledge.setdefault(step.fact, [])
    if any(one.value == step.value for one in steps):
        return False
    steps.append(step)
    return True


Operation = Callable[[Sequence[Fact], Sequence[object]], Iterable[Made]]
"""Does what a rule says: gets the premises as facts and by value, and returns what it made; nothing where it fails."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The rules of a system with the operation of each. `memo` is what an operation made of the same values before."""

    rules: Sequence[Rule]
    operations: Mapping[str, Operation]
    memo: dict[tuple[str, tuple[Fact, ...], tuple[object, ...]], tuple[Made, ...]] = field(default_factory=dict)

    def close(self, knowledge: Knowledge) -> Knowledge:
        """Add everything that follows, until nothing new does. Whoever knows more never ends with less."""
        tried = set[tuple[str, tuple[Step, ...]]]()
        facts = indexed(knowledge)
        new = {fact[0] for fact in knowledge}  # kinds of which there is something that was not there a round ago
        while new:
            last, new = new, set[str]()
            for rule in self.rules:
                if rule.name not in self.operations or last.isdisjoint(need[0] for need in rule.needs):
                    continue
                for premises, _ in matches(rule.needs, facts):
                    for steps in list(product(*(knowledge[fact] for fact in premises))):
                        if (rule.name, steps) not in tried:
                            tried.add((rule.name, steps))
                            for fact, value in self._apply(rule, steps):
                                if learn(knowledge, Step(fact, value, None, rule, steps)):
                                    new.add(fact[0])
            facts = indexed(knowledge)
        return knowledge

    def _apply(self, rule: Rule, steps: tuple[Step, ...]) -> tuple[Made, ...]:
        premises, values = tuple(step.fact for step in steps), tuple(step.value for step in steps)
        memo = (rule.name, premises, values)
        if memo not in self.memo:
            made = tuple(self.operations[rule.name](premises, values))
            for fact, _ in made:
                if match(rule.gives, fact, {}) is None:
                    raise ValueError(f"the operation {rule.name} made a {fact[0]}")
            self.memo[memo] = made
        return self.memo[memo]


def derivation(knowledge: Mapping[Fact, Sequence[Step]], goal: Fact, words: Mapping[str, str]) -> tuple[str, ...]:
    """Tell how `goal` is known, step by step, each with where the bytes lay; nothing if it is not known.

    `words` say a fact in words, by its kind: `{"cek": "the content key of {0}"}`.
    """
    lines: list[str] = []
    numbers: dict[Step, int] = {}

    def tell(step: Step) -> int:
        if step not in numbers:
            earlier = [tell(one) for one in step.premises]
            lines.append(_line(step, earlier, words))
            numbers[step] = len(lines)
        return numbers[step]

    if goal in knowledge:
        tell(knowledge[goal][0])
    return tuple(f"{at}. {line}" for at, line in enumerate(lines, 1))


def _line(step: Step, earlier: Sequence[int], words: Mapping[str, str]) -> str:
    if step.rule is None:
        said = words.get(step.fact[0], " ".join(step.fact)).format(*step.fact[1:])
        return f"{said}: found in {step.evidence}" if step.evidence else said
    bound: Mapping[str, str] = {}
    facts = [one.fact for one in step.premises]
    for pattern, fact in [*zip(step.rule.needs, facts, strict=True), (step.rule.gives, step.fact)]:
        bound = match(pattern, fact, bound) or bound
    return f"{step.rule.says.format(**bound)} (from {', '.join(map(str, earlier))})"
