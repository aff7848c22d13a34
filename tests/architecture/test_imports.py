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

PARTIES, TREATY, LAB, HANDSET, FORMATS = (
    "Parties meet only in the treaty",
    "The treaty knows no party",
    "Nobody imports the lab",
    "The lab runs the parties as processes: it imports the treaty and the handset",
    "Formats do no I/O",
)
# contract, the file that somebody adds, what it imports
REACHES = [
    (PARTIES, "services/court/reach.py", "services.carrier"),
    (PARTIES, "gateway/reach.py", "services.enterprise"),
    (PARTIES, "services/device/reach.py", "gateway"),
    (PARTIES, "services/ledger/reach.py", "services.auditor"),
    (TREATY, "services/wire/reach.py", "services.carrier"),
    (TREATY, "services/wire/chassis/reach.py", "gateway"),
    (TREATY, "services/wire/reach.py", "services.lab"),
    (LAB, "gateway/reach.py", "services.lab"),
    (LAB, "services/auditor/reach.py", "services.lab"),
    (HANDSET, "services/lab/reach.py", "services.carrier"),
    (HANDSET, "services/lab/reach.py", "gateway"),
    (FORMATS, "services/wire/envelope.py", "asyncio"),
    (FORMATS, "services/wire/trust.py", "services.wire.chassis"),
    (FORMATS, "services/wire/api/carrier.py", "aiohttp"),
]


def broken(tree: Path) -> list[str]:
    """Return the names of the contracts that do not hold in a tree."""
    linter = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--no-logo",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(
        linter, cwd=tree, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, check=False
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", re.sub(r"\x1b\[[0-9;]*m", "", done.stdout), re.MULTILINE))
    assert verdicts.keys() == NAMED.keys(), done.stdout + done.stderr
    found = [name for name, verdict in verdicts.items() if verdict == "BROKEN"]
    assert bool(found) == bool(done.returncode)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("gateway", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_tree_keeps_every_contract() -> None:
    assert broken(ROOT) == []


@pytest.mark.parametrize(("contract", "file", "imported"), REACHES)
def test_a_reach_over_the_fence_breaks_its_contract(tree: Path, contract: str, file: str, imported: str) -> None:
    with (tree / file).open("a") as source:
        source.write(f"\nimport {imported}\n")
    assert contract in broken(tree)


def test_every_contract_has_been_broken_here() -> None:
    assert {contract for contract, _, _ in REACHES} == NAMED.keys()


def test_every_party_stands_in_the_contracts() -> None:
    folders = {f"services.{path.parent.name}" for path in ROOT.glob("services/*/__init__.py")}
    parties = {"gateway", *folders} - {"services.wire", "services.lab"}
    assert set(NAMED[PARTIES]["modules"]) == parties
    assert set(NAMED[TREATY]["forbidden_modules"]) == parties | {"services.lab"}
    assert set(NAMED[LAB]["source_modules"]) == parties
    assert set(NAMED[HANDSET]["forbidden_modules"]) == parties - {"services.device"}


def test_every_format_stands_in_the_contract_that_keeps_it_from_doing_io() -> None:
    modules = {path.stem for path in ROOT.glob("services/wire/*.py")} | {
        path.parent.name for path in ROOT.glob("services/wire/*/__init__.py")
    }
    assert set(NAMED[FORMATS]["source_modules"]) == {
        f"services.wire.{name}" for name in modules - {"__init__", "chassis"}
    }
