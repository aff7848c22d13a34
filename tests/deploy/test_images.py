"""One image for each party: what it holds, what it is given, and that this is enough to run the party."""

import asyncio
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest
import pytest_asyncio

import tiers.auditor.config
import tiers.carrier.config
import tiers.court.config
import tiers.enterprise.config
import tiers.gateway.config
import tiers.ledger.config
from kits.dockerfile import DEPLOY, ROOT, Image, imported, lay_out, read_image
from kits.host import CONTAINERS, Host, running_host
from tiers.lab.world.processes import start_party, stop

IMAGES = ("auditor", "carrier", "court", "enterprise", "gateway", "ledger", "witness")
OWN = {party: f"services/{party}/" for party in IMAGES if party != "witness"} | {"gateway": "gateway/"}
TREATY = ["src/tiers/__init__.py", "services/wire/", "services/chassis/"]
STORE = {party: ["services/store/"] for party in ("gateway", "carrier")}
# The witness is another party than the ledger: of their one folder it gets its own modules, none of the log's.
WITNESS = [f"services/ledger/{name}.py" for name in ("__init__", "config", "cosigning", "witness")]
SETTINGS = {
    "auditor": tiers.auditor.config.Settings,
    "carrier": tiers.carrier.config.Settings,
    "court": tiers.court.config.Settings,
    "enterprise": tiers.enterprise.config.Settings,
    "gateway": tiers.gateway.config.Settings,
    "ledger": tiers.ledger.config.LedgerSettings,
    "witness": tiers.ledger.config.WitnessSettings,
}
LOCKED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
NEWEST = max(re.findall(r"Python :: 3\.(\d+)", (ROOT / "pyproject.toml").read_text()), key=int)
SITE = sysconfig.get_paths()["purelib"]


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> Image:
    return read_image(request.param)


def test_every_party_of_the_cast_has_an_image() -> None:
    assert sorted(path.parent.name for path in DEPLOY.glob("*/Dockerfile")) == sorted(IMAGES)
    assert set(CONTAINERS.values()) == set(IMAGES)


def test_an_image_holds_its_own_folder_and_the_treaty(image: Image) -> None:
    own = WITNESS if image.party == "witness" else [OWN[image.party]]
    assert [source for source, _ in image.copies] == TREATY + STORE.get(image.party, []) + own


def test_the_builder_is_sent_nothing_that_the_image_does_not_hold(image: Image) -> None:
    held = [source.removesuffix("/") for source, _ in image.copies]
    assert image.context == ["requirements.lock", *held]


def test_an_image_installs_the_packages_that_it_imports_and_no_other(image: Image, tmp_path: Path) -> None:
    assert image.packages == imported(lay_out(image, tmp_path))


def test_packages_come_from_the_lock_with_their_hashes(image: Image) -> None:
    assert "--verify-hashes --constraint /requirements.lock" in image.install
    assert "--require-hashes --target /tmp/uv -r /tmp/uv.lock" in image.install
    assert image.packages <= LOCKED.keys()


def test_the_base_is_pinned_and_nobody_is_root(image: Image) -> None:
    assert re.fullmatch(rf"python:3\.{NEWEST}\.\d+-slim-bookworm", image.one("FROM"))
    assert image.one("USER") == "10001:10001"
    assert image.command[:2] == ["python", "-m"]


def isolated(folder: Path) -> dict[str, str]:
    """Give Python the laid-out files and the installed packages; with -P -S it finds no checkout beside them."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}{os.pathsep}{SITE}", "PYTHONDONTWRITEBYTECODE": "1"}


ASK = """
import importlib.util, json, sys
__import__(sys.argv[1])
ours = {n: m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "tiers"}
others = [n for n in sys.argv[2:] if importlib.util.find_spec(n)]
print(json.dumps([ours, others]))
"""


def test_an_image_alone_imports_its_party_and_finds_no_other(image: Image, tmp_path: Path) -> None:
    folder = lay_out(image, tmp_path)
    program = image.command[2] if image.party == "witness" else f"{image.command[2]}.__main__"
    parties = [f"tiers.{Path(source).name}" for source in OWN.values()]
    others = [name for name in [*parties, "tiers.lab", "tiers.device"] if not program.startswith(name)]
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", ASK, program, *others],
        env=isolated(folder), cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded, found = json.loads(done.stdout)
    assert found == []
    assert program in loaded
    assert [file for file in loaded.values() if not Path(file).is_relative_to(folder)] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    async with running_host(tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_container_is_given_settings_that_its_party_has(name: str, host: Host) -> None:
    known = {f"TIERS_{field.name.upper()}" for field in fields(SETTINGS[CONTAINERS[name]])}
    assert host.environ(name).keys() - known == set()


@pytest.mark.e2e
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_party_runs_from_its_image_alone(name: str, host: Host, tmp_path: Path) -> None:
    image = read_image(CONTAINERS[name])
    folder = lay_out(image, tmp_path / "app")
    command = [sys.executable, "-P", "-S", *image.command[1:]]
    child = await start_party(name, command, isolated(folder) | host.environ(name), tmp_path / "log")
    try:
        asked = await asyncio.create_subprocess_exec(*host.healthcheck(name))
        assert await asked.wait() == 0
    finally:
        await stop(child)
    assert child.process.returncode == 0
