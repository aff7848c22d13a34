"""Translates a model into Horn clauses: what the protocol gives away, and what anybody can compute.

Sessions are unbounded and types are ignored, as in ProVerif. A name is a function of what was received before it
was made, so two sessions that received the same share it: that can only add attacks.
"""

from collections.abc import Iterator

from kits.proverif.syntax import Model
from kits.proverif.terms import Clause, Fact, Subst, Term, apply, apply_clause, fresh, renamed, unify


def clauses(model: Model) -> list[Clause]:
    """Everything that the adversary can bring about in the model."""
    protocol = Protocol(model)
    protocol.walk(model.main, {}, (), {})
    return [*adversary(model), *protocol.clauses]


def adversary(model: Model) -> Iterator[Clause]:
    """Public names, constructors and destructors, and a fresh name. Pairs are split in the resolution."""
    yield (), ("att", ("fresh",))
    for name, (arguments, _) in model.symbols.items():
        if name in model.secret or name in model.data:
            continue
        parts = tuple(f"x{index}" for index in range(len(arguments)))
        for lhs, rhs in model.rules.get(name, [(parts, (name, *parts))]):
            yield tuple(("att", part) for part in lhs), ("att", rhs)


class Protocol:
    """Walks the main process once; `hyps` is what has been received and done on the way."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.made = 0
        self.clauses: list[Clause] = []

    # ---- terms ----

    def evaluate(self, term: Term, subst: Subst) -> Iterator[tuple[Term, Subst]]:
        """Each value of a term whose symbols may be destructors, with what must then hold."""
        if isinstance(term, str):
            yield apply(term, subst), subst
            return
        for arguments, extended in self.evaluate_all(term[1:], subst):
            if term[0] not in self.model.rules:
                yield (term[0], *arguments), extended
                continue
            for rule in self.model.rules[term[0]]:
                yield from self.rewritten(rule, arguments, extended)

    def evaluate_all(self, terms: tuple, subst: Subst) -> Iterator[tuple[tuple, Subst]]:
        if not terms:
            yield (), subst
            return
        for head, extended in self.evaluate(terms[0], subst):
            for tail, final in self.evaluate_all(terms[1:], extended):
                yield (head, *tail), final

    @staticmethod
    def rewritten(rule: tuple, arguments: tuple, subst: Subst) -> Iterator[tuple[Term, Subst]]:
        _, (_, (_, lhs, rhs)) = renamed(((), ("att", ("rule", ("left", *rule[0]), rule[1]))))
        solved = unify(lhs, ("left", *arguments), subst)
        if solved is not None:
            yield apply(rhs, solved), solved

    def matched(self, pattern: tuple, value: Term, env: Subst, subst: Subst) -> Subst | None:
        """What must hold for the pattern to match; its variables go into `env`."""
        if pattern[0] == "bind":
            env[pattern[1]] = value
            return subst
        if pattern[0] == "same":
            return unify(apply(pattern[1], env), value, subst)
        parts = [fresh() for _ in pattern[2]]
        found = unify((pattern[1], *parts), value, subst)
        for part, inner in zip(parts, pattern[2], strict=True):
            found = None if found is None else self.matched(inner, part, env, found)
        return found

    # ---- processes ----

    def walk(self, process: tuple, env: Subst, hyps: tuple[Fact, ...], subst: Subst) -> None:
        getattr(self, f"walk_{process[0]}")(process[1:], dict(env), hyps, subst)

    def walk_stop(self, *_: object) -> None:
        """Nothing more happens."""

    def walk_parallel(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        for part in process[0]:
            self.walk(part, env, hyps, subst)

    def walk_replicate(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        self.walk(process[0], env, hyps, subst)

    def walk_call(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        names, arguments, body = process
        values = [apply(argument, env) for argument in arguments]
        self.walk(body, dict(zip(names, values, strict=True)), hyps, subst)

    def walk_new(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        name, rest = process
        self.made += 1
        received = [term for kind, term in hyps if kind == "att"]
        self.walk(rest, {**env, name: (f"{name}/{self.made}", *received)}, hyps, subst)

    def walk_in(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        pattern, rest = process
        message = fresh()
        found = self.matched(pattern, message, env, subst)
        if found is not None:
            self.walk(rest, env, (*hyps, ("att", message)), found)

    def walk_out(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        term, rest = process
        for value, found in self.evaluate(apply(term, env), subst):
            self.clauses.append(apply_clause((hyps, ("att", value)), found))
            self.walk(rest, env, hyps, found)

    def walk_event(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        event = apply(process[0], env)
        self.clauses.append(apply_clause((hyps, ("end", event)), subst))
        self.walk(process[1], env, (*hyps, ("begin", event)), subst)

    def walk_let(self, process: tuple, env: Subst, hyps: tuple, subst: Subst) -> None:
        pattern, term, rest = process
        for value, found in self.evaluate(apply(term, env), subst):
            inner = dict(env)
            bound = self.matched(pattern, value, inner, found)
            if bound is not None:
                self.walk(rest, inner, hyps, bound)
