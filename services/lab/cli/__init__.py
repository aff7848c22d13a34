"""`tiers` from the command line. Nothing slow is imported before `main`: Ctrl-C is answered from the start."""

import sys


def main() -> None:
    """Run the command."""
    try:
        from tiers.lab.cli.main import main as run  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    run()
