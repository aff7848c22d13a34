"""The project as somebody else has it: the built wheel in a fresh environment, beside packages of his own.

An environment holds the wheel, what it requires, and what is named: linked from here, so that nothing is fetched.
"""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))


def build(folder: Path, source: Path = ROOT, kind: str = "wheel") -> Path:
    """Build the wheel or the sdist of a project into `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, env=_environ())
    (built,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def environment(folder: Path, *wheels: Path, beside: tuple[str, ...] = ()) -> Path:
    """Make an environment of these wheels, what ours requires, and the distributions `beside`; returns its Python."""
    venv.create(folder, with_pip=False)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in sorted(set(closure("intercept-tiers", *beside)) - {"intercept-tiers"}):
        files = importlib.metadata.files(name) or []
        for top in {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}:
            (site / top).symlink_to(SITE / top)
    python = folder / "bin" / "python"
    install(python, *wheels)
    return python


def install(python: Path, *wheels: Path) -> None:
    """Install wheels as they are."""
    uv(python, "install", "--no-deps", "--no-index", *map(str, wheels))


def uv(python: Path, verb: str, *arguments: str) -> None:
    """Have uv change an environment."""
    command = [sys.executable, "-m", "uv", "pip", verb, "--quiet", "--python", str(python), *arguments]
    subprocess.run(command, check=True, capture_output=True, env=_environ())


def closure(*names: str) -> Iterator[str]:
    """Name distributions and all that they require here, extras left out."""
    seen, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        yield name
        for line in importlib.metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(wanted.name)


def run(python: Path, *arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python in a folder, as a user with no settings would."""
    return subprocess.run(
        [str(python), *arguments], cwd=folder, env=_environ() | environ, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip


def _environ() -> dict[str, str]:
    kept = ("PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ}
