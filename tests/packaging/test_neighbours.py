"""Whoever installs this beside his own code keeps his code: his names, his tests, his time."""

import subprocess
from pathlib import Path

import pytest

from kits.installed import build, environment, install, run, uv

MODES = ("prepend", "append", "importlib")
PLUGIN = {"with": [], "without": ["-p", "no:tiers"]}
TEST = """\
import gateway, services.billing

def test_ours():
    assert (gateway.WHOSE, services.billing.WHOSE) == ("ours", "ours")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with packages that are called as our folders are, and a module that is called as a library of ours."""
    root = tmp_path / "project"
    for name in ("gateway", "services", "services/billing"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text('WHOSE = "ours"\n')
    (root / "structlog.py").write_text('raise SystemExit("somebody imported the structlog of the working folder")\n')
    (root / "tests").mkdir()
    (root / "tests" / "test_billing.py").write_text(TEST)
    return root


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("plugin", PLUGIN)
@pytest.mark.parametrize("start", ["pytest", "python -m pytest"])
def test_a_projects_own_gateway_and_services_are_its_own(
    python: Path, project: Path, mode: str, plugin: str, start: str
) -> None:
    (script := python.parent / "start.py").write_text("import sys, pytest\nsys.exit(pytest.console_main())\n")
    command = [str(script), "-o", "pythonpath=."] if start == "pytest" else ["-m", "pytest"]
    command += ["-q", "--import-mode", mode, "-p", "no:cacheprovider", *PLUGIN[plugin]]
    done = run(python, *command, folder=project)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.e2e
def test_the_demo_runs_in_that_projects_folder(python: Path, project: Path) -> None:
    tiers = [str(python.parent / "tiers"), "demo", "--format", "json"]
    done = subprocess.run(tiers, cwd=project, capture_output=True, text=True, timeout=100, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_the_plugin_breaks_nothing_without_pytest_asyncio(without_asyncio: Path, tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain(): pass\n")
    done = run(without_asyncio, "-m", "pytest", "-q", "-W", "error", folder=tmp_path)
    assert (0, "") == (done.returncode, done.stderr), done.stdout


@pytest.mark.parametrize("fixture", ["tiers_world", "tiers_desk", "tiers_assert_readable", "tiers_assert_sealed"])
def test_a_fixture_says_which_extra_is_missing(without_asyncio: Path, tmp_path: Path, fixture: str) -> None:
    (tmp_path / "test_asks.py").write_text(f"def test_asks({fixture}): pass\n")
    done = run(without_asyncio, "-m", "pytest", "-q", folder=tmp_path)
    assert 1 == done.returncode
    assert "Install intercept-tiers[pytest]" in done.stdout
    assert "1 error" in done.stdout


def test_a_plugin_that_nobody_uses_loads_nothing_but_its_own_two_files(python: Path, tmp_path: Path) -> None:
    """What that costs in milliseconds is measured by `tiers bench --felt`."""
    (tmp_path / "test_modules.py").write_text("import sys\ndef test_modules():\n    print(*sorted(sys.modules))\n")

    def loaded(*more: str) -> set[str]:
        done = run(python, "-m", "pytest", "-q", "-s", *more, folder=tmp_path)
        assert 0 == done.returncode, done.stdout
        return set(done.stdout.partition("\n")[0].split())

    ours = {"tiers", "tiers.lab", "tiers.lab.plugin", "tiers.lab.fixtures"}
    assert ours == loaded() - loaded("-p", "no:tiers")


NEIGHBOUR = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "neighbour"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["gateway", "services"]
"""


def test_two_such_projects_come_and_go_without_touching_each_other(wheel: Path, project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text(NEIGHBOUR)
    neighbour = build(tmp_path / "dist", project)
    python = environment(tmp_path / "env", wheel, neighbour)

    def there(module: str) -> bool:
        return run(python, "-c", f"import {module}", folder=tmp_path).returncode == 0

    assert (True, True) == (there("tiers.testing"), there("services.billing, gateway"))
    uv(python, "uninstall", "intercept-tiers")
    assert (False, True) == (there("tiers"), there("services.billing, gateway"))
    install(python, wheel)
    uv(python, "uninstall", "neighbour")
    assert (True, False) == (there("tiers.testing"), there("services"))
