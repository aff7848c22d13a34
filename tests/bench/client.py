"""One session of the load, as cheap as a client can be: a WebSocket on an asyncio transport, frames ready-made.

A load generator shares two cores with what it measures, so it decodes nothing that it need not look at.
"""

import asyncio
import re
import ssl
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.frames import KEY, Party, masked
from tiers.chassis.tls import device_context
from tiers.wire.encoding import b64u
from tiers.wire.identity import Identity, Role
from tiers.wire.message.frames import (
    Accepted,
    Ack,
    Bye,
    Challenge,
    Drained,
    FromRelay,
    Hello,
    Refused,
    Welcome,
    parse_from_relay,
    session_message,
)

_DELIVERED = re.compile(
    rb'"id":"([0-9]+-[0-9]+)","envelope":\{"protected":"[^"]{%d}([^"]{%d})' % (KEY.start, KEY.stop - KEY.start)
)
_DELIVER, _ACCEPTED = b'{"type":"deliver"', b'{"type":"accepted"'
_UPGRADE = (
    "GET /v1/session HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SERVER = Identity(Role.GATEWAY, "1")
"""Whose certificate every server of the bench shows."""
_accepted = msgspec.json.Decoder(Accepted)


class Connection(asyncio.Protocol):
    """A session's connection. Tells what the server says: `accepted(mids)`, `delivered(keys)`, `refused(mid, code)`."""

    def __init__(
        self,
        party: Party,
        accepted: Callable[[tuple[str, ...]], None],
        delivered: Callable[[list[bytes]], None],
        refused: Callable[[str, str], None],
    ) -> None:
        self.party = party
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over = False
        self._accepted = accepted
        self._delivered = delivered
        self._refused = refused
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []

    async def open(self, port: int, context: ssl.SSLContext) -> None:
        """Connect on the loopback address; returns once the server takes messages of this session."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", port, ssl=context, server_hostname=SERVER.host)
        await self.ready

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def _fail(self, said: str) -> None:
        if self.ready.done():
            self._refused("", said)
        else:
            self.ready.set_exception(ConnectionError(said))

    def send(self, frame: bytes) -> None:
        self._out.append(frame)

    def flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def open_all(clients: Sequence[Connection], port: int, ca: Path) -> None:
    """Open sessions, fifty at a time, at a server whose certificate `ca` signed."""
    context = device_context(ca)
    for first in range(0, len(clients), 50):
        await asyncio.gather(*(one.open(port, context) for one in clients[first : first + 50]))


class Client(Connection):
    _upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(_UPGRADE.encode())
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._fail(head.decode(errors="replace"))
                return
            self._upgraded, self._buffer = True, rest
        at = 0
        while (frame := _frame(self._buffer, at)) is not None:
            opcode, start, at = frame
            self._take(opcode, bytes(self._buffer[start:at]))
        del self._buffer[:at]
        self.flush()

    def _take(self, opcode: int, payload: bytes) -> None:
        if payload.startswith(_DELIVER):
            found = _DELIVERED.findall(payload)
            ids = b'","'.join(place for place, _key in found)
            self.send(masked(b'{"type":"ack","ids":["' + ids + b'"]}'))
            self._delivered([key for _place, key in found])
        elif payload.startswith(_ACCEPTED):
            self._accepted(_accepted.decode(payload).mids)
        elif opcode == 9:
            self.send(masked(payload, 10))
        elif opcode == 1:
            self._rarely(parse_from_relay(payload))

    def _rarely(self, frame: FromRelay) -> None:
        match frame:
            case Challenge():
                signed = self.party.sign.sign(session_message(SERVER, frame.nonce, self.party.pin))
                self.send(masked(msgspec.json.encode(Hello(self.party.pin, b64u(signed)))))
            case Welcome():
                self.ready.set_result(None)
            case Refused():
                self._refused(frame.mid, frame.code)
            case Bye():
                self._refused("", frame.code)
            case Drained() | Ack() | _:
                pass


def _frame(data: bytearray, at: int) -> tuple[int, int, int] | None:
    """Find a server's frame at `at`: its opcode, where its payload starts and ends; `None` if it is not all there."""
    if len(data) < at + 2:
        return None
    opcode, size, start = data[at] & 15, data[at + 1], at + 2
    if size == 126:
        if len(data) < at + 4:
            return None
        (size,), start = struct.unpack_from("!H", data, at + 2), at + 4
    elif size == 127:
        if len(data) < at + 10:
            return None
        (size,), start = struct.unpack_from("!Q", data, at + 2), at + 10
    return (opcode, start, start + size) if len(data) >= start + size else None
