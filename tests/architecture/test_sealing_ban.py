"""Second lock: ruff lets nobody but services/wire/message/sealing.py and the carrier's admission near a cipher."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
MAY_SEAL = ["services/wire/message/sealing.py", "services/carrier/admission.py"]
PARTIES = [
    "gateway",
    *(f"services/{name}" for name in ("auditor", "carrier", "court", "device", "enterprise", "lab", "ledger")),
]
REACHES = [
    "from cryptography.hazmat.primitives.ciphers.aead import AESGCM",
    "from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes",
    "from cryptography.hazmat.primitives import ciphers",
    "import cryptography.hazmat.primitives.ciphers.aead",
    "from cryptography.hazmat.primitives import hpke",
    "import cryptography.hazmat.primitives.hpke",
    "from joserfc import jwe",
    "from joserfc.jwe import decrypt_json",
    "import cryptography.hazmat.primitives\nprint(cryptography.hazmat.primitives.hpke.Suite)",
]


def complaints(file: str, source: str) -> set[str]:
    """Return the codes of ruff's complaints about `source`, were it the contents of `file`."""
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--output-format",
        "concise",
        "--stdin-filename",
        file,
        "-",
    ]
    done = subprocess.run(ruff, cwd=ROOT, input=source + "\n", capture_output=True, text=True, check=False)
    return {line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith(file)}


@pytest.mark.parametrize("reach", REACHES)
def test_a_party_that_reaches_for_a_cipher_is_stopped(reach: str) -> None:
    assert "TID251" in complaints("services/court/reach.py", reach)


@pytest.mark.parametrize("party", PARTIES)
def test_no_party_is_exempt(party: str) -> None:
    assert "TID251" in complaints(f"{party}/reach.py", REACHES[0])


@pytest.mark.parametrize("file", [*MAY_SEAL, "services/wire/lawful/grant.py"])
def test_two_files_may_and_their_neighbours_may_not(file: str) -> None:
    assert ("TID251" in complaints(file, REACHES[0])) == (file not in MAY_SEAL)


def test_the_exceptions_are_those_two_and_no_line_makes_another() -> None:
    exempt = {
        file for file, codes in RUFF["per-file-ignores"].items() if any("TID251".startswith(code) for code in codes)
    }
    assert exempt - {"tests/**"} == set(MAY_SEAL)
    assert not any("TID251".startswith(code) for code in RUFF["ignore"])
    waived = [
        path
        for folder in ("gateway", "services")
        for path in (ROOT / folder).rglob("*.py")
        if any(
            "noqa" in line and ("TID" in line or line.rstrip().endswith("noqa"))
            for line in path.read_text().splitlines()
        )
    ]
    assert waived == []
