"""docs/spec/refusals.md, which is made from the sources, has every refusal that they can raise, and nothing else."""

import re
from pathlib import Path

from kits.codes import Sources
from tiers.wire import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/spec/refusals.md").read_text()
ROWS = re.findall(r"^\| `([a-z0-9_]+\.[a-z0-9_]+)` \| ([a-z, ]+) \| (.+) \|$", PAGE, re.MULTILINE)
DOCUMENTED = {code: set(whose.split(", ")) for code, whose, _ in ROWS}


def test_every_code_that_can_be_raised_is_on_the_page_once_and_says_what_to_do() -> None:
    found = Sources(ROOT, ["gateway", "services", "tests/bench"]).codes()
    assert sorted({one.code for one in found if not any(map(one.matches, DOCUMENTED))}) == []
    assert [code for code in DOCUMENTED if not any(one.matches(code) for one in found)] == []
    assert sorted(code for code, _, _ in ROWS) == sorted(DOCUMENTED)
    assert [code for code, _, said in ROWS if not re.fullmatch(r"\S.{10,}[.…]", said)] == []
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
SAID = "y"
def check(text, code):
    raise Ours(code, "z")
def act(self, name):
    raise Yours("a.direct", "x")
    raise Stale("b.inherited", "x")
    raise Ours(f"{name}.unavailable", "x")
    check("text", "c.passed")
    check("text", code="d.keyword")
    size, code = 1, "e.assigned"
    raise Policy("f.either" if name else "f.other", "x")
    raise Policy(*TABLE[1])
    raise Yours("h.named", SAID)
    raise Yours("i.filled", f"At most {LIMIT} of {name}.")
    log.info("not.a_code")
"""


def test_a_code_is_found_however_it_travels(tmp_path: Path) -> None:
    (tmp_path / "party").mkdir()
    (tmp_path / "party/app.py").write_text(SAMPLE)
    found = {(code.code, code.fault, code.said) for code in Sources(tmp_path, ["party"]).codes()}
    assert found == {
        ("a.direct", "yours", "x"),
        ("b.inherited", "yours", "x"),
        ("{}.unavailable", "ours", "x"),
        ("c.passed", "ours", "z"),
        ("d.keyword", "ours", "z"),
        ("e.assigned", "", ""),
        ("f.either", "policy", "x"),
        ("f.other", "policy", "x"),
        ("g.table", "policy", "x"),
        ("h.named", "yours", "y"),
        ("i.filled", "yours", "At most … of …."),
    }
