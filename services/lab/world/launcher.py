"""Start a party's own program on classroom time.

    python -P -m tiers.lab.world.launcher CLOCK [--leak NAME] [--rogue NAME] MODULE

The nursery does the same in a process that it has forked. It changes the process, never the party's code: the clock
always; for `tiers matrix --leak` one seeded fault; for a scenario what a party does on purpose. With `SSLKEYLOGFILE`
set its TLS connections leave their keys there, so that Wireshark reads a capture of them.
"""

import os
import runpy
import ssl
import sys
import time
from pathlib import Path

from tiers.lab.world.clock import Clock


def launch(arguments: list[str]) -> None:
    """Replace the clock, plant what is named, run the program."""
    sys.argv = ["launcher", *arguments]
    path, *rest = arguments
    clock = Clock(Path(path))
    time.time_ns = clock.time_ns
    time.time = lambda: clock.time_ns() / 1e9
    if keys := os.environ.get("SSLKEYLOGFILE"):
        leave_keys(keys)
    if rest[0] == "--leak":
        from tiers.lab.faults.leaks import plant  # noqa: PLC0415 - a party that leaks nothing carries none of it

        plant(rest[1])
        rest = rest[2:]
    if rest[0] == "--rogue":
        from tiers.lab.faults import rogues  # noqa: PLC0415 - nor does an honest party carry any of this

        rogues.plant(rest[1])
        rest = rest[2:]
    sys.argv = rest
    runpy.run_module(rest[0], run_name="__main__", alter_sys=True)


def leave_keys(path: str) -> None:
    """Have every TLS context of this process write its sessions' keys to `path` (the format of NSS and Wireshark)."""
    make = ssl.SSLContext.__new__

    def logged(cls: type[ssl.SSLContext], *args: int) -> ssl.SSLContext:
        context = make(cls, *args)
        context.keylog_filename = path
        return context

    ssl.SSLContext.__new__ = staticmethod(logged)  # type: ignore[assignment,method-assign]  # asyncio checks the class


def main() -> None:
    """Launch what the command line says."""
    launch(sys.argv[1:])


if __name__ == "__main__":
    main()
