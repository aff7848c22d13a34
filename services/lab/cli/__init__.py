"""`tiers` from the command line. Nothing slow is imported before `main`: Ctrl-C is answered from the start."""

import gc
import sys

from tiers.chassis.begin import begin

_BOOTS = {"compare", "demo", "matrix", "scenario", "up"}


def main() -> None:
    begin()
    gc.disable()  # imports make much and drop little
    try:
        if _BOOTS & set(sys.argv[1:2]):
            from tiers.lab.world.processes import get_ready  # noqa: PLC0415 - the nursery imports while we do

            get_ready()
        from tiers.lab.cli.main import main as run  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    gc.freeze()
    gc.enable()
    run()
