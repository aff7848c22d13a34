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

PARTIES, TREATY, LAB, HANDSET, STORE, CLIENT, OPENS, FORMATS = (
    "Parties meet only in the treaty",
    "The treaty knows no party",
    "Nobody imports the lab",
    "The lab runs the parties as processes: it imports the treaty and the handset",
    "Only relay and carrier have business in the provider's store",
    "The store's client knows no party",
    "Relay, court and ledger have no way to open",
    "Formats do no I/O",
)
# contract -> what somebody adds to break it: the file, and what it imports
REACHES = {
    PARTIES: [
        ("services/court/reach.py", "tiers.carrier"),
        ("gateway/reach.py", "tiers.enterprise"),
        ("services/device/reach.py", "gateway"),
        ("services/ledger/reach.py", "tiers.auditor"),
    ],
    TREATY: [
        ("services/wire/reach.py", "tiers.carrier"),
        ("services/wire/chassis/reach.py", "gateway"),
        ("services/wire/api/reach.py", "tiers.lab"),
    ],
    LAB: [("gateway/reach.py", "tiers.lab"), ("services/auditor/reach.py", "tiers.lab")],
    HANDSET: [("services/lab/reach.py", "tiers.carrier"), ("services/lab/desk.py", "gateway")],
    STORE: [("services/court/reach.py", "tiers.store"), ("services/wire/chassis/reach.py", "redis")],
    CLIENT: [("services/store/reach.py", "gateway"), ("services/store/url.py", "tiers.carrier")],
    OPENS: [
        ("gateway/channels.py", "tiers.wire.sealing"),
        ("services/court/register.py", "tiers.wire.grant"),
        ("services/wire/trust.py", "tiers.wire.sealing"),
    ],
    FORMATS: [
        ("services/wire/envelope.py", "asyncio"),
        ("services/wire/trust.py", "tiers.wire.chassis"),
        ("services/wire/api/carrier.py", "aiohttp"),
    ],
}


def lint(tree: Path) -> tuple[set[str], str]:
    """Return the names of the contracts that do not hold in a tree, and all that import-linter says."""
    linter = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    config = ["--config", str(ROOT / "pyproject.toml")]
    environ = os.environ | {"COLUMNS": "200"}
    done = subprocess.run([*linter, *config], cwd=tree, env=environ, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", said, re.MULTILINE))
    assert verdicts.keys() == NAMED.keys(), done.stdout + done.stderr
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert bool(broken) == bool(done.returncode)
    return broken, said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("gateway", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
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
    modules = [(file.removesuffix(".py").replace("/", "."), imported) for file, imported in REACHES[contract]]
    assert [pair for pair in modules if f"{pair[0]} -> {pair[1]} " not in said] == []


def test_every_contract_is_broken_here() -> None:
    assert REACHES.keys() == NAMED.keys()


def test_every_party_stands_in_the_contracts() -> None:
    folders = {f"services.{path.parent.name}" for path in ROOT.glob("services/*/__init__.py")}
    parties = {"gateway", *folders} - {"tiers.wire", "tiers.lab", "tiers.store"}
    assert set(NAMED[PARTIES]["modules"]) == parties
    assert set(NAMED[TREATY]["forbidden_modules"]) == parties | {"tiers.lab"}
    assert set(NAMED[LAB]["source_modules"]) == parties
    assert set(NAMED[HANDSET]["forbidden_modules"]) == parties - {"tiers.device"}
    assert set(NAMED[STORE]["source_modules"]) == parties - {"gateway", "tiers.carrier"} | {"tiers.wire"}
    assert set(NAMED[CLIENT]["forbidden_modules"]) == parties | {"tiers.lab"}


def test_every_format_stands_in_the_contract_that_keeps_it_from_doing_io() -> None:
    modules = {path.stem for path in ROOT.glob("services/wire/*.py")} | {
        path.parent.name for path in ROOT.glob("services/wire/*/__init__.py")
    }
    assert set(NAMED[FORMATS]["source_modules"]) == {f"tiers.wire.{name}" for name in modules - {"__init__", "chassis"}}
