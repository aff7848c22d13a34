"""The pytest plugin: a world for other people's tests, and two assertions that attack it (docs/testing.md).

    tiers_world, tiers_desk                          every party as its own process, and people with handsets
    tiers_assert_readable, tiers_assert_sealed       `tiers.testing`'s, for this test's desk

Every pytest of somebody who has this package installed loads this module: it imports pytest and nothing else.
"""

import sys

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures; without pytest-asyncio they say what is missing, to a test that asks for them."""
    if sys.modules.get("pytest_asyncio.plugin") in config.pluginmanager.get_plugins():
        from tiers.lab import fixtures  # noqa: PLC0415 - it needs pytest-asyncio

        config.pluginmanager.register(fixtures, "tiers-fixtures")
    else:
        config.pluginmanager.register(Lacking(), "tiers-fixtures")


class Lacking:
    """The fixtures where pytest-asyncio is not at work."""

    @pytest.fixture
    def tiers_world(self) -> None:
        """Say what to install."""
        pytest.fail("Install intercept-tiers[pytest]: the tiers_ fixtures need pytest-asyncio.", pytrace=False)

    tiers_desk = tiers_assert_readable = tiers_assert_sealed = tiers_world
