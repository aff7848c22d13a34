"""Third lock: a running party has loaded its own folder and the treaty, whatever the sources seem to import."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kits.host import CONTAINERS, Host, running_host
from tiers.lab.world.processes import start_party, stop

ROOT = Path(__file__).parents[2]
PROGRAMS = {"gateway": "tiers.gateway", "witness": "tiers.ledger.witness"} | {
    party: f"tiers.{party}" for party in ("auditor", "carrier", "court", "enterprise", "ledger")
}
PACKAGE = PROGRAMS | {"witness": "tiers.ledger"}
WITH_STORE = {"gateway", "carrier"}
# Runs the party's program, then writes down what its process had loaded.
WATCH = """
import runpy, sys
try:
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
finally:
    with open(sys.argv[2], "w") as file:
        file.write("\\n".join(sys.modules))
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running_host(tmp_path) as host:
        yield host


async def loaded(name: str, host: Host, tree: Path) -> set[str]:
    """Run a party from `tree` until it listens, stop it, and return the modules of ours that it had loaded."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree / "src")} | host.environ(name)
    written = host.root / "modules"
    command = [sys.executable, "-P", "-c", WATCH, PROGRAMS[CONTAINERS[name]], str(written)]
    child = await start_party(name, command, environ, host.root / "log")
    await stop(child)
    assert child.process.returncode == 0
    return {module for module in written.read_text().split() if module.partition(".")[0] == "tiers"}


def strangers(party: str, modules: set[str]) -> set[str]:
    """Return what a party has no business to load."""
    own = (PACKAGE[party], "tiers.wire", "tiers.chassis", *(["tiers.store"] if party in WITH_STORE else []))
    return {name for name in modules - {"tiers"} if not any(name == one or name.startswith(f"{one}.") for one in own)}


@pytest.mark.e2e
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_running_party_has_loaded_its_own_folder_and_the_treaty(name: str, host: Host) -> None:
    modules = await loaded(name, host, ROOT)
    assert f"{PACKAGE[CONTAINERS[name]]}.config" in modules
    assert strangers(CONTAINERS[name], modules) == set()
    assert ("tiers.wire.message.sealing" in modules) == (name in {"carrier", "acme", "globex", "auditor"})


@pytest.mark.e2e
@pytest.mark.parametrize("reach", ["tiers.carrier.keystore", "tiers.lab.world.pki"])
async def test_an_import_that_no_linter_sees_is_found_in_the_process(reach: str, host: Host, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("src", "services"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    with (tree / "services/court/app.py").open("a") as source:
        source.write(f'\n__import__("importlib").import_module("{reach}")\n')
    assert reach in strangers("court", await loaded("court", host, tree))
