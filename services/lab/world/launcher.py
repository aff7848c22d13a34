"""Start a party's own program on classroom time.

    python -P -m tiers.lab.world.launcher CLOCK [--fault NAME] MODULE

The nursery does the same in a process that it has forked. It changes the process, never the party's code: the clock
always, and one fault (faults/registry.py) for `tiers matrix --leak` or for a scenario. With `SSLKEYLOGFILE`
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
    path, *rest = arguments
    clock = Clock(Path(path))
    time.time_ns = clock.time_ns
    time.time = lambda: clock.time_ns() / 1e9
    if keys := os.environ.get("SSLKEYLOGFILE"):
        leave_keys(keys)
    if rest[0] == "--fault":
        from tiers.lab.faults.registry import plant  # noqa: PLC0415 - an honest party carries none of it

        plant(rest[1], clock.path.parent)
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
    launch(sys.argv[1:])


if __name__ == "__main__":
    main()
