"""What every program of ours does before all else."""

import os
import resource
import sys
from contextlib import suppress

MOST_FILES = 10_240
"""As many as macOS lets a process open that it tells of no limit."""


def begin() -> None:
    """Have no core file, which would hold every key; files enough; and all three standard ones.

    One that was closed by whoever started us is opened on nothing: else the next file that we open takes its number,
    and what is printed lands in it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise_descriptors()
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:  # noqa: PLR2004 - the lowest that is free
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def raise_descriptors() -> int:
    """Let this process open as many files as the system allows it; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else soft
