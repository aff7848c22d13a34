"""Reads the part of ProVerif's typed input language that docs/formal uses, and checks its types.

Anything else is refused, so a model cannot quietly mean less here than in ProVerif.
Terms: a variable is a `str`, everything else is `(symbol, argument, ...)`.
"""

import re
from dataclasses import dataclass, field

Term = str | tuple
TOKEN = re.compile(r"\(\*.*?\*\)|\s+|(==>|inj-event|\w+|[(){}\[\],;:.=!|])", re.DOTALL)


class ModelError(ValueError):
    """The model is not in the supported language, or is ill-typed."""


@dataclass
class Model:
    """Everything that a .pv file declares."""

    types: set[str] = field(default_factory=lambda: {"channel", "bitstring"})
    symbols: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)  # name -> (arguments, result)
    secret: set[str] = field(default_factory=set)  # names and functions that are [private]
    data: set[str] = field(default_factory=set)  # functions that anybody takes apart
    rules: dict[str, list[tuple[tuple[Term, ...], Term]]] = field(default_factory=dict)  # destructors
    events: dict[str, tuple[str, ...]] = field(default_factory=dict)
    queries: list[tuple[str, Term, Term | None]] = field(default_factory=list)  # (text, goal, needed)
    macros: dict[str, tuple[list[tuple[str, str]], tuple]] = field(default_factory=dict)
    main: tuple = ()


