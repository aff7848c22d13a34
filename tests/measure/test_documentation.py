"""docs/measuring.md does what it says, also for somebody who has only the wheel."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tiers.measure.capture.memory import MEASURES_MEMORY

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/measuring.md").read_text(encoding="utf-8"), re.DOTALL)
LINUX = pytest.mark.skipif(not MEASURES_MEMORY, reason="processes are measured on Linux only")


def run(python: str, folder: Path, environ: dict[str, str]) -> None:
    for number, example in enumerate(EXAMPLES):
        (folder / f"test_example_{number}.py").write_text(example)
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
        str(folder),
    ]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


@LINUX
def test_the_examples_run(tmp_path: Path) -> None:
    run(sys.executable, tmp_path, dict(os.environ))


@LINUX
def test_the_examples_run_with_the_wheel_in_a_project_of_its_own(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    # Its libraries are those that are here; ours, in the checkout, is not among them.
    (here,) = {Path(path) for path in sys.path if path.endswith("site-packages")}
    for package in here.iterdir():
        if not re.match(r"(_editable|_?intercept|tiers|__pycache__)", package.name) and package.suffix != ".pth":
            target = site / package.name
            if not target.exists():
                target.symlink_to(package)
    (project := tmp_path / "project").mkdir()
    for name in ("services", "gateway"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("raise ImportError('a package of the project itself')\n")
    where = [str(python), "-c", "import tiers.measure; print(tiers.measure.__file__)"]
    said = subprocess.run(where, cwd=project, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(str(site))
    run(str(python), project, {"PATH": os.environ["PATH"]})
