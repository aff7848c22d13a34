"""What docs/history.md, docs/scenarios.md and docs/sources.md say of the scenarios, made from them. Pure."""

from tiers.lab.scenarios import load_all
from tiers.lab.scenarios.sources import load_sources

_HEAD = """# Sources of the history

Each was read as a stored copy of the page, often its opening only; a report carried elsewhere is named with its carrier.
[History](history.md) and the scenarios name them by their letters. This page is made from `services/lab/scenarios/sources.toml`.

| letter | source |
|---|---|
"""


def sources() -> str:
    return _HEAD + "".join(f"| {letter} | {source} |\n" for letter, source in load_sources().items())


def claims() -> str:
    """Write the table of docs/history.md: what was asked, and what came of it."""
    rows = (
        f"| {told.when} | `{told.name}` | {told.asked} | {told.got} |\n" for told in load_all().values() if told.when
    )
    return "| when | scenario | asked | what came of it |\n|---|---|---|---|\n" + "".join(rows)


def verdicts() -> str:
    """Write the table of docs/scenarios.md: in which arrangements each is played, and who wins."""
    table = "| scenario | arrangements | who wins, and why |\n|---|---|---|\n"
    for told in load_all().values():
        arrangements = ", ".join(dict.fromkeys(f"`{act.arrangement}`" for act in told.acts))
        table += f"| `{told.name}` | {arrangements} | {told.verdict} |\n"
    return table
