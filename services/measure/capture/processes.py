"""Captures what processes have beside their memory: environment, arguments, open files that have no name. Linux.

Nothing of it is consumed: a pipe is looked into with tee(2).
"""

import ctypes
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tiers.measure.search.scan import Chunk

HOST, IPV6 = "127.0.0.1", "::1"
"""Where a program may listen."""
_PIPE = 1 << 16
_SECONDS = 0.5
_NONBLOCK = 2
"""SPLICE_F_NONBLOCK, tee(2)."""
_LISTEN = "0A"


def tree(pid: int) -> list[int]:
    """Return a process, its descendants, and whoever is in its session."""
    parents, sessions = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent, _, session, *_ = stat_of(number := int(path.name))
            if state != "Z":
                parents[number], sessions[number] = int(parent), int(session)
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one and child not in found]
    return found + [one for one, session in sessions.items() if session == pid and one not in found]


def stat_of(pid: int) -> list[str]:
    """Return what stands in /proc/<pid>/stat after the name: state, parent, …; the 20th is when it began (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def environment(name: str, pid: int) -> Iterator[Chunk]:
    """Yield the environment of a process, as it was when it began."""
    with suppress(OSError):
        yield Chunk(f"environment of {name}", 0, Path(f"/proc/{pid}/environ").read_bytes())


def arguments(name: str, pid: int) -> Iterator[Chunk]:
    """Yield the arguments of a process, and the names of its threads."""
    with suppress(OSError):
        yield Chunk(f"arguments of {name}", 0, Path(f"/proc/{pid}/cmdline").read_bytes())
    with suppress(OSError):
        threads = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda path: int(path.name))
        yield Chunk(f"names of the threads of {name}", 0, b"".join((path / "comm").read_bytes() for path in threads))


def unnamed(name: str, pid: int) -> Iterator[Chunk]:
    """Yield what a process holds open: the names, and the content of deleted files, of memfds and of pipes."""
    with suppress(OSError):
        for link in sorted(Path(f"/proc/{pid}/fd").iterdir()):
            with suppress(OSError):
                to = str(link.readlink())
                yield Chunk(f"open files of {name}", 0, to.encode("utf-8", "surrogateescape"))
                mode = link.stat().st_mode
                if stat.S_ISREG(mode) and (to.endswith(" (deleted)") or to.startswith("/memfd:")):
                    yield Chunk(f"{to}, held open by {name}", 0, link.read_bytes())
                elif stat.S_ISFIFO(mode):
                    yield Chunk(f"{to}, a pipe of {name}", 0, _look_into(link))


def _look_into(pipe: Path) -> bytes:
    inside, reader, writer = b"", *os.pipe()
    try:
        source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            size = ctypes.CDLL(None).tee(source, writer, _PIPE, _NONBLOCK)
            inside = os.read(reader, size) if size > 0 else b""
        finally:
            os.close(source)
    finally:
        os.close(reader)
        os.close(writer)
    return inside


def listening(pids: list[int]) -> set[int]:
    """Return the TCP ports on which these processes listen."""
    inodes = set[str]()
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    ports = set[int]()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pids[0]}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def said_by(port: int) -> Iterator[Chunk]:
    """Yield what a port says to whoever connects and asks for `/`."""
    for host in (HOST, IPV6):
        said = b""
        with suppress(OSError), socket.create_connection((host, port), _SECONDS) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while len(said) < _PIPE and (more := peer.recv(_PIPE)):
                said += more
        yield Chunk(f"what port {port} says", 0, said)
