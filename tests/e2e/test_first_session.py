"""The first session goes as docs/first-session.md shows: every command is run, and every line shown is seen."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TIERS = [sys.executable, "-c", "from tiers.lab.cli import main; main()"]
PAGE = (ROOT / "docs" / "first-session.md").read_text(encoding="utf-8").partition("## One handset by itself")[0]
SHOWN = [block for block in re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "$ tiers" in block]


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A classroom that is up, and the environment of the second terminal."""
    environ = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"}
    with subprocess.Popen([*TIERS, "up"], env=environ, stdout=subprocess.PIPE, text=True, cwd=ROOT) as up:
        assert up.stdout is not None
        assert any("Ctrl-C stops it" in line for line in up.stdout)
        yield environ
        up.send_signal(signal.SIGINT)


def test_every_command_of_the_first_session_says_what_the_page_shows(surroundings: dict[str, str]) -> None:
    known: dict[str, str] = {}
    for command, shown in (step for block in SHOWN for step in steps(block)):
        words = [known.get(word, word) for word in shlex.split(command)[1:]]
        done = subprocess.run([*TIERS, *words], env=surroundings, capture_output=True, text=True, cwd=ROOT, check=False)
        said = done.stdout + done.stderr
        missing = [line for line in shown if plain(line) not in [plain(other) for other in said.splitlines()]]
        assert missing == [], f"{command}\n{said}"
        for name, member in (("JTI", "jti"), ("MID", "mid")):
            if found := re.search(rf'"{member}": "(.+?)"', said):
                known[name] = found[1]


def steps(block: str) -> Iterator[tuple[str, list[str]]]:
    """Return each `tiers` command of a block, with the lines that the page shows of its answer."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        if command.startswith("tiers "):
            yield command, [line for line in shown if line.strip() not in {"", "…"}]


def plain(line: str) -> str:
    """A line without what is another each time: ids, numbers, times, hashes, which of the witnesses were first."""
    line = re.sub(r"(tiers\.example/witness/w\d(, )?)+", "witnesses", line)
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f-]{27})?|root \S+|\d+", "#", line).strip()
