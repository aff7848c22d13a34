"""Finds every refusal code that the sources can raise, and its sentence, by reading them: no list to forget one in.

A code stands where an error is made (`Yours("area.what", …)`, `Policy(*TABLE[key])`), where a function takes it as its
parameter `code`, or where something called `code` is set. An f-string becomes a pattern: `{name}.unavailable`.
A sentence is what is passed beside the code, or what the function that takes the code makes of it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

ROOTS = {"Yours": "yours", "Ours": "ours", "Policy": "policy", "LogInvalid": "log"}
_SHAPE = re.compile(r"[a-z0-9_{}]+\.[a-z0-9_{}]+")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_FILLED = "…"  # what the program fills in when it speaks
_SAFE = ast.Name | ast.Attribute | ast.Constant | ast.BinOp | ast.operator | ast.expr_context
Said = tuple[str, str]  # whose fault, and the sentence


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """A code, where it stands, whose fault it is, and the sentence (each empty where reading does not tell).

    `lent` is a sentence that a function has for every code that it takes.
    """

    code: str
    place: str
    fault: str
    said: str = ""
    lent: bool = False

    def matches(self, documented: str) -> bool:
        """Whether this is the documented code, or a pattern that makes it."""
        parts = re.split(r"\{\}", self.code)
        return re.fullmatch("[a-z0-9_]+".join(map(re.escape, parts)), documented) is not None


class Sources:
    """Every Python file below some folders, parsed."""

    def __init__(self, root: Path, folders: list[str]) -> None:
        files = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
        self.trees = {str(file.relative_to(root)): ast.parse(file.read_text()) for file in files}
        self.nodes = {place: list(ast.walk(tree)) for place, tree in self.trees.items()}
        self.faults = self._error_classes()
        self.takers = dict(self._takers())
        self.functions: dict[str, list[tuple[str, ast.AST]]] = defaultdict(list)
        self.set_to: dict[tuple[str, str], list[str]] = defaultdict(list)  # sentences by file and name; "" is any file
        for place, tree in self.trees.items():
            for node in self.nodes[place]:
                if isinstance(node, _FUNCTION):
                    self.functions[node.name].append((place, node))
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    for where in (place, "") if node in tree.body else (place,):
                        self.set_to[where, node.targets[0].id] += self._texts(place, node.value)

    def codes(self) -> set[Code]:
        """Return every code, once for each sentence."""
        return {code for place, tree in self.trees.items() for code in self._in(place, tree)}

    def _nodes(self) -> Iterator[ast.AST]:
        return chain.from_iterable(self.nodes.values())

    def _error_classes(self) -> dict[str, str]:
        """Return error class -> fault, from the roots down."""
        faults = dict(ROOTS)
        classes = [node for node in self._nodes() if isinstance(node, ast.ClassDef)]
        for _ in range(4):  # levels of inheritance
            for one in classes:
                for base in one.bases:
                    if isinstance(base, ast.Name) and base.id in faults:
                        faults[one.name] = faults[base.id]
        return faults

    def _takers(self) -> Iterator[tuple[str, int]]:
        """Return the name of every function and record that takes a `code`, and at which position."""
        for node in self._nodes():
            if isinstance(node, _FUNCTION):
                names = [argument.arg for argument in node.args.args if argument.arg not in {"self", "cls"}]
            elif isinstance(node, ast.ClassDef) and node.name not in self.faults:
                names = [
                    f.target.id for f in node.body if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)
                ]
            else:
                continue
            if "code" in names:
                yield node.name, names.index("code")

    def _in(self, place: str, tree: ast.Module) -> Iterator[Code]:
        nodes = self.nodes[place]
        inside = {
            id(node): one.name
            for one in nodes
            if isinstance(one, ast.ClassDef) and one.name in self.faults
            for node in ast.walk(one)
        }
        within = {id(node): one for one in nodes if isinstance(one, _FUNCTION) for node in ast.walk(one)}
        for node in nodes:
            if isinstance(node, ast.Call):
                name = _name(node.func)
                if name == "__init__" and id(node) in inside:
                    name = inside[id(node)]
                yield from self._call(place, tree, name, node)
            elif isinstance(node, ast.Assign):
                for code, said in _assigned(node):
                    made = self._made_in(place, within[id(node)], frozenset()) if id(node) in within else set()
                    yield from (Code(code, place, fault, said or each) for fault, each in made or {("", "")})

    def _call(self, place: str, tree: ast.Module, name: str, call: ast.Call) -> Iterator[Code]:
        at = 0 if name in self.faults else self.takers.get(name)
        argument = _named(call, "code") or (call.args[at] if at is not None and len(call.args) > at else None)
        if isinstance(argument, ast.Starred):
            fault = self.faults.get(name, "")
            yield from (Code(code, place, fault, said) for code, said in _table(tree, argument.value))
        elif argument is not None:
            lent = name not in self.faults
            made = self._made_by(name, frozenset()) if lent else self._said(place, name, call)
            for code in _strings(argument):
                yield from (Code(code, place, fault, said, lent) for fault, said in made or {("", "")})

    def _said(self, place: str, error: str, call: ast.Call) -> set[Said]:
        """Return fault and sentences of an error that is made here."""
        detail = _named(call, "detail") or (call.args[1] if len(call.args) > 1 else None)
        return {(self.faults[error], said) for said in self._texts(place, detail) or [""]}

    def _made_by(self, name: str, above: frozenset[str]) -> set[Said]:
        """Return what a function makes of the code that it takes."""
        here = [] if name in above else self.functions[name]
        return {said for place, function in here for said in self._made_in(place, function, above | {name})}

    def _made_in(self, place: str, function: ast.AST, above: frozenset[str]) -> set[Said]:
        """Return what a function makes of its `code`: errors of its own, or else whatever it passes the code on to."""
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        calls = [call for call in calls if any(isinstance(each, ast.Name) and each.id == "code" for each in call.args)]
        own = {
            said
            for call in calls
            if (name := _name(call.func)) in self.faults
            for said in self._said(place, name, call)
        }
        return own or {
            said for call in calls if _name(call.func) in self.takers for said in self._made_by(_name(call.func), above)
        }

    def _texts(self, place: str, value: ast.expr | None) -> list[str]:
        """Return the sentences that an expression can be, as far as reading tells."""
        if isinstance(value, ast.IfExp):
            return self._texts(place, value.body) + self._texts(place, value.orelse)
        if isinstance(value, ast.BinOp):
            return [a + b for a in self._texts(place, value.left) for b in self._texts(place, value.right)]
        if isinstance(value, ast.Name):
            return self.set_to[place, value.id] or self.set_to["", value.id]
        if isinstance(value, ast.JoinedStr):
            return ["".join(_part(place, part) for part in value.values)]
        return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) else []


def _named(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _part(place: str, part: ast.expr) -> str:
    """Return a part of an f-string: a constant of the module as it is, everything else as `…`."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    if isinstance(part, ast.FormattedValue) and all(isinstance(each, _SAFE) for each in ast.walk(part.value)):
        module = place.removeprefix("services/").removesuffix(".py").replace("/", ".")
        whole: Any = ast.Expression(ast.JoinedStr([part]))
        with suppress(NameError, ImportError, AttributeError):
            here = vars(import_module(f"tiers.{module}"))
            said = str(eval(compile(ast.fix_missing_locations(whole), place, "eval"), dict(here)))
            return _FILLED if said.startswith("/") else said  # a path is this machine's own
    return _FILLED


