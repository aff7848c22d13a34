"""Mosquitto: MQTT 3.1.1 (OASIS), QoS 1, one topic to a mailbox, sessions that outlive their connection.

-> PUBLISH box/<to>     <- PUBACK       accepted
<- PUBLISH box/<own>    -> PUBACK       delivered
"""

import struct
from dataclasses import replace

from bench.frames import Ready
from bench.peers.kit import KEY_IN_ENVELOPE, Peer, Place, Reader, nth

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
QOS1 = 0x02
MOST = 0xFFFF
"""Packet identifiers are 16 bits, and 0 is none."""
_CONFIG = """\
listener {port} 127.0.0.1
certfile {tls}/cert.pem
keyfile {tls}/key.pem
tls_version tlsv1.3
allow_anonymous true
user root
persistence true
persistence_location {folder}/
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
"""
_PROMISE = "in the server's memory; its file is written every 30 minutes and at its end"


def packet(kind: int, body: bytes) -> bytes:
    size, head = len(body), bytearray((kind,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + body


def packets(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Read whole control packets: their first byte and body; and how many bytes they took."""
    found, at = [], 0
    while at + 2 <= len(data):
        size, shift, start = 0, 0, at + 1
        while start < len(data):
            octet = data[start]
            size, shift, start = size | (octet & 0x7F) << shift, shift + 7, start + 1
            if octet < 0x80:
                break
        else:
            break
        if start + size > len(data):
            break
        found.append((data[at], data[start : start + size]))
        at = start + size
    return found, at


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


def publish(topic: str, number: int, payload: bytes) -> bytes:
    return packet(PUBLISH | QOS1, text(topic) + struct.pack("!H", number) + payload)


def published(body: bytes) -> tuple[bytes, bytes]:
    """Read a PUBLISH with QoS 1: its packet identifier, as it stands, and its payload."""
    at = 2 + int.from_bytes(body[:2])
    return body[at : at + 2], body[at + 2 :]


class Client(Reader):
    def connection_made(self, transport: object) -> None:
        """Ask for the session, which the server keeps when the connection ends."""
        super().connection_made(transport)  # type: ignore[arg-type]  # a stream's transport
        self.send(packet(CONNECT, text("MQTT") + b"\x04\x00" + b"\x00\x00" + text(self.party.pin)))
        self.flush()

    def data_received(self, data: bytes) -> None:
        accepted, delivered = [], []
        for kind, body in self._whole(data, packets):
            if kind & 0xF0 == PUBLISH:
                number, payload = published(body)
                self.send(packet(PUBACK, number))
                delivered.append(payload[KEY_IN_ENVELOPE])
            elif kind == PUBACK:
                accepted.append(nth(self.party.pin, int.from_bytes(body)))
            else:
                self._rarely(kind, body)
        self._tell(accepted, delivered)

    def _rarely(self, kind: int, body: bytes) -> None:
        if kind == CONNACK and body[1] == 0:
            self.send(packet(SUBSCRIBE, b"\x00\x01" + text(f"box/{self.party.pin}") + b"\x01"))
        elif kind == SUBACK and body[2] == 1:
            self.ready.set_result(None)
        else:
            self._fail(f"{kind:#x} {body.hex()}")


def message(sender: str, number: int, ready: Ready) -> Ready:
    """Make a sender's nth envelope a PUBLISH to its receiver's topic."""
    own = number % MOST + 1
    return replace(ready, mid=nth(sender, own), frame=publish(f"box/{ready.to}", own, ready.frame))


async def settings(place: Place, binary: str) -> tuple[list[str], str]:
    """Write the configuration. `user root` matters to root alone, whose server would become somebody else."""
    path = place.folder / "mosquitto.conf"
    path.write_text(_CONFIG.format(port=place.port, tls=place.tls, folder=place.folder))
    return [binary, "-c", str(path)], _PROMISE


PEER = Peer("mosquitto", "mosquitto", settings, Client, message)
