"""The scenarios: what happens in a module, found by its constant SCENARIO; what is told and claimed in the TOML beside.

Facts and sources: docs/history.md, docs/scenarios.md.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from tiers.lab.scenarios.scenario import Scenario
from tiers.wire.errors import Missing


@cache
def load_all() -> dict[str, Scenario]:
    """Return every scenario by name: what happened, by its date, then the attacks that have none."""
    modules = [import_module(f"{__name__}.{one.name}") for one in iter_modules(__path__)]
    found = [module.SCENARIO for module in modules if hasattr(module, "SCENARIO")]
    return {told.name: told for told in sorted(found, key=lambda told: (told.when or "attack", told.name))}


def load(name: str) -> Scenario:
    """Return a scenario; raises `Missing`."""
    known = load_all()
    if (found := known.get(name.lower())) is None:
        raise Missing("scenario.unknown", f"Name one of: {', '.join(known)}.")
    return found
