"""ProVerif's own answers, where it is installed."""

import re
import shutil
import subprocess

import pytest

from kits.proverif.expected import FORMAL, MODELS, plain, promised

PROVERIF = shutil.which("proverif")
RESULT = re.compile(r"^RESULT (?!\()(?P<query>.*) (?P<verdict>is true|is false|cannot be proved)\.", re.MULTILINE)
ALLOWED = {"true": {"is true"}, "false": {"is false"}, "not true": {"is false", "cannot be proved"}}


def answers(output: str) -> list[tuple[str, str]]:
    return [(plain(line["query"]), line["verdict"]) for line in RESULT.finditer(output)]


def disagreements(model: str, output: str) -> list[str]:
    """Each row of the README that ProVerif's output does not bear out, in the order of the queries."""
    rows = [row for row in promised() if row.model == model]
    given = answers(output)
    wrong = [] if len(given) == len(rows) else [f"{len(rows)} queries, {len(given)} results"]
    for row, (query, verdict) in zip(rows, given, strict=False):
        if query != plain(row.query) or verdict not in ALLOWED[row.result]:
            wrong.append(f"expected {plain(row.query)} {row.result}, got {query} {verdict}")
    return wrong


@pytest.mark.skipif(PROVERIF is None, reason="proverif is not on the PATH: its own answers are not checked here")
@pytest.mark.parametrize("model", MODELS)
def test_proverif_answers_as_the_readme_says(model: str) -> None:
    run = subprocess.run(
        [str(PROVERIF), str(FORMAL / f"{model}.pv")], capture_output=True, text=True, timeout=100, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert disagreements(model, run.stdout) == []


WORDED = {"true": "is true", "false": "is false", "not true": "cannot be proved"}


def as_printed(model: str) -> str:
    """What ProVerif would print if it agreed, decorated as it decorates names and variables."""
    lines = []
    for row in promised():
        query = re.sub(r"^.*?; ", "", row.query)
        query = re.sub(r"\bt\b", "t_1", re.sub(r"\b(alice|bob|own|taken|acme|globex)\b", r"\1[]", query))
        named = f"not {query[:-1]}[])" if query.startswith("attacker") else query
        if row.model == model:
            lines.append(f"RESULT {named} {WORDED[row.result]}.")
    return "\n".join([*lines, "RESULT (but event(x) ==> event(y) is true.)", "Verification summary:"])


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_that_differs_is_reported(model: str) -> None:
    agreed = as_printed(model)

    assert disagreements(model, agreed) == []
    assert len(disagreements(model, agreed.replace("is true.", "is false.", 1))) == 1
    assert disagreements(model, agreed.split("\n", 1)[1])
