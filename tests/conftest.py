"""Settings of every test: hypothesis without deadlines, because the machine is shared and speed is not tested here.

`-m unit` picks the tests of pure code: those that ask for no folder on disk, and so for no party, store or process.
"""

from collections.abc import Iterable

import pytest
from hypothesis import settings

settings.register_profile("tiers", deadline=None, max_examples=12)
settings.load_profile("tiers")

_DISK = {"tmp_path", "tmp_path_factory"}
_OTHER = {"architecture", "bench", "deploy", "e2e", "formal", "lab"}


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark the unit tests."""
    for item in items:
        if not _DISK & set(getattr(item, "fixturenames", ())) and not _OTHER & set(item.path.parts):
            item.add_marker("unit")
