"""NATS with JetStream: a stream in files, a subject and a durable consumer to a mailbox.

    -> PUB box.<to>      <- MSG _A.<own>.<number> {"stream": …}     accepted
    <- MSG _D.<own>      -> PUB $JS.ACK.… +ACK                      delivered

A message that its consumer acknowledged leaves the stream (work-queue retention), as one leaves a mailbox.
One stream for all mailboxes would be simpler, and takes half as much again of the server's time.
"""

import asyncio
import ssl
from dataclasses import replace
from typing import Any

import msgspec

from bench.client import SERVER
from bench.frames import Ready
from bench.peers.kit import KEY_IN_ENVELOPE, Peer, Place, Reader, output

_CONFIG = """\
listen: "127.0.0.1:{port}"
tls {{ cert_file: "{tls}/cert.pem", key_file: "{tls}/key.pem" }}
jetstream {{ store_dir: "{folder}" {sync} }}
"""
_PROMISES = {
    ", sync_interval: always": "in a file of the stream, with fsync",
    "": "in a file of the stream, without fsync: that follows every two minutes",
}
"""By setting: what an answer means. The first came with version 2.10."""
_CONNECT = {"verbose": False, "pedantic": False, "tls_required": True, "lang": "python", "version": "1", "protocol": 1}
_SECONDS = 10
"""How long the server may take for a mailbox."""
Operation = tuple[list[bytes], bytes]


def pub(subject: str, payload: bytes, reply: str = "") -> bytes:
    head = f"PUB {subject} {reply} {len(payload)}\r\n" if reply else f"PUB {subject} {len(payload)}\r\n"
    return head.encode() + payload + b"\r\n"


def operations(data: bytes) -> tuple[list[Operation], int]:
    """Read whole operations of a server: the words of each and its payload; and how many bytes they took."""
    found: list[Operation] = []
    at = 0
    while (end := data.find(b"\r\n", at)) >= 0:
        words, start = data[at:end].split(), end + 2
        if not words or words[0] != b"MSG":
            found.append((words, b""))
            at = start
            continue
        size = int(words[-1])
        if start + size + 2 > len(data):
            break
        found.append((words, data[start : start + size]))
        at = start + size + 2
    return found, at


class Client(Reader):
    """One NATS client. The server speaks first, in the clear; then both change to TLS."""

    async def open(self, port: int, context: ssl.SSLContext) -> None:
        """Connect, have the stream and the own consumer made if they are not there, subscribe."""
        loop = asyncio.get_running_loop()
        self._asked: asyncio.Future[bytes] = loop.create_future()
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        await self.ready
        assert self._transport is not None
        self._transport = await loop.start_tls(self._transport, self, context, server_hostname=SERVER.host)
        pin = self.party.pin
        self.send(b"CONNECT " + msgspec.json.encode(_CONNECT) + b"\r\n")
        self.send(f"SUB _A.{pin}.* 1\r\nSUB _D.{pin} 2\r\n".encode())
        stream = {"name": pin, "subjects": [f"box.{pin}"], "retention": "workqueue", "storage": "file"}
        await self._ask(f"$JS.API.STREAM.CREATE.{pin}", stream)
        consumer = {"durable_name": pin, "deliver_subject": f"_D.{pin}", "ack_policy": "explicit"}
        config = {"stream_name": pin, "config": consumer | {"deliver_policy": "all"}}
        await self._ask(f"$JS.API.CONSUMER.DURABLE.CREATE.{pin}.{pin}", config)

    async def _ask(self, subject: str, what: Any) -> None:
        self._asked = asyncio.get_running_loop().create_future()
        self.send(pub(subject, msgspec.json.encode(what), f"_A.{self.party.pin}.asked"))
        self.flush()
        async with asyncio.timeout(_SECONDS):
            said = await self._asked
        if b'"error"' in said:
            raise ConnectionError(f"nats-server said {said.decode()}")

    def data_received(self, data: bytes) -> None:
        accepted, delivered = [], []
        for words, payload in self._whole(data, operations):
            match words:
                case [b"MSG", _, b"2", reply, _]:
                    self.send(b"PUB " + reply + b" 4\r\n+ACK\r\n")
                    delivered.append(payload[KEY_IN_ENVELOPE])
                case [b"MSG", subject, b"1", _] if subject.endswith(b".asked"):
                    self._asked.set_result(payload)
                case [b"MSG", subject, b"1", _] if b'"error"' not in payload:
                    accepted.append(subject.decode())
                case _:
                    self._rarely(words, payload)
        self._tell(accepted, delivered)

    def _rarely(self, words: list[bytes], payload: bytes) -> None:
        match words:
            case [b"INFO", *_] if not self.ready.done():
                self.ready.set_result(None)
            case [b"PING"]:
                self.send(b"PONG\r\n")
            case [b"MSG", subject, *_]:
                self._refused(subject.decode(), payload.decode())
            case [b"-ERR", *said]:
                self._fail(b" ".join(said).decode())


def message(sender: str, number: int, ready: Ready) -> Ready:
    """Make a sender's nth envelope a PUB to its receiver's subject, to be answered."""
    mid = f"_A.{sender}.{number}"
    return replace(ready, mid=mid, frame=pub(f"box.{ready.to}", ready.frame, mid))


async def settings(place: Place, binary: str) -> tuple[list[str], str]:
    """Write the configuration, with fsync before each answer where this version knows of it."""
    path, sync = place.folder / "nats.conf", ""
    for sync in _PROMISES:
        path.write_text(_CONFIG.format(port=place.port, tls=place.tls, folder=place.folder, sync=sync))
        understood, _ = await output(binary, "-t", "-c", str(path))
        if understood:
            break
    return [binary, "-c", str(path)], _PROMISES[sync]


PEER = Peer("nats-server", "nats-server", settings, Client, message)
