"""A PostgreSQL that lives as long as a test: a socket in a folder of its own, no port. It refuses to run as root."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgres() -> Iterator[tuple[str, Path]]:
    """Yield the DSN of a database, and the folder of its files."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("install postgresql (Debian): the store is a real one")
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:  # its user may not enter pytest's own
        data, become = Path(folder) / "data", list[str]()
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

        def do(program: str, *words: str) -> None:
            command = [*become, programs[-1] / program, "--pgdata", data, *words]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

        do("initdb", "--username", "tests", "--auth", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        do("pg_ctl", "start", "--wait", "--log", f"{folder}/log", "--options", options)
        try:
            yield f"postgresql://tests@/postgres?host={folder}", data
        finally:
            do("pg_ctl", "stop", "--mode", "immediate")