def _name(function: ast.expr) -> str:
    """Return the last part of what is called."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _strings(value: ast.expr) -> Iterator[str]:
    """Return the strings of that shape that an expression can be."""
    if isinstance(value, ast.IfExp):
        yield from _strings(value.body)
        yield from _strings(value.orelse)
        return
    text = ""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        text = value.value
    elif isinstance(value, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in value.values)
    if _SHAPE.fullmatch(text):
        yield text


def _assigned(node: ast.Assign) -> Iterator[tuple[str, str]]:
    """Return what something called `code` is set to, alone or in a tuple with its sentence."""
    for target in node.targets:
        pairs, said = [(target, node.value)], ""
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
            said = next(
                (str(two.value) for one, two in pairs if _is(one, "detail") and isinstance(two, ast.Constant)), ""
            )
        for one, value in pairs:
            if _is(one, "code"):
                yield from ((code, said) for code in _strings(value))


def _is(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id.lower() == name


def _table(tree: ast.Module, table: ast.expr) -> Iterator[tuple[str, str]]:
    """Return codes and sentences of a table `{key: (code, detail)}` that is unpacked into an error."""
    while isinstance(table, ast.Subscript):
        table = table.value
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(table, ast.Name) and target.id == table.id:
            for one in (one for one in ast.walk(node) if isinstance(one, ast.Tuple)):
                said = one.elts[1].value if isinstance(one.elts[1], ast.Constant) else ""
                yield from ((code, str(said)) for code in _strings(one.elts[0]))
