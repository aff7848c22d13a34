"""Captures what processes have beside their memory: environment, arguments, open files that have no name. Linux.

Nothing of it is consumed: a pipe is looked into with tee(2), a socket with MSG_PEEK.
"""

import ctypes
import ipaddress
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tiers.measure.search.scan import Chunk

HOST, IPV6 = "127.0.0.1", "::1"
"""Where a program may listen."""
_PIPE = 1 << 16
_SECONDS = 0.5
_NONBLOCK = 2
"""SPLICE_F_NONBLOCK, tee(2)."""
_TABLES = [
    (table, kind, state)
    for kind, name, state in ((socket.SOCK_STREAM, "tcp", "0A"), (socket.SOCK_DGRAM, "udp", "07"))
    for table in (name, f"{name}6")
]
"""Tables of the kernel, and in which state a socket of them waits for anybody (proc(5))."""
_ACCEPTS = 1 << 16
"""__SO_ACCEPTCON."""
_PIDFD_GETFD = 438


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
    """Yield what a process holds open: the names, and the content of deleted files, memfds, pipes and sockets."""
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
                elif stat.S_ISSOCK(mode):
                    yield Chunk(f"{to}, unread by {name}", 0, _unread(pid, int(link.name)))
    for what in ("cwd", "root", "exe"):
        with suppress(OSError):
            yield Chunk(
                f"{what} of {name}", 0, str(Path(f"/proc/{pid}/{what}").readlink()).encode("utf-8", "surrogateescape")
            )


def _unread(pid: int, number: int) -> bytes:
    """Look at what a socket of another process has got and nobody has read; of datagrams the first."""
    process = os.pidfd_open(pid)
    try:
        with socket.socket(fileno=ctypes.CDLL(None).syscall(_PIDFD_GETFD, process, number, 0)) as same:
            return same.recv(_PIPE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    finally:
        os.close(process)


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


class Address(NamedTuple):
    """Where a process listens: a path for a Unix socket (an abstract one begins with NUL), which has port -1."""

    kind: socket.SocketKind
    host: str
    port: int


def listening(pids: list[int]) -> set[Address]:
    """Return where these processes listen: TCP, UDP, Unix sockets."""
    owners = dict[str, int]()
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    owners[str(link.readlink()).removeprefix("socket:[").removesuffix("]")] = pid
    found = set[Address]()
    for table, kind, state in _TABLES:
        with suppress(OSError):  # a machine without IPv6
            for line in Path(f"/proc/{pids[0]}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and fields[9] in owners:
                    host, _, port = fields[1].rpartition(":")
                    found.add(Address(kind, _host(host), int(port, 16)))
    for line in Path(f"/proc/{pids[0]}/net/unix").read_text(errors="replace").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) > 7 and int(fields[3], 16) & _ACCEPTS and fields[6] in owners:  # noqa: PLR2004 - it has a name
            path = Path(f"/proc/{owners[fields[6]]}/cwd") / fields[7]
            found.add(Address(socket.SOCK_STREAM, f"\0{fields[7][1:]}" if fields[7][0] == "@" else str(path), -1))
    return found


def _host(written: str) -> str:
    """Read an address as the kernel writes it: words of 32 bits in its own order. One that is any is ours."""
    words = [
        bytes.fromhex(written[at : at + 8])[:: -1 if sys.byteorder == "little" else 1]
        for at in range(0, len(written), 8)
    ]
    host = ipaddress.ip_address(b"".join(words))
    return str(host) if int(host) else {4: HOST, 6: IPV6}[host.version]


def said_by(address: Address) -> Iterator[Chunk]:
    """Yield the name of a socket, and what it says to whoever connects and asks for `/`."""
    kind, host, port = address
    name = host if port < 0 else f"port {port} of {host}"
    yield Chunk("the name of a socket", 0, name.encode(), aside=True)
    family = socket.AF_UNIX if port < 0 else socket.AF_INET6 if ":" in host else socket.AF_INET
    said = b""
    with suppress(OSError), socket.socket(family, kind) as peer:
        peer.settimeout(_SECONDS)
        peer.connect(host if port < 0 else (host, port))
        with suppress(OSError):  # who speaks first may have gone already
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while len(said) < _PIPE and (more := peer.recv(_PIPE)):
            said += more
    yield Chunk(f"what {name} says", 0, said)
