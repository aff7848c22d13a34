"""The scenarios: one file each, found by its constant SCENARIO. Facts and sources: docs/history.md, docs/scenarios.md."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from tiers.lab.scenarios.scenario import Scenario
from tiers.wire.errors import Missing

HISTORY = (
    "india-2013",
    "pakistan-2015",
    "uae-2010",
    "saudi-2010",
    "indonesia-2011",
    "canada-clemenza",
    "encryption-all-the-way",
)
"""What happened, in the order of docs/history.md; the others are attacks."""


@cache
def load_all() -> dict[str, Scenario]:
    """Return every scenario by name: history first, then the attacks."""
    modules = [import_module(f"{__name__}.{one.name}") for one in iter_modules(__path__)]
    found = [one.SCENARIO for one in modules if hasattr(one, "SCENARIO")]
    ranks = {name: rank for rank, name in enumerate(HISTORY)}
    return {one.name: one for one in sorted(found, key=lambda one: (ranks.get(one.name, len(ranks)), one.name))}


def load(name: str) -> Scenario:
    """Return a scenario; raises `Missing`."""
    known = load_all()
    if name not in known:
        raise Missing("scenario.unknown", f"Name one of: {', '.join(known)}.")
    return known[name]
