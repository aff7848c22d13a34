"""The claims, as the README tabulates them and as the models state them."""

import re
from dataclasses import dataclass
from pathlib import Path

FORMAL = Path(__file__).parents[3] / "docs" / "formal"
MODELS = ("consumer", "enterprise", "one_text")
ROW = re.compile(
    r"^\| (?P<model>\w+) \| `(?P<query>[^`]+)` \| (?P<result>true|false|not true) \| (?P<claim>.+) \|$", re.MULTILINE
)
QUERY = re.compile(r"(?:\(\* (?P<claim>[^*]*) \*\)\n)?^query (?P<query>[^.]*)\.", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """One query of one model and the sentence beside it; `result` is what ProVerif should say."""

    model: str
    query: str
    claim: str | None
    result: str = ""


def source(model: str) -> str:
    return (FORMAL / f"{model}.pv").read_text()


def promised() -> list[Claim]:
    """The rows of the README's table, in order."""
    rows = ROW.finditer((FORMAL / "README.md").read_text())
    return [Claim(row["model"], row["query"], row["claim"], row["result"]) for row in rows]


def stated(model: str) -> list[Claim]:
    """The queries of a model with their sentences, in order."""
    return [Claim(model, found["query"], found["claim"]) for found in QUERY.finditer(source(model))]


def plain(query: str) -> str:
    """A query as ProVerif and our own reader both print it, without spaces, declarations and name decorations."""
    without_variables = re.sub(r"^.*?;", "", query)
    return re.sub(r"\s|\[\]|_\d+", "", without_variables).removeprefix("not")
