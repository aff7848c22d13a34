"""`tiers measure --all`: four systems on one page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tiers.lab.cli import measure as command
from tiers.lab.cli.main import app

TITLES = ["BlackBerry 2013", "Matrix of today", "XMPP of today", "Mail of today"]


@pytest.mark.e2e
def test_four_systems_stand_on_one_page_and_every_cell_is_as_declared() -> None:
    words = [Path(sys.executable).with_name("tiers"), "measure", "--all", "--format", "html"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == command.SKIPPED:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    headings = re.findall(r"<h1>([^<,:]+)", done.stdout)
    assert headings == TITLES
    assert done.stdout.count("<table>") == done.stdout.count(" cells, as declared") == len(TITLES)


def test_a_system_that_is_missing_is_named_and_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiers.lab.systems.matrix", raising=False)
    monkeypatch.setitem(sys.modules, "nio", None)
    done = CliRunner().invoke(app, ["measure", "--all", "--format", "html"])
    assert done.exit_code == command.SKIPPED
    assert done.output.startswith("Run make install, or install intercept-tiers[matrix]")
