"""The symbolic closure by somebody else: facts and rules as an answer-set program (ASP-Core-2), solved by clingo."""

from collections.abc import Iterable, Sequence

import clingo

from tiers.measure.derive.rules import Fact, Rule, is_variable


def solve(text: str) -> frozenset[Fact]:
    """Return the one answer set of a program."""
    control = clingo.Control(["--warn=none"])
    control.add("base", [], text)
    control.ground([("base", [])])
    answers: list[list[clingo.Symbol]] = []
    control.solve(on_model=lambda model: answers.append(model.symbols(atoms=True)))
    (answer,) = answers
    return frozenset((one.name, *(term.string for term in one.arguments)) for one in answer)


def program(facts: Iterable[Fact], relations: Iterable[Fact], rules: Sequence[Rule]) -> str:
    """Write facts, relations and rules as a program: its one answer is the closure."""
    lines = [f"{_atom(fact)}." for fact in sorted({*facts, *relations})]
    lines += [f"{_atom(rule.gives)} :- {', '.join(map(_atom, (*rule.needs, *rule.where)))}." for rule in rules]
    return "\n".join(lines) + "\n"


def as_atoms(facts: Iterable[Fact]) -> frozenset[Fact]:
    """Return facts as the solver names them."""
    return frozenset((_predicate(fact[0]), *fact[1:]) for fact in facts)


def _atom(fact: Fact) -> str:
    terms = [term if is_variable(term) else f'"{term}"' for term in fact[1:]]
    return f"{_predicate(fact[0])}({', '.join(terms)})" if terms else _predicate(fact[0])


def _predicate(kind: str) -> str:
    return f"k_{kind}"  # for some kinds are names of the solver's own
