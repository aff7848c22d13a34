"""Every way to show a matrix: the same cells, readable without colour, and valid as what it claims to be."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from kits.measured import BAD, GOOD, PARTIAL, POLICY, measured
from tiers.measure.derive.closure import Forge
from tiers.measure.matrix.matrix import Content, Matrix, Outcome
from tiers.measure.matrix.render import CSV_COLUMNS, FORMATS, KEY, show, word

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "matrix.md"


def printed(matrix: Matrix) -> str:
    out = io.StringIO()
    show(matrix, Console(file=out, width=200, color_system=None))
    return out.getvalue()


def test_the_terminal_says_everything_without_colour() -> None:
    text = printed(GOOD)
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["auditor"]]
    assert re.findall(r"READS~?|sealed", row) == [
        *("sealed", "READS~", "READS~", "sealed", "sealed", "sealed", "sealed", "READS~", "sealed")
    ]
    assert KEY in text
    assert "198 cells, as declared" in text


def test_the_terminal_says_where_a_leak_lay() -> None:
    text = printed(BAD)
    assert "! gateway / bes-bbm: content: declared sealed, derived sealed, measured reads" in text
    assert "found in memory of gateway, [heap], offset 0x10, raw" in text
    assert "198 cells, NOT as declared" in text


def test_a_reader_who_could_be_shown_another_text_is_told_and_is_not_as_declared() -> None:
    two = measured(**{"auditor/bbm": Outcome(True, Forge.BRIEFLY, (), (), (), one_text=False)})
    (row,) = (line for line in printed(two).splitlines() if line.startswith("auditor "))
    assert row.rstrip().endswith("NO!")
    assert "! auditor / bbm: text: declared one text for all" in printed(two)
    assert not two.agreement.holds
    (row,) = (line for line in FORMATS["csv"](two).splitlines() if line.startswith("bbm,auditor,"))
    assert ",no,no," in row


def test_json_is_the_documented_schema() -> None:
    said = json.loads(FORMATS["json"](GOOD))
    example = json.loads(re.search(r"```json\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)[1])  # type: ignore[index]
    assert set(said) == set(example)
    for name in ("messages", "vantages", "cells", "controls"):
        assert set(said[name][0] if said[name] else example[name][0]) == set(example[name][0]), name
    assert set(said["agreement"]) == set(example["agreement"])
    wrong = json.loads(FORMATS["json"](BAD))["agreement"]["disagreements"]
    assert set(wrong[0]) == {"message", "vantage", "what", "declared", "closure", "measured"}
    assert msgspec.json.decode(FORMATS["json"](BAD), type=Matrix) == BAD


def test_the_example_of_the_specification_decodes() -> None:
    example = re.search(r"```json\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert msgspec.json.decode(example[1], type=Matrix).version == GOOD.version


def test_csv_has_a_line_for_each_cell() -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](BAD))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == len(BAD.cells)
    assert [(row["vantage"], row["message"]) for row in rows if row["agrees"] == "no"] == [("gateway", "bes-bbm")]


def test_markdown_is_a_table_with_the_sentences_below() -> None:
    text = FORMATS["markdown"](GOOD)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == len(GOOD.vantages) + 2
    assert {line.count("|") for line in table} == {len(GOOD.messages) + 3}
    assert POLICY.vantages["seized-handset"].because["enterprise"] in text


class Page(HTMLParser):
    """Counts cells and notes what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for name, value in attrs if name in {"src", "href"} and value]
        if tag == "td":
            self.cells.append(dict(attrs)["class"] or "")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("matrix", [GOOD, BAD, PARTIAL])
def test_html_stands_alone_and_hides_nothing(matrix: Matrix) -> None:
    text = FORMATS["html"](matrix)
    page = Page()
    page.feed(text)
    assert ([], []) == (page.open, page.loads)
    assert "<script" not in text
    assert len(page.cells) == len(matrix.cells) + len(matrix.vantages)
    assert sum("wrong" in one for one in page.cells) == (matrix is BAD)
    assert "the &lt;master&gt;" in text


def test_junit_fails_for_what_disagrees_and_skips_what_was_not_measured() -> None:
    root = ET.fromstring(FORMATS["junit"](BAD))
    (failure,) = root.iter("failure")
    assert "0x10" in (failure.text or "")
    assert len(list(root.iter("testcase"))) == len(BAD.cells)
    assert [] == list(ET.fromstring(FORMATS["junit"](GOOD)).iter("failure"))
    (skipped,) = ET.fromstring(FORMATS["junit"](PARTIAL)).iter("skipped")
    assert skipped.get("message") == "not measured here"


def test_junit_counts_what_it_holds() -> None:
    for matrix in (GOOD, BAD, PARTIAL):
        root = ET.fromstring(FORMATS["junit"](msgspec.structs.replace(matrix, seconds=1.5)))
        assert ("1.500", str(len(matrix.cells))) == (root.get("time"), root.get("tests"))
        for suite in (root, *root.iter("testsuite")):
            for name, tag in (
                ("tests", "testcase"),
                ("failures", "failure"),
                ("errors", "error"),
                ("skipped", "skipped"),
            ):
                assert int(suite.get(name)) == len(list(suite.iter(tag)))
        assert all(case.get("time") for case in root.iter("testcase"))


@pytest.mark.parametrize("matrix", [GOOD, BAD, PARTIAL])
def test_json_is_as_its_schema_says(matrix: Matrix) -> None:
    import fastjsonschema

    check = fastjsonschema.compile(msgspec.json.schema(Matrix))
    check(json.loads(FORMATS["json"](matrix)))
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        check(json.loads(FORMATS["json"](matrix)) | {"cells": 198})


def test_a_word_is_different_for_every_kind_of_cell() -> None:
    words = {
        word(msgspec.structs.replace(GOOD.cells[0], content=content, forge=forge, declared=content, closure=content))
        for content in Content
        for forge in Forge
    }
    assert len(words) == len(Content) * len(Forge)


def test_what_was_not_measured_does_not_break_the_agreement_and_is_counted() -> None:
    assert PARTIAL.agreement.holds
    assert PARTIAL.agreement.unmeasured == 1
    assert re.search(r"\b1 \(-\) are not measured here", printed(PARTIAL))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    out = io.StringIO()
    show(GOOD, Console(file=out, width=width, color_system=None))
    rows = [line for line in out.getvalue().splitlines() if line.startswith("seized-handset")]
    assert " ".join(rows).count("READS") + " ".join(rows).count("sealed") == len(GOOD.messages)
    assert max(map(len, rows)) <= width
