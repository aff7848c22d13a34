"""The matrix, shown: a table for the terminal, and as JSON, CSV, Markdown, HTML and JUnit. Pure but for `show`.

Colour is never alone: a cell says READS or sealed, and how the message could be forged by a mark that the key explains.
"""

import csv
import html
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping

import msgspec
from rich.console import Console
from rich.table import Table

from tiers.measure.derive.closure import Forge
from tiers.measure.matrix.matrix import Cell, Content, Matrix

MARKS = {Forge.YES: "*", Forge.WITH_RELAY: "+", Forge.BRIEFLY: "~", Forge.NO: ""}
KEY = """\
* could forge another like it     + with the relay's help
~ the same, while that minute is still taken     ! not as declared
one text: no sender can have it read another text of a message than the receiver does"""
CSV_COLUMNS = (
    *("message", "vantage", "content", "declared", "closure", "forge", "forge_declared", "forge_closure"),
    *("metadata", "one_text", "agrees", "because"),
)
_NAME = len("auditor-outside-window") + 1  # characters of the first column, and of each other one
_COLUMN = len("sealed+") + 1
_WORDS = {Content.READS: "READS", Content.SEALED: "sealed", Content.UNMEASURED: "-"}
_SAME = {True: "yes", False: "NO!", None: ""}
_NO_YES = {True: "yes", False: "no", None: ""}
_COLOURS = {Content.READS: "bold red", Content.SEALED: "green", Content.UNMEASURED: "dim"}


def word(cell: Cell) -> str:
    """Return what a cell says, in one word with its marks."""
    return _WORDS[cell.content] + MARKS[cell.forge] + ("!" if cell.disagreements else "")


