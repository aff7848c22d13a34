"""One world, told its story and attacked once, for all tests that look at a measured matrix."""

import asyncio

import pytest

from kits.measuring import Measured, measure_healthy
from tiers.lab.plugin import assert_readable, assert_sealed, tiers_desk, tiers_warrants, tiers_world

__all__ = ["assert_readable", "assert_sealed", "tiers_desk", "tiers_warrants", "tiers_world"]


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measure a healthy world, once."""
    return asyncio.run(measure_healthy(tmp_path_factory.mktemp("measured") / "world"))
