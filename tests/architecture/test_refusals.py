"""docs/spec/refusals.md lists every refusal that the sources can raise, and nothing else."""

import re
from pathlib import Path

import pytest

from kits.codes import Code, Sources
from tiers.wire import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/spec/refusals.md").read_text()
ROWS = re.findall(r"^\| `([a-z0-9_]+\.[a-z0-9_]+)` \| ([a-z, ]+) \| (.+) \|$", PAGE, re.MULTILINE)
DOCUMENTED = {code: set(whose.split(", ")) for code, whose, _ in ROWS}


@pytest.fixture(scope="module")
def raised() -> set[Code]:
    return Sources(ROOT, ["gateway", "services", "tests/bench"]).codes()


def test_every_code_that_can_be_raised_is_on_the_page(raised: set[Code]) -> None:
    missing = {code for code in raised if not any(code.matches(documented) for documented in DOCUMENTED)}
    assert sorted(f"{code.code} in {code.place}" for code in missing) == []


def test_every_code_on_the_page_can_be_raised(raised: set[Code]) -> None:
    assert [code for code in DOCUMENTED if not any(one.matches(code) for one in raised)] == []


def test_the_page_says_whose_fault_it_is(raised: set[Code]) -> None:
    said = [(one, DOCUMENTED[one.code]) for one in raised if one.fault and one.code in DOCUMENTED]
    assert sorted(f"{one.code} is {one.fault} in {one.place}" for one, whose in said if one.fault not in whose) == []


def test_a_code_stands_once_and_tells_what_to_do() -> None:
    assert sorted(code for code, _, _ in ROWS) == sorted(DOCUMENTED)
    assert [code for code, _, sentence in ROWS if not re.fullmatch(r"[A-Z`].{10,}\.", sentence)] == []
    assert PAGE.count("\n| `") == len(ROWS)


def test_the_statuses_on_the_page_are_those_of_the_errors() -> None:
    for name, root in (("yours", errors.Yours), ("ours", errors.Ours), ("policy", errors.Policy)):
        (row,) = re.findall(rf"^\| {name} \| .+ \| ([\d, ]+) \|$", PAGE, re.MULTILINE)
        kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, root)]
        assert [int(status) for status in row.split(", ")] == sorted({kind.status for kind in kinds})


SAMPLE = """
class Gone(Yours): ...
class Stale(Gone): ...
TABLE = {1: ("g.table", "x")}
def check(text, code): ...
def act(self, name):
    raise Yours("a.direct", "x")
    raise Stale("b.inherited", "x")
    raise Ours(f"{name}.unavailable", "x")
    check("text", "c.passed")
    check("text", code="d.keyword")
    size, code = 1, "e.assigned"
    raise Policy("f.either" if name else "f.other", "x")
    raise Policy(*TABLE[1])
    log.info("not.a_code")
"""


def test_a_code_is_found_however_it_travels(tmp_path: Path) -> None:
    (tmp_path / "party").mkdir()
    (tmp_path / "party/app.py").write_text(SAMPLE)
    found = {(code.code, code.fault) for code in Sources(tmp_path, ["party"]).codes()}
    assert found == {
        ("a.direct", "yours"),
        ("b.inherited", "yours"),
        ("{}.unavailable", "ours"),
        ("c.passed", ""),
        ("d.keyword", ""),
        ("e.assigned", ""),
        ("f.either", "policy"),
        ("f.other", "policy"),
        ("g.table", "policy"),
    }
