"""Small files: whoever reads one party reads it in one sitting."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [file for folder in ("gateway", "services", "tests/bench") for file in sorted((ROOT / folder).rglob("*.py"))]
LONGEST_FILE = 400
LONGEST_FUNCTION = 40


def test_no_file_is_over_four_hundred_lines() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in FILES
        if (lines := len(file.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_no_function_is_over_forty_lines() -> None:
    long = {
        f"{file.relative_to(ROOT)}:{node.name}": lines
        for file in FILES
        if file.name != "__main__.py"  # a program is wired together in one function
        and file.parent.name != "scenarios"  # and a scenario is told in one
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }  # fmt: skip
    assert long == {}


def test_every_module_says_what_it_may_know() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in FILES
        if file.name != "__init__.py" and ast.get_docstring(ast.parse(file.read_text())) is None
    ]
    assert silent == []
