"""A tap on TCP connections: everything that passes is forwarded and kept, both directions apart. In threads."""

import socket
import threading
from contextlib import suppress

_CHUNK = 1 << 16


class Tap:
    """Listens on a port of its own and forwards to `port`. What passed stands in `streams`, one for each direction."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                kept = bytearray(), bytearray()
                self.streams += kept
                threading.Thread(target=self._carry, args=(client, *kept), daemon=True).start()

    def _carry(self, client: socket.socket, there: bytearray, back: bytearray) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as server:
            answering = threading.Thread(target=_forward, args=(server, client, back), daemon=True)
            answering.start()
            _forward(client, server, there)
            answering.join()


def _forward(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            kept += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
