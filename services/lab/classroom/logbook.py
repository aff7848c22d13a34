"""The public log of a world, checked from its files by the independent verifier, which runs as its own process."""

import subprocess
import sys
from pathlib import Path

from tiers.lab.world.processes import LAUNCHER, base_environ

VERIFIER = "tiers.ledger.verify"


def command(root: Path) -> list[str]:
    """Return what checks the log of the world in `root`, on classroom time, against the keys that everybody pins."""
    keys = [(root / "trust" / f"{name}.vkey").read_text(encoding="ascii").strip() for name in ("log", "witness")]
    checks = [VERIFIER, str(root / "state" / "ledger"), "--log", keys[0], "--witness", keys[1]]
    return [*LAUNCHER, str(root / "clock"), *checks]


def verify_log(root: Path) -> int:
    """Run it, print its report and a verdict; returns its exit status, 0 if the log is what it says."""
    done = subprocess.run(command(root), env=base_environ(), check=False)  # noqa: S603 - our own interpreter
    verdict = "The log is what it says." if done.returncode == 0 else "The log is NOT what it says."
    sys.stdout.write(f"{verdict}\n")
    return done.returncode
