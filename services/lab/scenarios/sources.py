"""The sources of what is told, by letter: `[v]` in a narration and in docs/history.md names one. Pure."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Protocol

_HEAD = """# Sources of the history

Each was read as a stored copy of the page, often its opening only; a report carried elsewhere is named with its carrier.
[History](history.md) and the scenarios name them by their letters. This page is made from `services/lab/scenarios/sources.toml`.

| letter | source |
|---|---|
"""


class Dated(Protocol):
    """Something that happened: a scenario with a date."""

    name: str
    when: str
    asked: str
    got: str


@cache
def load_sources() -> Mapping[str, str]:
    """Return the sources by letter, in their order on the page."""
    return tomllib.loads((files(__package__) / "sources.toml").read_text(encoding="utf-8"))


def page() -> str:
    """Write docs/sources.md."""
    return _HEAD + "".join(f"| {letter} | {source} |\n" for letter, source in load_sources().items())


def claims(told: Iterable[Dated]) -> str:
    """Write the table of docs/history.md: what was asked, and what came of it."""
    rows = (f"| {one.when} | `{one.name}` | {one.asked} | {one.got} |\n" for one in told)
    return "| when | scenario | asked | what came of it |\n|---|---|---|---|\n" + "".join(rows)
