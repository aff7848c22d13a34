"""Third lock: a running party has loaded its own folder and the treaty, whatever the sources seem to import.

It holds for a party that is executed, as in its image, and for one that is forked from the lab's nursery.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from kits.host import CONTAINERS, Host, running_host
from tiers.lab.world import processes
from tiers.lab.world.forking import Nursery
from tiers.lab.world.nursery import SHARED
from tiers.lab.world.processes import LAUNCHER, base_environ, start_party, stop

ROOT = Path(__file__).parents[2]
PROGRAMS = {"gateway": "tiers.gateway", "witness": "tiers.ledger.witness"} | {
    party: f"tiers.{party}" for party in ("auditor", "carrier", "court", "enterprise", "ledger")
}
PACKAGE = PROGRAMS | {"witness": "tiers.ledger"}
WITH_STORE = {"gateway", "carrier"}
LAUNCHERS = {"tiers.lab", "tiers.lab.world", *(f"tiers.lab.world.{name}" for name in ("launcher", "clock", "nursery"))}
"""What begins a party's process in the lab, and holds nothing."""
# Runs the party's program, then writes down what its process had loaded.
WATCH = """
import runpy, sys
try:
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
finally:
    with open(sys.argv[2], "w") as file:
        file.write("\\n".join(sys.modules))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    async with running_host(tmp_path_factory.mktemp("host")) as host:
        (host.root / "watch.py").write_text(WATCH)
        (host.root / "clock").write_bytes(bytes(8))
        yield host


@pytest.fixture(scope="module")
def nursery(host: Host) -> Iterator[Nursery]:
    """A nursery whose children also find `watch`."""
    own = Nursery(base_environ() | {"PYTHONPATH": str(host.root)})
    yield own
    own.close()


async def loaded(name: str, host: Host, tree: Path) -> set[str]:
    """Run a party from `tree` until it listens, stop it, and return the modules of ours that it had loaded."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree / "src")} | host.environ(name)
    written = host.root / "modules"
    command = [sys.executable, "-P", "-c", WATCH, PROGRAMS[CONTAINERS[name]], str(written)]
    child = await start_party(name, command, environ, host.root / "log")
    await stop(child)
    assert child.process.returncode == 0
    return {module for module in written.read_text().split() if module.partition(".")[0] == "tiers"}


async def forked(name: str, host: Host) -> set[str]:
    """Run a party as a child of the nursery, and return every module that it had loaded, whosever."""
    written = host.root / "modules"
    command = [*LAUNCHER, str(host.root / "clock"), "watch", PROGRAMS[CONTAINERS[name]], str(written)]
    child = await start_party(name, command, base_environ() | host.environ(name), host.root / "log")
    await stop(child)
    assert child.process.returncode == 0
    return set(written.read_text().split())


def strangers(party: str, modules: set[str]) -> set[str]:
    """Return what a party has no business to load."""
    own = (PACKAGE[party], "tiers.wire", "tiers.chassis", *(["tiers.store"] if party in WITH_STORE else []))
    return {name for name in modules - {"tiers"} if not any(name == one or name.startswith(f"{one}.") for one in own)}


@pytest.mark.e2e
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_running_party_has_loaded_its_own_folder_and_the_treaty(name: str, host: Host) -> None:
    modules = await loaded(name, host, ROOT)
    assert f"{PACKAGE[CONTAINERS[name]]}.config" in modules
    assert strangers(CONTAINERS[name], modules) == set()
    assert ("tiers.wire.message.sealing" in modules) == (name in {"carrier", "acme", "globex", "auditor"})


@pytest.mark.e2e
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.skipif(not processes.FORKS, reason="parties are forked on Linux only")
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_forked_party_has_loaded_no_more_of_ours(
    name: str, host: Host, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(host.root))
    monkeypatch.setattr(processes, "nursery", lambda: nursery)
    modules = await forked(name, host)
    ours = {module for module in modules if module.partition(".")[0] == "tiers"}
    assert strangers(CONTAINERS[name], ours) <= LAUNCHERS
    assert ("tiers.wire.message.sealing" in ours) == (name in {"carrier", "acme", "globex", "auditor"})


def test_the_nursery_loads_nothing_that_belongs_to_a_party() -> None:
    for party in PROGRAMS:
        assert strangers(party, {name for name in SHARED if name.startswith("tiers.")}) == set()


@pytest.mark.e2e
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("reach", ["tiers.carrier.keystore", "tiers.lab.world.pki"])
async def test_an_import_that_no_linter_sees_is_found_in_the_process(reach: str, host: Host, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("src", "services"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    with (tree / "services/court/app.py").open("a") as source:
        source.write(f'\n__import__("importlib").import_module("{reach}")\n')
    assert reach in strangers("court", await loaded("court", host, tree))
