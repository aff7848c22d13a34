"""The public log of a world, checked from its files by the independent verifier, which runs as its own process."""

import subprocess
import sys
from pathlib import Path

from tiers.lab.world.processes import LAUNCHER, base_environ
from tiers.wire.log.policy import FILE

VERIFIER, MONITOR = "tiers.ledger.verify", "tiers.ledger.monitor"
VERDICTS = {
    VERIFIER: ("The log is what it says.", "The log is NOT what it says."),
    MONITOR: ("Everything in the log is in order.", "Something in the log is out of order."),
}
UNCHECKED = 3
"""What both exit with where there is nothing to check."""


def command(root: Path, program: str = VERIFIER) -> list[str]:
    """Return what checks the log of the world in `root`, on classroom time, by the policy that everybody pins."""
    checks = [program, str(root / "state" / "ledger"), "--policy", str(root / "trust" / FILE)]
    return [*LAUNCHER, str(root / "clock"), *checks]


def check_log(root: Path, program: str = VERIFIER) -> int:
    """Run it, print its report and a verdict; returns its exit status.

    0: the log is what it says. 1: it is not. 3: it cannot be checked, because there is none yet, say.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command(root, program), env=base_environ(), stdout=subprocess.PIPE, text=True, check=False
    )
    sys.stdout.write(done.stdout)
    if done.returncode not in {0, 1}:  # it was stopped, say: that is no verdict
        return UNCHECKED
    sys.stdout.write(f"{VERDICTS[program][done.returncode]}\n")
    return done.returncode
