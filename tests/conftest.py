"""Settings of every test: hypothesis without deadlines, because the machine is shared and speed is not tested here.

`-m unit` picks the tests of pure code: those that ask for no folder on disk, and so for no party, store or process.
`--cluster` runs the worlds of tests/e2e on a cluster of three nodes; what cannot hold there is marked `alone`.
"""

from collections.abc import Iterable

import pytest
from hypothesis import settings

settings.register_profile("tiers", deadline=None)
settings.load_profile("tiers")

_DISK = {"tmp_path", "tmp_path_factory"}
_OTHER = {"architecture", "bench", "deploy", "e2e", "formal", "lab"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `--cluster`."""
    parser.addoption("--cluster", action="store_true", help="boot every world of tests/e2e with a cluster for a store")


def pytest_configure(config: pytest.Config) -> None:
    """Have every world start a cluster where it would start its own store."""
    if config.getoption("--cluster"):
        from tiers.lab.world import cluster, store

        store.embedded = cluster.started


def pytest_collection_modifyitems(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Mark the unit tests, and skip on a cluster what needs a store that stands alone."""
    for item in items:
        if config.getoption("--cluster") and (alone := item.get_closest_marker("alone")):
            item.add_marker(pytest.mark.skip(reason=f"not on a cluster: {alone.args[0]}"))
        if not _DISK & set(getattr(item, "fixturenames", ())) and not _OTHER & set(item.path.parts):
            item.add_marker("unit")