def show(matrix: Matrix, console: Console) -> None:
    """Print who can read which message, and the verdict; a narrow terminal gets the table in parts."""
    console.print("\n[bold]Who can read which message[/]")
    most = max(1, (console.width - _NAME - _COLUMN) // _COLUMN)
    for begin in range(0, len(matrix.messages), most):
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold underline")
        table.add_column("vantage point", no_wrap=True, min_width=_NAME - 1)
        for number in range(begin, min(begin + most, len(matrix.messages))):
            table.add_column(str(number + 1), no_wrap=True, min_width=_COLUMN - 1)
        table.add_column("one text", no_wrap=True)
        for vantage in matrix.vantages:
            cells = matrix.row(vantage.id)[begin : begin + most]
            shown = (f"[{_COLOURS[cell.content]}]{word(cell)}[/]" for cell in cells)
            table.add_row(vantage.id, *shown, _SAME[matrix.one_text(vantage.id)])
        console.print(table, "")
    for number, message in enumerate(matrix.messages, 1):
        console.print(f"{number}  {message.title}", highlight=False, markup=False)
    console.print(f"\n{KEY}\n", highlight=False)
    for line in verdict(matrix):
        console.print(line, highlight=False, markup=False)  # [heap] is a place


def verdict(matrix: Matrix) -> tuple[str, ...]:
    """Return the verdict in lines: what is not as declared, and the derivation of each such cell, then the sum."""
    said = matrix.agreement
    lines: list[str] = []
    for wrong in said.disagreements:
        cell = matrix.cell(wrong.vantage, wrong.message)
        three = f"declared {wrong.declared}, derived {wrong.closure}, measured {wrong.measured}"
        lines.append(f"! {wrong.vantage} / {wrong.message}: {wrong.what}: {three}")
        lines += [f"      {step}" for step in (cell.forged if wrong.what == "forge" else cell.derivation)]
    lines += [f"! a positive control is missing: {missing}" for missing in said.missing_controls]
    words = "as declared" if said.holds else "NOT as declared"
    unmeasured = f"; {said.unmeasured} (-) are not measured here" if said.unmeasured else ""
    lines.append(f"{said.cells} cells, {words}: policy, closure and measured bytes{unmeasured}.")
    return tuple(lines)


def as_json(matrix: Matrix) -> str:
    """Return the schema of docs/spec/matrix.md."""
    return msgspec.json.format(msgspec.json.encode(matrix)).decode() + "\n"


def as_csv(matrix: Matrix) -> str:
    """Return one line for each cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for cell in matrix.cells:
        shown = {"one_text": _NO_YES[cell.one_text], "agrees": _NO_YES[not cell.disagreements]}
        writer.writerow(msgspec.structs.asdict(cell) | shown | {"metadata": " ".join(cell.metadata)})
    return out.getvalue()


def as_markdown(matrix: Matrix) -> str:
    """Return a table, the key, the verdict, and the sentences that explain."""
    keys = [message.key for message in matrix.messages]
    lines = ["# Who can read which message", ""]
    lines += [f"| vantage point | {' | '.join(keys)} | one text |", "|---" * (len(keys) + 2) + "|"]
    reasons: list[str] = []
    for vantage in matrix.vantages:
        cells = matrix.row(vantage.id)
        words = (word(cell).replace("*", r"\*").replace("~", r"\~") for cell in cells)
        title = vantage.title.replace("|", r"\|")
        lines.append(f"| {title} | {' | '.join(words)} | {_SAME[matrix.one_text(vantage.id)]} |")
        for because in dict.fromkeys(cell.because for cell in cells if cell.because):
            of = ", ".join(cell.message for cell in cells if cell.because == because)
            reasons.append(f"* **{vantage.title}** · {of}: {because}")
    lines += ["", f"Key: {KEY.replace('*', chr(92) + '*')}", "", *verdict(matrix), "", "## Why", "", *reasons]
    return "\n".join(lines) + "\n"


_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff }
table { border-collapse: collapse }
th, td { border: 1px solid #bbb; padding: .3rem .5rem; vertical-align: top }
th { text-align: left; background: #f3f3f3 }
td.reads { background: #ffd9d4; font-weight: bold }
td.sealed { background: #dcf2dc }
td.wrong { outline: 3px solid #b00020 }
summary { cursor: pointer }
ol { margin: .3rem 0; padding: 0; list-style: none; font: 12px monospace }
"""


def as_html(matrix: Matrix) -> str:
    """Return one page that needs nothing else: every cell opens to its derivation."""
    return side_by_side({"Who can read which message": matrix})


def side_by_side(matrices: Mapping[str, Matrix]) -> str:
    """Return one page of several matrices, each under its heading."""
    title = html.escape(" · ".join(matrices))
    parts = "".join(f"<h1>{html.escape(name)}</h1>{_html_table(matrix)}" for name, matrix in matrices.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>{parts}<p>{html.escape(KEY)}</p></html>\n"
    )


def _html_table(matrix: Matrix) -> str:
    head = "".join(_html_head("col", one.title, one.key) for one in matrix.messages)
    rows = "".join(
        f"<tr>{_html_head('row', vantage.says, vantage.title)}"
        + "".join(map(_html_cell, matrix.row(vantage.id)))
        + f'<td class="text">{_SAME[matrix.one_text(vantage.id)]}</td></tr>'
        for vantage in matrix.vantages
    )
    said = "".join(f"<p>{html.escape(line)}</p>" for line in verdict(matrix))
    return (
        f'<table><thead><tr><th scope="col">vantage point</th>{head}<th scope="col">one text</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{said}"
    )


def _html_head(scope: str, hint: str, text: str) -> str:
    return f'<th scope="{scope}" title="{html.escape(hint)}">{html.escape(text)}</th>'


def _html_cell(cell: Cell) -> str:
    kind = " ".join([cell.content.split()[0], *(["wrong"] if cell.disagreements else [])])
    steps = [cell.because, *cell.derivation, *(f"forging: {step}" for step in cell.forged)]
    inside = "".join(f"<li>{html.escape(step)}</li>" for step in steps if step)
    text = html.escape(word(cell))
    shown = f"<details><summary>{text}</summary><ol>{inside}</ol></details>" if inside else text
    return f'<td class="{kind}">{shown}</td>'


def as_junit(matrix: Matrix) -> str:
    """Return JUnit XML: a suite for each vantage point, a case for each cell, and a suite for the controls.

    One attack measures all cells: its seconds stand at the top, and a case takes none of its own.
    """
    root = ET.Element("testsuites", name="intercept-tiers matrix")
    for vantage in matrix.vantages:
        suite = ET.SubElement(root, "testsuite", name=vantage.id)
        for cell in matrix.row(vantage.id):
            case = _case(suite, cell.message)
            if cell.disagreements:
                steps = "\n".join([*cell.derivation, *cell.forged])
                said = f"{', '.join(cell.disagreements)}: declared {cell.declared}, measured {cell.content}"
                ET.SubElement(case, "failure", message=said).text = steps
            elif cell.content is Content.UNMEASURED:
                ET.SubElement(case, "skipped", message=str(cell.content))
    suite = ET.SubElement(root, "testsuite", name="controls")
    for control in matrix.controls:
        case = _case(suite, f"{control.source}: {control.says}")
        if control.found is None:
            ET.SubElement(case, "failure", message="a capture lacks what must be there")
    for one in (*root, root):
        for name, tag in _COUNTED.items():
            one.set(name, str(len(list(one.iter(tag)))))
        one.set("time", f"{matrix.seconds if one is root else 0:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


_COUNTED = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def _case(suite: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"matrix.{suite.get('name')}", name=name, time="0.000")


FORMATS: Mapping[str, Callable[[Matrix], str]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
    "html": as_html,
    "junit": as_junit,
}
"""What `tiers matrix --format` takes beside the table for the terminal."""
