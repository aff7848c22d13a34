"""A tap on TCP connections: all that passes is forwarded and kept. In threads. TLS opens with a client's key log."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tiers.measure.errors import Misused, NotWhole
from tiers.measure.search.scan import Chunk

_CHUNK = 1 << 15
Connection = list[tuple[bool, bytes]]
"""What passed, in its order: whether it went to the program, and the bytes."""


class Tap:
    """Listens at `host` on a port of its own and forwards to `port` there. What passed stands in `connections`."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.connections: list[Connection] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections.append([])
                threading.Thread(target=self._carry, args=(client, self.connections[-1]), daemon=True).start()

    def _carry(self, client: socket.socket, kept: Connection) -> None:
        with client, suppress(OSError), socket.create_connection(self._to) as server:
            answering = threading.Thread(target=_forward, args=(server, client, False, kept), daemon=True)
            answering.start()
            _forward(client, server, True, kept)
            answering.join()


def _forward(source: socket.socket, sink: socket.socket, to: bool, kept: Connection) -> None:  # noqa: FBT001 - see `Connection`
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            kept.append((to, data))
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def passed(name: str, tap: Tap, keylog: Path | None) -> Iterator[Chunk]:
    """Yield what passed to and from `name`, and what is inside TLS; raises `NotWhole` where its key is not logged."""
    connections = [list(one) for one in tap.connections]
    for number, one in enumerate(connections):
        yield from _sides(f"{name}, connection {number}", one)
    if keylog is not None and (in_tls := {at: tls for at, one in enumerate(connections) if (tls := _in_tls(one))}):
        for number, said in zip(in_tls, _opened(in_tls, keylog), strict=True):
            yield from _sides(f"{name}, connection {number}, TLS opened", said)


def _sides(name: str, connection: Connection) -> Iterator[Chunk]:
    for to, side in ((True, "to"), (False, "from")):
        yield Chunk(f"wire, {side} {name}", 0, b"".join(data for way, data in connection if way is to))


def _in_tls(connection: Connection) -> Connection:
    """Return a connection from its ClientHello on (RFC 8446, 5.1): STARTTLS comes later."""
    begins = (at for at, (to, data) in enumerate(connection) if to and data.startswith(b"\x16\x03"))
    return connection[next(begins, len(connection)) :]


_RANDOM = slice(11, 43)
"""Where in a ClientHello the number stands by which a key log names the connection."""
_LINE = "=" * 67 + "\n"


def _opened(connections: Mapping[int, Connection], keylog: Path) -> Iterator[Connection]:
    """Yield what was said inside TLS, as tshark opens it."""
    if not (tshark := shutil.which("tshark")):
        raise Misused("Install tshark: TLS with a key log is opened with it.")
    keys = keylog.read_text(encoding="ascii") if keylog.exists() else ""
    for number, one in connections.items():
        if one[0][1][_RANDOM].hex() not in keys:
            raise NotWhole(f"the key log has no key of connection {number}")
    packets = b"".join(_packets(connections.values()))
    follow = [word for number in range(len(connections)) for word in ("-z", f"follow,tls,raw,{number}")]
    command = [tshark, "-r", "-", "-o", f"tls.keylog_file:{keylog}", "-q", *follow]
    told = subprocess.run(command, input=packets, capture_output=True, check=True).stdout.decode()  # noqa: S603 - our own words
    parts = {int(part.split()[5]): part.splitlines() for part in told.split(_LINE)[1::2]}
    for _number, (_follow, _filter, _client, _server, *lines) in sorted(parts.items()):
        yield [(not line.startswith("\t"), bytes.fromhex(line)) for line in lines]


def _packets(connections: Iterable[Connection]) -> Iterator[bytes]:
    """Yield connections as a file of IP packets (libpcap, LINKTYPE_RAW), as if the server's port were 443."""
    yield struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, 101)
    for number, connection in enumerate(connections):
        sent = {True: 1, False: 1}
        for to, data in connection:
            ends = [(1024 + number, b"\x7f\0\0\1"), (443, b"\x7f\0\0\2")]
            ports, hosts = zip(*(ends if to else ends[::-1]), strict=True)
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, *hosts)
            packet = head + struct.pack(">HHIIHHHH", *ports, sent[to], sent[not to], 0x5018, 1 << 15, 0, 0) + data
            sent[to] += len(data)
            yield struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet
