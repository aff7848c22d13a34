"""`tiers bench` lies outside the package: it runs the bench of the checkout, and says what it lacks without it."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.__main__ import DOCUMENTS
from bench.hour import Round
from tiers.lab.cli import bench
from tiers.wire.errors import Yours

TIERS = [sys.executable, "-c", "from tiers.lab.cli import main; main()", "bench"]


def test_every_argument_is_the_benchs_own() -> None:
    told = subprocess.run([*TIERS, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: tiers bench " in told.stdout
    assert "--growth" in told.stdout


def test_its_json_is_described() -> None:
    import fastjsonschema

    command = [*TIERS[:-1], "schema", "bench"]
    check = fastjsonschema.compile(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    said = check(json.loads(msgspec.json.encode(DOCUMENTS["hour"]([Round(1.0, 2, 3.0, {"relay": 4.0})]))))
    assert ("hour", 1) == (said["bench"], said["version"])
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        check({"bench": "hour", "measured": 1})


def test_its_refusals_are_one_line() -> None:
    refused = subprocess.run([*TIERS, "--hour", "--growth"], capture_output=True, text=True, check=False)
    assert (2, "bench.one") == (refused.returncode, refused.stderr.splitlines()[-1].partition(":")[0])


def test_without_a_checkout_it_says_that_it_needs_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "TESTS", tmp_path)
    with pytest.raises(Yours, match=r"bench\.checkout: Run `tiers bench` from a checkout"):
        bench.hand_over("--growth")
