"""Decides the queries of a model by resolution with free selection.

The method is Blanchet's ("Automatic Verification of Correspondences for Security Protocols", Journal of Computer
Security 17(4), 2009), cut down to what docs/formal needs: one public channel, no equations, no phases, no
injective correspondences. "True" is a proof; "false" is a derivation in the clauses, which over-approximate.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from kits.proverif.clauses import clauses
from kits.proverif.syntax import Model
from kits.proverif.terms import Clause, Fact, Term, apply, apply_clause, match, renamed, unify, variables


def decide(model: Model) -> dict[str, bool]:
    """The verdict on each query, by its text; an injective one is not decided here."""
    data = model.data | {"tuple"}
    producers = saturate(clauses(model), data)
    return {
        text: holds(goal, needed, producers, data)
        for text, goal, needed in model.queries
        if needed is None or needed[0] == "event"
    }


def holds(goal: Term, needed: Term | None, producers: list[Clause], data: set[str]) -> bool:
    if needed is None:
        return not derivations(("att", goal[1]), producers, data)
    for hypotheses, (_, reached) in derivations(("end", goal[1]), producers, data):
        wanted = apply(needed[1], unify(goal[1], reached, {}) or {})
        if not any(kind == "begin" and match(wanted, event, {}) is not None for kind, event in hypotheses):
            return False
    return True


def derivations(goal: Fact, producers: list[Clause], data: set[str]) -> list[Clause]:
    """Each most general way to reach an instance of `goal`, with what must have happened before."""
    queue: list[Clause] = [((goal,), goal)]
    done: list[Clause] = []
    found = []
    while queue:
        clause = queue.pop()
        if any(subsumes(old, clause) for old in done):
            continue
        done.append(clause)
        index = 0 if clause[0] == (goal,) else selected(clause)
        if index is None:
            found.append(clause)
        else:
            made = [resolved(producer, clause, index) for producer in producers]
            queue.extend(plain for result in made if result is not None for plain in normal(result, data))
    return found


def saturate(start: list[Clause], data: set[str]) -> list[Clause]:
    """Close under resolution; what is left to use are the clauses without a selected hypothesis."""
    queue: list[tuple[int, int, Clause]] = []
    kept: dict[int, Clause] = {}
    serial = 0
    for clause in start:
        for result in normal(clause, data):
            heappush(queue, (size(result), serial := serial + 1, result))
    while queue:
        _, _, clause = heappop(queue)
        if any(subsumes(old, clause) for old in kept.values()):
            continue
        kept = {number: old for number, old in kept.items() if not subsumes(clause, old)}
        kept[serial := serial + 1] = clause
        for made in consequences(clause, list(kept.values())):
            for result in normal(made, data):
                heappush(queue, (size(result), serial := serial + 1, result))
    return [clause for clause in kept.values() if selected(clause) is None]


def consequences(clause: Clause, kept: list[Clause]) -> list[Clause]:
    index = selected(clause)
    if index is None:
        made = [resolved(clause, other, at) for other in kept if (at := selected(other)) is not None]
    else:
        made = [resolved(other, clause, index) for other in kept if selected(other) is None]
    return [result for result in made if result is not None]


def resolved(producer: Clause, consumer: Clause, index: int) -> Clause | None:
    """Use the producer's conclusion for the consumer's hypothesis at `index`."""
    kind, wanted = consumer[0][index]
    if not could_meet(producer[1], (kind, wanted)):
        return None
    producer = renamed(producer)
    subst = unify(producer[1][1], wanted, {})
    if subst is None:
        return None
    rest = consumer[0][:index] + consumer[0][index + 1 :]
    return apply_clause((producer[0] + rest, consumer[1]), subst)


def could_meet(one: Fact, other: Fact) -> bool:
    if one[0] != other[0]:
        return False
    return isinstance(one[1], str) or isinstance(other[1], str) or one[1][0] == other[1][0]


def selected(clause: Clause) -> int | None:
    """The first thing that the adversary must have and that is not simply anything."""
    for index, (kind, term) in enumerate(clause[0]):
        if kind == "att" and not isinstance(term, str):
            return index
    return None


def normal(clause: Clause, data: set[str]) -> Iterator[Clause]:
    """Split pairs and other data, drop what is redundant; yields nothing for a tautology."""
    hypotheses, (kind, term) = clause
    parts = tuple(dict.fromkeys(part for fact in hypotheses for part in split(fact, data)))
    for conclusion in split((kind, term), data):
        if conclusion not in parts:
            yield without_spares(parts, conclusion), conclusion


def split(fact: Fact, data: set[str]) -> Iterator[Fact]:
    kind, term = fact
    if kind == "att" and not isinstance(term, str) and term[0] in data:
        for part in term[1:]:
            yield from split((kind, part), data)
    else:
        yield fact


def without_spares(hypotheses: tuple[Fact, ...], conclusion: Fact) -> tuple[Fact, ...]:
    """Without "the adversary has some x" where x occurs nowhere else: it always has something."""
    used = [variables(term) for _, term in (*hypotheses, conclusion)]
    return tuple(
        (kind, term)
        for index, (kind, term) in enumerate(hypotheses)
        if not (isinstance(term, str) and not any(term in u for i, u in enumerate(used) if i != index))
    )


def subsumes(general: Clause, special: Clause) -> bool:
    """Whether `general` says at least as much as `special`."""
    if len(general[0]) > len(special[0]) or not could_meet(general[1], special[1]):
        return False
    start = match(general[1][1], special[1][1], {})
    return start is not None and covered(general[0], special[0], start)


def covered(needed: tuple[Fact, ...], given: tuple[Fact, ...], subst: dict) -> bool:
    if not needed:
        return True
    kind, term = needed[0]
    for other_kind, other in given:
        extended = match(term, other, subst) if kind == other_kind else None
        if extended is not None and covered(needed[1:], given, extended):
            return True
    return False


def size(clause: Clause) -> int:
    return len(str(clause))
