"""First lock: import-linter's contracts hold, and each of them breaks when somebody reaches over the fence."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
NAMED = {contract["name"]: contract for contract in CONTRACTS}

FLOORS, HANDSET, STORE, OPENS, ROOMS, PURE = (
    "Every arrow points down, and parties meet only in the treaty",
    "The lab runs the parties as processes: of them it imports the handset alone",
    "Only relay and carrier have business in the provider's store",
    "Relay, court and ledger have no way to open",
    "The treaty's rooms stand on each other, and no arrow points up",
    "The treaty does no I/O",
)
# contract -> what somebody adds to break it: the file, and what it imports
REACHES = {
    FLOORS: [
        ("services/court/reach.py", "tiers.carrier"),
        ("gateway/reach.py", "tiers.enterprise"),
        ("services/device/reach.py", "tiers.gateway"),
        ("services/ledger/reach.py", "tiers.auditor"),
        ("services/wire/reach.py", "tiers.carrier"),
        ("services/wire/log/reach.py", "tiers.chassis"),
        ("services/wire/api/reach.py", "tiers.lab"),
        ("services/chassis/reach.py", "tiers.gateway"),
        ("services/chassis/tls.py", "tiers.store"),
        ("services/store/reach.py", "tiers.gateway"),
        ("services/store/url.py", "tiers.carrier"),
        ("gateway/path/reach.py", "tiers.lab"),
        ("services/auditor/reach.py", "tiers.lab"),
        ("services/lab/reach.py", "tiers.testing"),
        ("services/measure/search/scan.py", "tiers.wire"),
        ("services/wire/errors.py", "tiers.measure"),
    ],
    HANDSET: [("services/lab/reach.py", "tiers.carrier"), ("services/lab/classroom/desk.py", "tiers.gateway")],
    STORE: [("services/court/reach.py", "tiers.store"), ("services/chassis/reach.py", "redis")],
    OPENS: [
        ("gateway/channels.py", "tiers.wire.message.sealing"),
        ("services/court/register.py", "tiers.wire.lawful.grant"),
        ("services/wire/lawful/trust.py", "tiers.wire.message.sealing"),
    ],
    ROOMS: [
        ("services/wire/lawful/grant.py", "tiers.wire.api.carrier"),
        ("services/wire/log/reach.py", "tiers.wire.lawful.warrant"),
        ("services/wire/keys/reach.py", "tiers.wire.log.leaf"),
    ],
    PURE: [
        ("services/wire/message/envelope.py", "asyncio"),
        ("services/wire/errors.py", "ssl"),
        ("services/wire/api/carrier.py", "aiohttp"),
    ],
}


def module_of(file: str) -> str:
    """Return the name under which a file is imported."""
    return f"tiers.{file.removeprefix('services/').removesuffix('.py').replace('/', '.')}"


def lint(tree: Path) -> tuple[set[str], str]:
    """Return the names of the contracts that do not hold in a tree, and all that import-linter says."""
    linter = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    config = ["--config", str(ROOT / "pyproject.toml")]
    environ = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(tree / "src")}
    done = subprocess.run([*linter, *config], cwd=tree, env=environ, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", said, re.MULTILINE))
    assert verdicts.keys() == NAMED.keys(), done.stdout + done.stderr
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert bool(broken) == bool(done.returncode)
    return broken, said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("src", "gateway", "services"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignored)
    return tmp_path


def test_the_tree_keeps_every_contract() -> None:
    assert lint(ROOT)[0] == set()


@pytest.mark.parametrize("contract", REACHES)
def test_a_reach_over_the_fence_breaks_its_contract(tree: Path, contract: str) -> None:
    for file, imported in REACHES[contract]:
        with (tree / file).open("a") as source:
            source.write(f"\nimport {imported}\n")
    broken, said = lint(tree)
    assert contract in broken
    modules = [(module_of(file), imported) for file, imported in REACHES[contract]]
    assert [pair for pair in modules if f"{pair[0]} -> {pair[1]} " not in said] == []


def test_every_contract_is_broken_here() -> None:
    assert REACHES.keys() == NAMED.keys()


def test_every_folder_stands_on_a_floor_and_is_linked_into_the_package() -> None:
    folders = {f"tiers.{path.parent.name}" for path in ROOT.glob("services/*/__init__.py")}
    folders.add("tiers.gateway")
    floors = [set(floor.split(" | ")) for floor in NAMED[FLOORS]["layers"]]
    assert set.union(*floors) == folders | {"tiers.testing"}
    assert {f"tiers.{link.name}" for link in (ROOT / "src/tiers").iterdir() if link.is_symlink()} == folders
    parties = floors[2]
    assert set(NAMED[HANDSET]["forbidden_modules"]) == parties - {"tiers.device"}
    below = {"tiers.wire", "tiers.chassis", "tiers.measure"}
    assert set(NAMED[STORE]["source_modules"]) == parties - {"tiers.gateway", "tiers.carrier"} | below


def test_what_tests_share_stands_in_kits() -> None:
    """For `python -m pytest` the program's `gateway` comes before the tests' own, and no test of it can be imported."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    tests = "|".join(file.stem for file in files if file.stem.startswith("test_"))
    imported = re.compile(rf"^\s*(?:from|import) (?:\w+\.)*(?:{tests})\b", re.MULTILINE)
    assert [file.name for file in files if imported.search(file.read_text())] == []
