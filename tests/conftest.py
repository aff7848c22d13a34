"""Settings of every test: hypothesis without deadlines, because the machine is shared and speed is not tested here.

`-m unit` picks the tests of pure code: those that ask for no folder on disk, and so for no party, store or process.
`--cluster` runs the worlds of tests/e2e on a cluster of three nodes; what cannot hold there is marked `alone`.
`-n 2 --dist loadfile --no-loadscope-reorder` runs the files of tests in two processes, the longest first: tests that
share a world stay together.
The last lines say how many worlds were booted; those of commands that tests run are not counted.
"""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("tiers", deadline=None)
settings.load_profile("tiers")

_LONGEST = (
    "lab/test_scenarios.py",
    "page/test_page.py",
    "e2e/test_faults.py",
    "e2e/test_demo.py",
    "lab/test_leaks.py",
    "e2e/test_stopping.py",
    "lab/test_plugin.py",
    "page/test_scenarios.py",
    "page/test_lesson.py",
    "lab/test_arrangements.py",
)
"""Files that take longer than half a minute: what begins last is to be short."""
_DISK = {"tmp_path", "tmp_path_factory"}
_OTHER = {"architecture", "bench", "deploy", "e2e", "formal", "lab", "packaging"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `--cluster`."""
    parser.addoption("--cluster", action="store_true", help="boot every world of tests/e2e with a cluster for a store")


def pytest_configure(config: pytest.Config) -> None:
    """Count worlds. Have every one start a cluster, if that is asked for, where it would start its own store."""
    config.pluginmanager.register(Distributed())
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _have_a_temporary_folder(config, worker)
    if config.getoption("--cluster"):
        from tiers.lab.world import cluster, store

        store.embedded = cluster.started


def _have_a_temporary_folder(config: pytest.Config, worker: str) -> None:
    """Keep what the tests beside ours leave, such as a browser's profile, from what a measured world has left."""
    folder = tempfile.mkdtemp(prefix=f"pytest-of-{worker}-")
    Path(folder).chmod(0o711)  # servers that are measured run as users of their own
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the unit tests, skip on a cluster what needs a store that stands alone, and begin with the longest files."""
    items.sort(key=_rank)
    for item in items:
        if config.getoption("--cluster") and (alone := item.get_closest_marker("alone")):
            item.add_marker(pytest.mark.skip(reason=f"not on a cluster: {alone.args[0]}"))
        disk = _DISK & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("e2e")
        if not disk and not _OTHER & set(item.path.parts):
            item.add_marker("unit")


def _rank(item: pytest.Item) -> int:
    name = "/".join(item.path.parts[-2:])
    return _LONGEST.index(name) if name in _LONGEST else len(_LONGEST)


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over some hundred thousand objects that last as long as the session."""
    gc.freeze()


def booted() -> int:
    """How many worlds this process has booted, without loading the lab for it."""
    lab: Any = sys.modules.get("tiers.lab.world.world")
    return lab.World.count if lab else 0


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that distributes the tests, if there is one, what was booted here."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["worlds"] = booted()


class Distributed:
    """Hears what the processes of pytest-xdist have booted."""

    worlds = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.worlds += getattr(node, "workeroutput", {}).get("worlds", 0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if worlds := self.worlds + booted():
            terminalreporter.line(f"worlds booted: {worlds}")