class Reader:
    """A recursive-descent parser over the tokens of one file."""

    def __init__(self, text: str) -> None:
        self.tokens = self._split(text)
        self.at = 0
        self.model = Model()

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at = [], 0
        while at < len(text):
            found = TOKEN.match(text, at)
            if found is None:
                raise ModelError(f"unexpected character {text[at]!r}")
            at = found.end()
            if found[1]:
                tokens.append(found[1])
        return tokens

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if expected and token not in expected:
            near = " ".join(self.tokens[max(0, self.at - 8) : self.at + 3])
            raise ModelError(f"expected {expected}, found {token!r} near: {near}")
        self.at += 1
        return token

    def skip(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def listed(self, read, end: str) -> list:
        items = []
        while not self.skip(end):
            items.append(read())
            if self.peek() != end:
                self.take(",")
        return items

    def typed(self) -> tuple[str, str]:
        name = self.take()
        self.take(":")
        return name, self.known_type(self.take())

    def known_type(self, name: str) -> str:
        if name not in self.model.types:
            raise ModelError(f"unknown type {name}")
        return name

    def options(self) -> list[str]:
        return self.listed(self.take, "]") if self.skip("[") else []

    # ---- declarations ----

    def read(self) -> Model:
        while True:
            kind = self.take("type", "free", "const", "fun", "reduc", "event", "query", "let", "process")
            if kind == "process":
                self.model.main = self.process({})
                if self.peek():
                    raise ModelError(f"trailing {self.peek()!r}")
                return self.model
            getattr(self, f"declare_{kind}")()

    def declare_type(self) -> None:
        self.model.types.add(self.take())
        self.take(".")

    def declare_free(self) -> None:
        names = [self.take()]
        while self.skip(","):
            names.append(self.take())
        self.take(":")
        result = self.known_type(self.take())
        private = "private" in self.options()
        self.take(".")
        for name in names:
            self.declare(name, (), result)
            if private:
                self.model.secret.add(name)

    declare_const = declare_free

    def declare(self, name: str, arguments: tuple[str, ...], result: str) -> None:
        if name in self.model.symbols or name in self.model.types:
            raise ModelError(f"{name} is declared twice")
        self.model.symbols[name] = (arguments, result)

    def declare_fun(self) -> None:
        name = self.take()
        self.take("(")
        arguments = tuple(self.listed(lambda: self.known_type(self.take()), ")"))
        self.take(":")
        self.declare(name, arguments, self.known_type(self.take()))
        options = self.options()
        if "private" in options:
            self.model.secret.add(name)
        if "data" in options:
            self.model.data.add(name)
        self.take(".")

    def declare_reduc(self) -> None:
        while True:
            self.take("forall")
            scope = dict(self.listed(self.typed, ";"))
            name = self.take()
            self.take("(")
            arguments = self.listed(lambda s=scope: self.term(s), ")")
            self.take("=")
            result, result_type = self.term(scope)
            kinds = tuple(kind for _, kind in arguments)
            if self.model.symbols.setdefault(name, (kinds, result_type)) != (kinds, result_type):
                raise ModelError(f"the rules of {name} differ in type")
            self.model.rules.setdefault(name, []).append((tuple(term for term, _ in arguments), result))
            if self.take(";", ".") == ".":
                return

    def declare_event(self) -> None:
        name = self.take()
        self.take("(")
        self.model.events[name] = tuple(self.listed(lambda: self.known_type(self.take()), ")"))
        self.take(".")

    def declare_query(self) -> None:
        start = self.at
        scope = {} if self.peek() in {"attacker", "event", "inj-event"} else dict(self.listed(self.typed, ";"))
        kind = self.take("attacker", "event", "inj-event")
        self.take("(")
        if kind == "attacker":
            goal, needed = ("attacker", self.term(scope)[0]), None
            self.take(")")
        else:
            goal = ("event", self.event_term(scope))
            self.take(")")
            self.take("==>")
            self.take(kind)
            self.take("(")
            needed = (kind, self.event_term(scope))
            self.take(")")
        self.model.queries.append((" ".join(self.tokens[start : self.at]), goal, needed))
        self.take(".")

    def declare_let(self) -> None:
        name = self.take()
        self.take("(")
        parameters = self.listed(self.typed, ")")
        self.take("=")
        self.model.macros[name] = (parameters, self.process(dict(parameters)))
        self.take(".")

    # ---- terms and patterns ----

    def event_term(self, scope: dict[str, str]) -> Term:
        name = self.take()
        self.take("(")
        arguments = self.listed(lambda: self.term(scope), ")")
        self.same_types(name, arguments, self.model.events.get(name))
        return (name, *(term for term, _ in arguments))

    def same_types(self, name: str, arguments: list, expected: tuple[str, ...] | None) -> None:
        found = tuple(kind for _, kind in arguments)
        if found != expected:
            raise ModelError(f"{name} takes {expected}, given {found}")

    def term(self, scope: dict[str, str]) -> tuple[Term, str]:
        if self.skip("("):
            return ("tuple", *(term for term, _ in self.listed(lambda: self.term(scope), ")"))), "bitstring"
        name = self.take()
        if name in scope:
            return name, scope[name]
        if name not in self.model.symbols:
            raise ModelError(f"unknown symbol {name}")
        expected, result = self.model.symbols[name]
        arguments = self.listed(lambda: self.term(scope), ")") if self.skip("(") else []
        self.same_types(name, arguments, expected)
        return (name, *(term for term, _ in arguments)), result

    def pattern(self, scope: dict[str, str]) -> tuple[tuple, str | None]:
        """A pattern, extending `scope`: ("bind", x), ("same", term), ("build", f, patterns)."""
        if self.skip("="):
            term, kind = self.term(scope)
            return ("same", term), kind
        if self.skip("("):
            return ("build", "tuple", [p for p, _ in self.listed(lambda: self.pattern(scope), ")")]), "bitstring"
        name = self.take()
        if self.skip("("):
            expected, result = self.model.symbols[name]
            parts = self.listed(lambda: self.pattern(scope), ")")
            self.same_types(name, parts, expected)
            return ("build", name, [p for p, _ in parts]), result
        scope[name] = self.known_type(self.take()) if self.skip(":") else ""
        return ("bind", name), scope[name]

    # ---- processes ----

    def process(self, scope: dict[str, str]) -> tuple:
        parts = [self.single(dict(scope))]
        while self.skip("|"):
            parts.append(self.single(dict(scope)))
        return parts[0] if len(parts) == 1 else ("parallel", parts)

    def single(self, scope: dict[str, str]) -> tuple:
        if self.skip("!"):
            return ("replicate", self.single(scope))
        if self.skip("("):
            inside = self.process(scope)
            self.take(")")
            return inside
        word = self.take()
        if word == "0":
            return ("stop",)
        if word in {"new", "in", "out", "event", "let"}:
            return getattr(self, f"read_{word}")(scope)
        parameters, body = self.model.macros.get(word) or self.unknown(word)
        self.take("(")
        arguments = self.listed(lambda: self.term(scope), ")")
        self.same_types(word, arguments, tuple(kind for _, kind in parameters))
        return ("call", [name for name, _ in parameters], [term for term, _ in arguments], body)

    def unknown(self, word: str) -> tuple:
        raise ModelError(f"unknown process {word}")

    def rest(self, scope: dict[str, str]) -> tuple:
        return self.single(scope) if self.skip(";") else ("stop",)

    def read_new(self, scope: dict[str, str]) -> tuple:
        name, kind = self.typed()
        scope[name] = kind
        return ("new", name, self.rest(scope))

    def read_in(self, scope: dict[str, str]) -> tuple:
        self.take("(")
        self.take("net")
        self.take(",")
        pattern, _ = self.pattern(scope)
        self.take(")")
        return ("in", pattern, self.rest(scope))

    def read_out(self, scope: dict[str, str]) -> tuple:
        self.take("(")
        self.take("net")
        self.take(",")
        term, _ = self.term(scope)
        self.take(")")
        return ("out", term, self.rest(scope))

    def read_event(self, scope: dict[str, str]) -> tuple:
        return ("event", self.event_term(scope), self.rest(scope))

    def read_let(self, scope: dict[str, str]) -> tuple:
        outer = dict(scope)
        pattern, kind = self.pattern(scope)
        self.take("=")
        term, term_kind = self.term(outer)
        if pattern[0] == "bind" and not kind:
            scope[pattern[1]] = term_kind
        elif kind != term_kind:
            raise ModelError(f"a {kind} pattern cannot match a {term_kind}")
        self.take("in")
        return ("let", pattern, term, self.single(scope))


def parse(text: str) -> Model:
    """Read a model; raises ModelError where it is not in the supported language or ill-typed."""
    return Reader(text).read()
