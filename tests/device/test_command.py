"""`tiers-device` by itself: what is wrong on the command line or in a setting is one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from kits import pki

pytestmark = pytest.mark.e2e


def run(folder: Path, *command: str, ca: str = "", stdin: str = "/dev/null") -> tuple[int, str]:
    settings = {
        "TIERS_STATE": str(folder / "state"),
        "TIERS_CA": str(folder / ca),
        "TIERS_GATEWAY_URL": "https://127.0.0.1:9",
    }
    tiers = ["sh", "-c", f'exec "$@" <{stdin}', "sh", sys.executable, "-m", "tiers.device", *command]
    done = subprocess.run(tiers, env=settings, capture_output=True, text=True, check=False, start_new_session=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("pin", ["2100000A", "2100000", "2100000a\n", ""])
def test_a_pin_in_another_spelling_makes_no_handset(tmp_path: Path, pin: str) -> None:
    status, said = run(tmp_path, "new", pin)
    assert (2, True) == (status, "A PIN is 8 lower-case hex digits." in said)
    assert [] == list(tmp_path.iterdir())


def test_a_ca_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    assert (0, "") == run(tmp_path, "new", "2100000a")
    status, said = run(tmp_path, "receive")
    assert (2, 1, True) == (status, said.count("\n"), said.startswith("tls.files: Put the CA's certificate into "))


@pytest.mark.parametrize("stdin", ["/dev/null", "&-"])
@pytest.mark.parametrize(("command", "option"), [("enrol", "--voucher"), ("activate", "--password")])
def test_what_nobody_types_is_asked_for_by_its_option_once_the_rest_is_there(
    tmp_path: Path, command: str, option: str, stdin: str
) -> None:
    pki.issue("carrier/in", tmp_path)
    ca = "carrier/in/ca.pem"
    status, said = run(tmp_path, command, ca=ca, stdin=stdin)
    assert (2, "device.new: Run `tiers-device new PIN` first.\n") == (status, said)
    run(tmp_path, "new", "2100000a")
    status, said = run(tmp_path, command, ca=ca, stdin=stdin)
    assert (2, f"device.unanswered: Give {option}: nobody answered.") == (status, said.splitlines()[-1])
