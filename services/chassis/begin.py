"""What every program of ours does before all else."""

import os
import resource
import sys


def begin() -> None:
    """Have no core file, which would hold every key, and all three standard files.

    One that was closed by whoever started us is opened on nothing: else the next file that we open takes its number,
    and what is printed lands in it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:  # noqa: PLR2004 - the lowest that is free
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")
