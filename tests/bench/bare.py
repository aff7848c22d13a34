"""The yardstick: a relay that stores and delivers, and nothing else. `python -m …bench.bare PORT STORE TLS`.

    send -> one XADD in the next batch -> fsync -> accepted, and pushed to the receiver's session
    ack  -> one XDEL in that batch

It speaks the frames of `tiers.wire.message.frames` and looks into one only for `mid` and `to`. It checks nothing:
no signature, no grammar, no repetition, no carrier, no task. It keeps what a relay may not drop: an append-only file
with fsync before the answer, a bound on what one session has under way in either direction, and a read back for
whoever was behind or away. As fast as we can write it in the same language, because a slow yardstick flatters.
"""

import asyncio
import os
import signal
import ssl
import sys
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hiredis
import msgspec
from aiohttp import WSMsgType, web

from bench.frames import PREFIX
from tiers.chassis.memory import settle
from tiers.chassis.web import notify_ready
from tiers.wire.message.frames import Ack, Challenge, Hello, Welcome, parse_from_device

MAX_UNDECIDED, MAX_OUT, CHUNK = 64, 128, 32
BATCH = 1024
_SEND = len(b'{"type":"send","envelope":')
_PROTECTED = _SEND + len(b'{"protected":"')
_MID = slice(PREFIX, PREFIX + 36)
_pack: Callable[[tuple[bytes, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]  # takes any tuple

_MULTI, _EXEC = _pack((b"MULTI",)), _pack((b"EXEC",))


class Link(asyncio.Protocol):
    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._replies: list[Any] = []
        self._wanted = 0
        self._done: asyncio.Future[list[Any]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._replies.append(reply)
        if self._done is not None and len(self._replies) >= self._wanted:
            self._done.set_result(self._replies)
            self._done = None

    def run(self, packed: list[bytes]) -> "asyncio.Future[list[Any]]":
        self._replies, self._wanted = [], len(packed)
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(packed))  # type: ignore[union-attr]  # connected before the first batch
        return self._done


class Session:
    def __init__(self, socket: web.WebSocketResponse, pin: bytes) -> None:
        self.socket = socket
        self.box = b"gateway:box:" + pin
        self.wake = asyncio.Event()
        self.room = asyncio.Event()
        self.undecided = 0
        self.out = 0
        self.last = b"0-0"
        self.behind = True
        self.accepted: list[bytes] = []
        self.deliver: list[bytes] = []

    def push(self, place: bytes, envelope: bytes) -> None:
        """Hand out a message that was just stored, if nothing is before it and there is room."""
        if self.behind or self.out >= MAX_OUT:
            self.behind = True
            return
        self.hand_out(place, envelope)

    def hand_out(self, place: bytes, envelope: bytes) -> None:
        self.out += 1
        self.last = place
        self.deliver.append(b'{"id":"' + place + b'","envelope":' + envelope + b"}")

    async def write(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            accepted, self.accepted, deliver, self.deliver = self.accepted, [], self.deliver, []
            if accepted:
                mids = b'","'.join(accepted)
                await self.socket.send_frame(b'{"type":"accepted","mids":["' + mids + b'"]}', WSMsgType.TEXT)
                self.undecided -= len(accepted)
                self.room.set()
            if deliver:
                messages = b",".join(deliver)
                await self.socket.send_frame(b'{"type":"deliver","messages":[' + messages + b"]}", WSMsgType.TEXT)


class Bare:
    def __init__(self, store: Link) -> None:
        self._store = store
        self._live: dict[bytes, Session] = {}
        self._sends: list[tuple[Session, bytes, bytes, bytes]] = []
        self._acks: list[bytes] = []
        self._reads: deque[Session] = deque()
        self._wake = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, heartbeat=30.0, max_msg_size=400_000, decode_text=False)
        await socket.prepare(request)
        await socket.send_frame(msgspec.json.encode(Challenge("nonce")), WSMsgType.TEXT)
        hello = parse_from_device((await socket.receive()).data)
        assert isinstance(hello, Hello)
        await socket.send_frame(msgspec.json.encode(Welcome(0)), WSMsgType.TEXT)
        session = self._live[hello.pin.encode()] = Session(socket, hello.pin.encode())
        self._read_back(session)
        writer = asyncio.create_task(session.write())
        try:
            await self._read(session)
        finally:
            writer.cancel()
            self._live.pop(hello.pin.encode(), None)
        return socket

    async def _read(self, session: Session) -> None:
        async for message in session.socket:
            data: bytes = message.data
            if data.startswith(b'{"type":"send"'):
                self._send(session, data)
                while session.undecided >= MAX_UNDECIDED:
                    session.room.clear()
                    await session.room.wait()
            else:
                self._ack(session, parse_from_device(data))
            self._wake.set()

    def _send(self, session: Session, data: bytes) -> None:
        end = data.index(b'"', _PROTECTED)
        header = a2b_base64(data[_PROTECTED:end] + b"==")
        at = header.index(b'"to":"') + 6
        session.undecided += 1
        self._sends.append((session, header[at : at + 8], header[_MID], data[_SEND:-1]))

    def _ack(self, session: Session, frame: Any) -> None:
        assert isinstance(frame, Ack)
        session.out -= len(frame.ids)
        self._acks.append(_pack((b"XDEL", session.box, *(place.encode() for place in frame.ids))))
        if session.behind:
            self._read_back(session)

    def _read_back(self, session: Session) -> None:
        if session not in self._reads and session.out < MAX_OUT:
            self._reads.append(session)
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            sends, self._sends, acks, self._acks = self._sends[:BATCH], self._sends[BATCH:], self._acks, []
            if self._sends:
                self._wake.set()
            reads, self._reads = self._reads, deque()
            packed = [_pack((b"XADD", b"gateway:box:" + to, b"*", b"e", raw)) for _from, to, _mid, raw in sends]
            asked = [_pack((b"XRANGE", one.box, b"(" + one.last, b"+", b"COUNT", b"%d" % CHUNK)) for one in reads]
            for one in reads:
                one.behind = False
            # as one transaction: the store makes durable what it has done after every 16 KiB that it reads, else
            (*_, replies) = await self._store.run([_MULTI, *packed, *acks, *asked, _EXEC])
            self._answer(sends, replies, reads, replies[len(replies) - len(reads) :])

    def _answer(self, sends: list[Any], replies: list[Any], reads: "deque[Session]", found: list[Any]) -> None:
        for session, messages in zip(reads, found, strict=True):
            for place, fields in messages:
                session.hand_out(place, fields[1])
            if len(messages) == CHUNK:
                session.behind = True
            session.wake.set()
        for (session, to, mid, raw), place in zip(sends, replies, strict=False):
            session.accepted.append(mid)
            session.wake.set()
            receiver = self._live.get(to)
            if receiver is not None and receiver not in reads:  # a read of this batch saw what it stored
                receiver.push(place, raw)
                receiver.wake.set()
        for session in reads:
            if session.behind:
                self._read_back(session)


async def run(port: int, store: str, tls: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    _, link = await loop.create_unix_connection(Link, store)
    if password := os.environ.get("BARE_STORE_PASSWORD"):
        await link.run([_pack((b"AUTH", b"gateway", password.encode()))])
    relay = Bare(link)
    app = web.Application()
    app.router.add_get("/v1/session", relay.serve)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(Path(tls) / "cert.pem", Path(tls) / "key.pem")
    working = asyncio.create_task(relay.run())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    settle()
    notify_ready()
    await stop.wait()
    working.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
