"""One world, told its story and attacked once, for all tests that look at a measured matrix."""

import asyncio

import pytest

from kits.measuring import Measured, measure_healthy


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measure a healthy world, once."""
    return asyncio.run(measure_healthy(tmp_path_factory.mktemp("measured") / "world"))
