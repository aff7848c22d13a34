"""Terms, facts and clauses: substitution, unification, matching.

A variable is a `str`; everything else is `(symbol, argument, ...)`.
A fact is ("att", term): the adversary has it; ("begin", event): it has happened; or ("end", event): it is claimed.
A clause is (hypotheses, conclusion).
"""

from itertools import count

Term = str | tuple
Fact = tuple[str, Term]
Clause = tuple[tuple[Fact, ...], Fact]
Subst = dict[str, Term]
NUMBERS = count()


def fresh() -> str:
    """A variable that occurs nowhere else."""
    return f"v{next(NUMBERS)}"


def apply(term: Term, subst: Subst) -> Term:
    if isinstance(term, str):
        return apply(subst[term], subst) if term in subst else term
    if len(term) == 1:
        return term
    return (term[0], *[apply(part, subst) for part in term[1:]])


def apply_clause(clause: Clause, subst: Subst) -> Clause:
    hypotheses, (kind, term) = clause
    return tuple([(k, apply(t, subst)) for k, t in hypotheses]), (kind, apply(term, subst))


def variables(term: Term) -> set[str]:
    return {term} if isinstance(term, str) else set().union(*[variables(part) for part in term[1:]])


def renamed(clause: Clause) -> Clause:
    """The same clause with variables of its own."""
    hypotheses, conclusion = clause
    used = set().union(*[variables(term) for _, term in (*hypotheses, conclusion)])
    return apply_clause(clause, {name: fresh() for name in used})


def unify(left: Term, right: Term, subst: Subst) -> Subst | None:
    """The most general extension of `subst` that makes both equal, or None."""
    while isinstance(left, str) and left in subst:
        left = subst[left]
    while isinstance(right, str) and right in subst:
        right = subst[right]
    if left == right:
        return subst
    if isinstance(left, str):
        return None if left in variables(apply(right, subst)) else {**subst, left: right}
    if isinstance(right, str):
        return unify(right, left, subst)
    return pairwise(unify, left, right, subst)


def match(general: Term, special: Term, subst: Subst) -> Subst | None:
    """As `unify`, but only the variables of `general` are bound."""
    if isinstance(general, str):
        if general not in subst:
            return {**subst, general: special}
        return subst if subst[general] == special else None
    return None if isinstance(special, str) else pairwise(match, general, special, subst)


def pairwise(method, left: tuple, right: tuple, subst: Subst) -> Subst | None:
    if left[0] != right[0] or len(left) != len(right):
        return None
    for one, other in zip(left[1:], right[1:], strict=True):
        extended = method(one, other, subst)
        if extended is None:
            return None
        subst = extended
    return subst
