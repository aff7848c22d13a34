"""What is told of history names its source, on the page and in the scenarios."""

import ast
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tiers.lab.scenarios import load_all
from tiers.lab.scenarios.pages import claims, sources, verdicts
from tiers.lab.scenarios.scenario import Scenario
from tiers.lab.scenarios.sources import load_sources

DOCS = Path(__file__).parents[2] / "docs"
HISTORY = (DOCS / "history.md").read_text(encoding="utf-8")
LETTER = re.compile(r"\[([A-Za-z][0-9]?)\](?!\()")
TOLD = load_all()
DATED = {name: scenario for name, scenario in TOLD.items() if scenario.when}
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def sentences(scenario: Scenario) -> list[str]:
    """Return every text of the two files that tell a scenario, but for docstrings."""
    module = Path(sys.modules[scenario.acts[0].play.__module__].__file__ or "")
    tree = ast.parse(module.read_text(encoding="utf-8"))
    declared = tomllib.loads(module.with_suffix(".toml").read_text(encoding="utf-8"))
    declared |= declared["told"] if scenario.told else {}
    told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)] + list(declared.values())
    return [one for one in told if isinstance(one, str) and " " in one and one != ast.get_docstring(tree)]


def test_every_letter_of_the_page_names_a_source_and_every_source_is_used() -> None:
    used = set(LETTER.findall(HISTORY)) | {letter for one in TOLD.values() for letter in one.sources}
    assert used == set(load_sources())


@pytest.mark.parametrize("name", TOLD)
def test_a_scenario_cites_the_sources_that_it_names_and_no_other_letter(name: str) -> None:
    letters = {letter for text in sentences(TOLD[name]) for letter in LETTER.findall(text)}
    assert letters <= set(TOLD[name].sources)
    assert set(TOLD[name].sources) <= set(load_sources())
    assert "not checked" not in " ".join(sentences(TOLD[name]))


@pytest.mark.parametrize("name", DATED)
def test_what_was_said_by_somebody_names_its_source(name: str) -> None:
    """A quotation of somebody's words, and each clause of what was asked and got, has its letter."""
    scenario = DATED[name]
    quoting = [text for text in sentences(scenario) if re.search(r'"[^"]{12,}"', text)]
    assert [text for text in quoting if not LETTER.search(text) and "legal_basis" not in text] == []
    assert LETTER.search(scenario.asked)
    assert LETTER.search(scenario.got)


@pytest.mark.parametrize("name", TOLD)
def test_a_scenario_tells_every_step_of_its_file_and_no_other(name: str) -> None:
    module = Path(sys.modules[TOLD[name].acts[0].play.__module__].__file__ or "")
    says = re.findall(r"\bsay\(\s*(\"(?:[^\"\\]|\\.)*\")", module.read_text(encoding="utf-8"))
    assert {ast.literal_eval(title) for title in says} == set(TOLD[name].told)


def test_what_is_not_on_the_page_of_history_is_told_nowhere() -> None:
    for scenario in DATED.values():
        missing = set(scenario.sources) - set(LETTER.findall(HISTORY))
        assert missing == set(), scenario.name
    assert "not checked" not in HISTORY


BLOCKS = [("history", "claims", claims), ("scenarios", "verdicts", verdicts)]


@pytest.mark.parametrize(("name", "block", "made"), BLOCKS)
def test_what_the_pages_say_of_the_scenarios_is_made_from_them(name: str, block: str, made: Callable[[], str]) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    table = re.search(rf"<!-- {block} -->\n(.*?)<!-- /{block} -->", page, re.DOTALL)
    assert table is not None
    assert made() == table[1]


def test_the_page_of_sources_is_made_from_them() -> None:
    assert sources() == (DOCS / "sources.md").read_text(encoding="utf-8")
