"""Finds every refusal code that the sources can raise, by reading them: no list to forget an entry in.

A code stands where an error is made (`Yours("area.what", …)`, `Policy(*TABLE[key])`), where a function takes it as its
parameter `code`, or where something called `code` is set. An f-string becomes a pattern: `{name}.unavailable`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOTS = {"Yours": "yours", "Ours": "ours", "Policy": "policy", "LogInvalid": "log"}
_SHAPE = re.compile(r"[a-z0-9_{}]+\.[a-z0-9_{}]+")


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """A code, where it stands, and whose fault it is where the error is made on the spot (else empty)."""

    code: str
    place: str
    fault: str

    def matches(self, documented: str) -> bool:
        """Whether this is the documented code, or a pattern that makes it."""
        parts = re.split(r"\{\}", self.code)
        return re.fullmatch("[a-z0-9_]+".join(map(re.escape, parts)), documented) is not None


class Sources:
    """Every Python file below some folders, parsed."""

    def __init__(self, root: Path, folders: list[str]) -> None:
        files = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
        self.trees = {str(file.relative_to(root)): ast.parse(file.read_text()) for file in files}
        self.faults = self._error_classes()
        self.takers = dict(self._takers())

    def codes(self) -> set[Code]:
        """Return every code."""
        return {code for place, tree in self.trees.items() for code in self._in(place, tree)}

    def _nodes(self) -> Iterator[ast.AST]:
        for tree in self.trees.values():
            yield from ast.walk(tree)

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
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
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
        inside = {
            id(node): one.name
            for one in ast.walk(tree)
            if isinstance(one, ast.ClassDef) and one.name in self.faults
            for node in ast.walk(one)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = _name(node.func)
                if name == "__init__" and id(node) in inside:
                    name = inside[id(node)]
                yield from self._call(place, tree, name, node)
            elif isinstance(node, ast.Assign):
                yield from (Code(code, place, "") for code in _assigned(node))

    def _call(self, place: str, tree: ast.Module, name: str, call: ast.Call) -> Iterator[Code]:
        for keyword in call.keywords:
            if keyword.arg == "code":
                yield from (Code(code, place, "") for code in _strings(keyword.value))
        at = 0 if name in self.faults else self.takers.get(name)
        if at is None or len(call.args) <= at:
            return
        argument = call.args[at]
        found = _first_of_each(tree, argument.value) if isinstance(argument, ast.Starred) else _strings(argument)
        yield from (Code(code, place, self.faults.get(name, "")) for code in found)


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


def _assigned(node: ast.Assign) -> Iterator[str]:
    """Return what something called `code` is set to, alone or in a tuple."""
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        for one, value in pairs:
            if isinstance(one, ast.Name) and one.id.lower() == "code":
                yield from _strings(value)


def _first_of_each(tree: ast.Module, table: ast.expr) -> Iterator[str]:
    """Return the codes of a table `{key: (code, detail)}` that is unpacked into an error."""
    while isinstance(table, ast.Subscript):
        table = table.value
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(table, ast.Name) and target.id == table.id:
            tuples = [one for one in ast.walk(node) if isinstance(one, ast.Tuple)]
            yield from (code for one in tuples for code in _strings(one.elts[0]))
