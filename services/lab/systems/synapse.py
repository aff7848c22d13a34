"""Starts a Synapse on loopback, with everything that it keeps in one folder."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiers.lab.systems.kit import HERE
from tiers.measure import Service, run

_START = """
import sys, pathlib
config = pathlib.Path(sys.argv[1])
config.write_text(config.read_text().replace("@PORT@", sys.argv[2]))
sys.argv = ["homeserver", "-c", sys.argv[1]]
from synapse.app.homeserver import main
main()
"""


@contextmanager
def synapse(folder: Path, *, tap: bool = False) -> Iterator[Service]:
    """Start a Synapse in a new folder, and end it; raises `NotWhole` if it does not answer."""
    folder.mkdir()
    for name in ("homeserver.yaml", "synapse-log.yaml"):
        (folder / name).write_text((HERE / name).read_text(encoding="utf-8").replace("@ROOT@", str(folder)))
    command = [sys.executable, "-c", _START, str(folder / "homeserver.yaml"), "{port}"]
    logs = [folder / "homeserver.log"]
    with run("synapse", command, ready="/health", cwd=folder, logs=logs, state=[folder], tap=tap) as server:
        yield server
