"""The sources of what is told, by letter: `[v]` in a narration and in docs/history.md names one. Pure."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def load_sources() -> Mapping[str, str]:
    return tomllib.loads((files(__package__) / "sources.toml").read_text(encoding="utf-8"))
