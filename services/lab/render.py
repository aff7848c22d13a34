"""The matrix, shown: for the terminal, for programs, for people's browsers and for test reports. Pure but for `show`.

Colour is never alone: `READS` and `sealed` differ in letters and in case, and a cell that disagrees bears a `!`.
"""

import csv
import html
import io
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from services.lab.matrix import Cell, Content, Matrix

_WORDS = {Content.READS: "READS", Content.SEALED: "sealed", Content.UNMEASURED: "-"}
_STYLES = {Content.READS: "bold red", Content.SEALED: "green", Content.UNMEASURED: "dim"}
_CSS = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;color:#17202a;background:#fff}"
    "table{border-collapse:collapse}th,td{border:1px solid #9aa5b1;padding:.3rem .6rem;text-align:center}"
    "th[scope=row]{text-align:left;font-weight:600}.reads{background:#fde3df;font-weight:700}"
    ".sealed{background:#e7f4ea}.wrong{outline:3px solid #b00020}"
)


_NAME = len("auditor-outside-window") + 1  # characters of the first column, and of each other one
_COLUMN = len("sealed") + 2
C = TypeVar("C")


class Format(StrEnum):
    """How a matrix is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "md"
    HTML = "html"
    JUNIT = "junit"


def render(matrix: Matrix, how: Format) -> str:
    """Write a matrix in any format but the table."""
    return _WRITERS[how](matrix)


def show(matrix: Matrix, console: Console) -> None:
    """Print who can read which message, what does not agree, and the verdict."""
    console.print("\n[bold]Who can read which message[/]")
    numbered = list(enumerate(matrix.messages, 1))
    for columns in _fitting(numbered, (console.width - _NAME) // _COLUMN):
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("vantage point", no_wrap=True, min_width=_NAME - 1)
        for number, _ in columns:
            table.add_column(str(number), justify="center", no_wrap=True, min_width=_COLUMN - 2)
        for vantage in matrix.vantages:
            cells = (matrix.cell(vantage.id, message.key) for _, message in columns)
            table.add_row(vantage.id, *(f"[{_STYLES[cell.content]}]{_word(cell)}[/]" for cell in cells))
        console.print(table, "")
    for number, message in numbered:
        console.print(f"{number}  {message.title}", highlight=False)
    console.print()
    for line in complaints(matrix):
        console.print(f"[bold red]![/] {line}", highlight=False)
    console.print(verdict(matrix), highlight=False)


def _fitting(columns: list[C], most: int) -> list[list[C]]:
    """Cut columns into as few parts as fit the terminal, of about the same size."""
    parts = max(1, -(-len(columns) // max(1, most)))
    size = -(-len(columns) // parts)
    return [columns[start : start + size] for start in range(0, len(columns), size)]


def complaints(matrix: Matrix) -> list[str]:
    """Say in one sentence each what does not agree, and which positive control was not found."""
    said = [
        f"{one.vantage}, {one.message}, {one.what}: declared {one.declared}, closed {one.closure}, is {one.measured}"
        for one in matrix.agreement.disagreements
    ]
    return said + [f"a positive control was not found: {one}" for one in matrix.agreement.missing_controls]


def verdict(matrix: Matrix) -> str:
    """Say how it stands."""
    whole = matrix.agreement
    measured = f"{whole.cells - whole.unmeasured} of {whole.cells} cells measured"
    found = sum(one.found is not None for one in matrix.controls)
    controls = f"{found} of {len(matrix.controls)} positive controls found"
    words = "Policy, closure and measured bytes agree" if whole.holds else "NOT as declared"
    return f"{words}: {measured}, {controls}."


def _word(cell: Cell) -> str:
    return _WORDS[cell.content] + ("!" if cell.disagreements else "")


def _json(matrix: Matrix) -> str:
    return msgspec.json.format(msgspec.json.encode(matrix)).decode() + "\n"


def _csv(matrix: Matrix) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["vantage", "message", "content", "metadata", "forge", "declared", "closure", "agrees"])
    for cell in matrix.cells:
        facts = [cell.content, " ".join(cell.metadata), cell.forge, cell.declared, cell.closure]
        writer.writerow([cell.vantage, cell.message, *facts, "no" if cell.disagreements else "yes"])
    return out.getvalue()


def _markdown(matrix: Matrix) -> str:
    keys = [message.key for message in matrix.messages]
    lines = [f"| vantage point | {' | '.join(keys)} |", "|---" * (len(keys) + 1) + "|"]
    for vantage in matrix.vantages:
        words = (_word(matrix.cell(vantage.id, key)) for key in keys)
        lines.append(f"| {vantage.id} | {' | '.join(words)} |")
    notes = [f"* {line}" for line in complaints(matrix)]
    return "\n".join([*lines, "", verdict(matrix), *notes, ""])


def _html(matrix: Matrix) -> str:
    heads = "".join(f'<th scope="col" title="{_text(one.title)}">{_text(one.key)}</th>' for one in matrix.messages)
    rows = "".join(
        f'<tr><th scope="row" title="{_text(vantage.says)}">{_text(vantage.id)}</th>'
        + "".join(_html_cell(matrix.cell(vantage.id, message.key)) for message in matrix.messages)
        + "</tr>"
        for vantage in matrix.vantages
    )
    notes = "".join(f"<li>{_text(line)}</li>" for line in complaints(matrix))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Who can read which message</title>'
        f"<style>{_CSS}</style><h1>Who can read which message</h1><table><thead><tr><th>vantage point</th>{heads}</tr>"
        f"</thead><tbody>{rows}</tbody></table><p>{_text(verdict(matrix))}</p><ul>{notes}</ul></html>\n"
    )


def _html_cell(cell: Cell) -> str:
    kind = {Content.READS: "reads", Content.SEALED: "sealed", Content.UNMEASURED: ""}[cell.content]
    style = f"{kind} wrong" if cell.disagreements else kind
    how = " → ".join(cell.derivation) or cell.because
    return f'<td class="{style}" title="{_text(how)}">{_word(cell)}</td>'


def _text(words: str) -> str:
    return html.escape(words)


def _junit(matrix: Matrix) -> str:
    suites = Element("testsuites", name="tiers matrix")
    for vantage in matrix.vantages:
        suite = SubElement(suites, "testsuite", name=vantage.id)
        for cell in (matrix.cell(vantage.id, message.key) for message in matrix.messages):
            case = SubElement(suite, "testcase", classname=vantage.id, name=cell.message)
            if cell.disagreements:
                said = f"declared {cell.declared}, closed {cell.closure}, measured {cell.content}"
                SubElement(case, "failure", message=said).text = "\n".join(cell.derivation)
            elif cell.content is Content.UNMEASURED:
                SubElement(case, "skipped", message=cell.content)
    controls = SubElement(suites, "testsuite", name="positive controls")
    for one in matrix.controls:
        case = SubElement(controls, "testcase", classname=one.source, name=one.says)
        if one.found is None:
            SubElement(case, "failure", message="not found: the capture proves nothing")
    return tostring(suites, encoding="unicode") + "\n"


_WRITERS: Mapping[Format, Callable[[Matrix], str]] = {
    Format.JSON: _json,
    Format.CSV: _csv,
    Format.MARKDOWN: _markdown,
    Format.HTML: _html,
    Format.JUNIT: _junit,
}
