"""Small files: whoever reads one party reads it in one sitting."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [file for folder in ("gateway", "services", "tests/bench") for file in sorted((ROOT / folder).rglob("*.py"))]
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
MOST_PARAMETERS = 6
MOST_IN_THE_LAB = 6
WHY_LONG = re.compile(r"^# Long because [^\n]{20,}\.$", re.MULTILINE)
WHY_MANY = re.compile(r"# (noqa: PLR0913.* - |many parameters: )\w+")


def test_no_file_is_over_three_hundred_lines_without_a_sentence_that_says_why() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in FILES
        if (lines := len(file.read_text().splitlines())) > LONGEST_FILE and not WHY_LONG.search(file.read_text())
    }
    assert long == {}, "split it, or begin a line under its docstring with: # Long because …"


def test_no_file_says_why_it_is_long_without_being_so() -> None:
    excused = [file for file in FILES if WHY_LONG.search(file.read_text())]
    assert [file for file in excused if len(file.read_text().splitlines()) <= LONGEST_FILE] == []


def test_no_function_has_more_than_six_parameters_without_a_reason_beside_them() -> None:
    many = []
    for file in FILES:
        lines = file.read_text().splitlines()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                own = [argument for argument in given if argument.arg not in {"self", "cls"}]
                if len(own) > MOST_PARAMETERS and not WHY_MANY.search(lines[node.lineno - 1]):
                    many.append(f"{file.relative_to(ROOT)}:{node.name}")
    assert many == []


def test_few_modules_lie_directly_in_the_lab() -> None:
    assert len(list((ROOT / "services" / "lab").glob("*.py"))) <= MOST_IN_THE_LAB


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
