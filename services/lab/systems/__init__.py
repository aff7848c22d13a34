"""What people run today, measured as ours is: a file for each system, its policy and its configuration beside it."""

from importlib import import_module

from tiers.measure import Unmeasured
from tiers.measure.matrix.matrix import Matrix


def measured(system: str) -> Matrix:
    """Start a system, talk, and attack from everywhere; raises `Unmeasured` where something is to be installed."""
    try:
        matrix: Matrix = import_module(f"{__name__}.{system}").measured()
    except ModuleNotFoundError as missing:
        lacks = f"{missing.name} is not here"
        raise Unmeasured(f"Run make install, or install intercept-tiers[{system}]: {lacks}.") from None
    return matrix
