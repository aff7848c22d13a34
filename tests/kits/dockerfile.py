"""Reads a party's Dockerfile as far as the tests need it, and lays its files out without a container engine."""

import ast
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OURS = {"tiers"}


@dataclass(frozen=True, slots=True)
class Image:
    """One party's image: instruction -> arguments, in order, lines joined."""

    party: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, instruction: str) -> list[str]:
        """Return the arguments of every such instruction."""
        return [arguments for name, arguments in self.instructions if name == instruction]

    def one(self, instruction: str) -> str:
        """Return the arguments of the only such instruction."""
        (arguments,) = self.all(instruction)
        return arguments

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Return (source in the build context, target below WORKDIR) of every COPY."""
        return [(source, words[-1]) for words in map(shlex.split, self.all("COPY")) for source in words[:-1]]

    @property
    def command(self) -> list[str]:
        """Return what the image runs."""
        return json.loads(self.one("CMD"))

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings that the image brings."""
        return dict(pair.split("=", 1) for pair in shlex.split(self.one("ENV")))

    @property
    def install(self) -> str:
        """Return the line that installs Python packages."""
        (line,) = [line for line in self.all("RUN") if "pip install" in line]
        return line

    @property
    def packages(self) -> set[str]:
        """Return the Python packages that are installed by name."""
        return set(self.install.partition("--constraint /requirements.lock")[2].split())

    @property
    def context(self) -> list[str]:
        """Return what the builder is sent: the exceptions of the party's own .dockerignore."""
        lines = (DEPLOY / self.party / "Dockerfile.dockerignore").read_text().splitlines()
        first, *rules, last = [line for line in lines if line and not line.startswith("#")]
        assert (first, last) == ("*", "**/__pycache__")
        return [rule.removeprefix("!") for rule in rules]


def read_image(party: str) -> Image:
    """Read deploy/<party>/Dockerfile."""
    text = (DEPLOY / party / "Dockerfile").read_text()
    whole = re.sub(r"\\\n\s*", "", text)
    lines = [line.partition(" ") for line in whole.splitlines() if line and not line.startswith("#")]
    return Image(party, tuple((name, arguments.strip()) for name, _, arguments in lines))


def lay_out(image: Image, folder: Path) -> Path:
    """Copy what the image copies, from what its builder is sent, into an empty folder: the image's /app."""
    skip = shutil.ignore_patterns("__pycache__")
    for source, target in image.copies:
        whence, whither = ROOT / source, folder / target
        if whence.is_dir():
            shutil.copytree(whence, whither, ignore=skip)
        else:
            whither.mkdir(parents=True, exist_ok=True)
            shutil.copy(whence, whither)
    return folder


def imported(folder: Path) -> set[str]:
    """Return the distributions that the Python files below `folder` import, by their names on the index."""
    known = packages_distributions()
    tops = {name.partition(".")[0] for file in folder.rglob("*.py") for name in _imports(file)}
    return {known[top][0].lower().replace("_", "-") for top in tops - OURS - sys.stdlib_module_names}


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
