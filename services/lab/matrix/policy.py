"""The declared policy of this system, `policy.toml` beside this module."""

from functools import cache
from importlib.resources import files

from tiers.measure.matrix.policy import Policy, parse_policy

FILE = "policy.toml"


@cache
def load_policy() -> Policy:
    """Read the policy; raises `Misused`."""
    return parse_policy((files(__package__) / FILE).read_text(encoding="utf-8"))
