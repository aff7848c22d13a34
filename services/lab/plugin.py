"""The pytest plugin: a world for other people's tests, and two assertions that attack it (docs/testing.md).

    tiers_world, tiers_desk                          every party as its own process, and people with handsets
    tiers_assert_readable, tiers_assert_sealed       `tiers.testing`'s, for this test's desk

The ini option `tiers_world_scope` says how long a world lives: `function`, as long as the test, unless it is set to
`class`, `module`, `package` or `session`. Tests that share a world share its event loop.

Every pytest of somebody who has this package installed loads this module: it imports pytest and nothing else.
"""

import sys

import pytest

_SCOPES = ("function", "class", "module", "package", "session")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `tiers_world_scope`."""
    parser.addini("tiers_world_scope", f"how long a world lives: {', '.join(_SCOPES)}", default=_SCOPES[0])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run tests that share a world in the world's event loop, if they do not name one themselves."""
    scope = config.getini("tiers_world_scope")
    for item in items:
        named = any(mark.kwargs for mark in item.iter_markers("asyncio"))
        if scope != _SCOPES[0] and not named and "tiers_world" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope=scope), append=False)


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures; without pytest-asyncio they say what is missing, to a test that asks for them."""
    if (scope := config.getini("tiers_world_scope")) not in _SCOPES:
        raise pytest.UsageError(f"tiers_world_scope is {scope!r}: write one of {', '.join(_SCOPES)}.")
    if sys.modules.get("pytest_asyncio.plugin") in config.pluginmanager.get_plugins():
        from tiers.lab import fixtures  # noqa: PLC0415 - it needs pytest-asyncio

        config.pluginmanager.register(fixtures.lasting(scope), "tiers-fixtures")
    else:
        config.pluginmanager.register(Lacking(), "tiers-fixtures")


class Lacking:
    """The fixtures where pytest-asyncio is not at work."""

    @pytest.fixture
    def tiers_world(self) -> None:
        """Say what to install."""
        pytest.fail("Install intercept-tiers[pytest]: the tiers_ fixtures need pytest-asyncio.", pytrace=False)

    tiers_desk = tiers_assert_readable = tiers_assert_sealed = tiers_world
