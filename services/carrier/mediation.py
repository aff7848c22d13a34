"""The mediation function: takes X2 and X3 from relays, keeps the product by LIID. It holds no key and opens nothing.

    gateway -> mediation   X2, X3, …            as docs/spec/product.md has it
    gateway -> mediation   keepalive n          "is all of that on disk?"
    gateway <- mediation   keepalive ack n      only after it is

The relay knows XIDs, the auditor knows LIIDs, and only the carrier knows which is which.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter

from tiers.chassis.background import all_of
from tiers.chassis.listener import Counts, Listener
from tiers.chassis.logs import seldom
from tiers.chassis.tls import Tls, end_with_certificate
from tiers.chassis.web import parse_listen
from tiers.store.client import Store
from tiers.wire.api.carrier import Product
from tiers.wire.encoding import b64u
from tiers.wire.errors import Forbidden, TiersError, Yours
from tiers.wire.identity import Identity, Role, identity_of
from tiers.wire.lawful.product import Stream, following, missing, stream_of
from tiers.wire.lawful.x2x3 import X2, X3, Decoder, Keepalive, KeepaliveAck, Pdu, encode

_log = structlog.get_logger()
READ_BYTES = 256 * 1024
IDLE_SECONDS = 90.0  # a relay sends a keepalive three times as often
MAX_PAGE = 2 * 1024 * 1024
LiidOf = Callable[[UUID], str | None]
"""Finds the LIID of a task that this carrier ever set: a cancelled one stays known until its last copies have come."""
_FEW, _MANY = 8, 64  # PDUs read at a time: a few while their size is unknown
_LOST = b"lost"
# It keeps nothing twice, and nothing once the numbers have moved: it may come again, and long after we gave it up.
_KEEP = """
local after = 1 + 3 * ARGV[1]
for i = 2, after, 3 do
  if (redis.call('HGET', KEYS[3], ARGV[i]) or '') ~= ARGV[i + 1] then return 0 end
end
for i = after + 1, #ARGV, 2 do
  if redis.call('SADD', KEYS[2], ARGV[i]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[i + 1]) end
end
for i = 2, after, 3 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2]) end
return 1
"""


class Arrival(NamedTuple):
    """One PDU that came in. `key` is the same when the same copy is sent again, whatever number it then bears."""

    key: bytes
    stream: bytes
    number: int
    raw: bytes


class Taken(NamedTuple):
    """What becomes of arrivals: the new ones, the next number of each stream that moved, and how many are missing."""

    fresh: tuple[Arrival, ...]
    expected: dict[bytes, int]
    lost: int


def arrival_of(pdu: X2 | X3) -> Arrival:
    """Name a PDU by task, type, time of copying and content.

    Not by `mid`: a target that used one twice would hide its second message.
    """
    head = pdu.head
    name = b"%d %b %d " % (pdu.type, head.xid.bytes, head.at_ns or 0) + pdu.payload
    return Arrival(sha256(name).digest()[:16], _field(stream_of(pdu)), head.sequence, encode(pdu))


def take(arrivals: Sequence[Arrival], seen: Collection[bytes], expected: Mapping[bytes, int]) -> Taken:
    """Decide on arrivals in their order: keep what is new, count what a stream's numbers say is missing. Pure.

    A number ahead of the expected one is a gap. One behind it is a repeat; if its content is new, the relay has
    begun to count again, and we count with it.
    """
    keys, nexts, fresh, lost = set(seen), dict(expected), list[Arrival](), 0
    for arrival in arrivals:
        ahead = missing(nexts.get(arrival.stream, 0), arrival.number)
        new = arrival.key not in keys
        lost += max(ahead, 0)
        if new or ahead >= 0:
            nexts[arrival.stream] = following(arrival.number)
        if new:
            keys.add(arrival.key)
            fresh.append(arrival)
    moved = {stream: number for stream, number in nexts.items() if expected.get(stream) != number}
    return Taken(tuple(fresh), moved, lost)


class ProductStore:
    """The product of each LIID: a list of PDUs in order of arrival, on disk when a call returns.

    Keys `carrier:product:{<liid>}`, with `:seen` (a set) and `:state` (a hash) beside it. One process writes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, liid: str, arrivals: Sequence[Arrival]) -> Taken:
        """Keep what is new of the arrivals, all or nothing. Nobody else adds to this LIID meanwhile."""
        product, known, state = _keys(liid)
        while True:
            fields: dict[bytes, bytes]
            flags, fields = await all_of(
                (
                    self._store.ask("SMISMEMBER", known, *(arrival.key for arrival in arrivals)),
                    self._store.ask("HGETALL", state),
                )
            )
            seen = {arrival.key for arrival, flag in zip(arrivals, flags, strict=True) if flag}
            taken = take(arrivals, seen, {field: int(number) for field, number in fields.items() if field != _LOST})
            changed = taken.expected | ({_LOST: int(fields.get(_LOST, 0)) + taken.lost} if taken.lost else {})
            moved = [part for field, to in changed.items() for part in (field, fields.get(field, b""), to)]
            new = [part for arrival in taken.fresh for part in (arrival.key, arrival.raw)]
            if await self._store.ask("EVAL", _KEEP, 3, product, known, state, len(changed), *moved, *new):
                return taken

    async def page(self, liid: str, after: int) -> Product:
        """Return what follows the first `after` PDUs, up to about MAX_PAGE octets; raises `Yours`."""
        if after < 0:
            raise Yours("product.after", "Say how many PDUs you have: 0 or more.")
        product, _, state = _keys(liid)
        total, lost = await self._store.ask("LLEN", product), await self._store.ask("HGET", state, _LOST)
        pdus, size, step = list[str](), 0, _FEW
        while size < MAX_PAGE and after + len(pdus) < total:
            start = after + len(pdus)
            chunk: list[bytes] = await self._store.ask("LRANGE", product, start, min(start + step, total) - 1)
            pdus += [b64u(raw) for raw in chunk]
            size += sum(map(len, chunk))
            step = min(max((MAX_PAGE - size) * len(pdus) // size, 1), _MANY)
        return Product(liid, after, tuple(pdus), total, int(lost or 0))


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Line(asyncio.StreamReaderProtocol):
    """A relay's connection, counted by its address: it is complete with the handshake, for that shows who it is."""

    def __init__(self, counts: Counts, address: str, serve: Serve) -> None:
        super().__init__(asyncio.StreamReader(READ_BYTES), serve)
        self._counts = counts
        self._address = address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._counts.complete(self._address)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._counts.leave(self._address, half=False)
        super().connection_lost(exc)


class Mediation:
    """The listener for X2 and X3. One connection per relay: a newer one ends the older, so that order is kept."""

    def __init__(self, store: Store, liid_of: LiidOf, metrics: CollectorRegistry) -> None:
        self._product = ProductStore(store)
        self._storing = asyncio.Lock()  # two relays may have copies for one LIID
        self._liid_of = liid_of
        self._listener: Listener | None = None
        self._open: dict[Identity, tuple[asyncio.Task[None], asyncio.StreamWriter]] = {}
        self._count = Counter("tiers_mediation_pdus", "X2 and X3 PDUs that came in.", ["fate"], registry=metrics)

    async def start(self, listen: str, tls: Tls) -> int:
        """Listen on host:port and return the port."""
        host, port = parse_listen(listen)
        self._listener = Listener(lambda counts, address: _Line(counts, address, self._serve), tls)
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening and end every connection; what was not acknowledged is sent again."""
        if self._listener is not None:
            await self._listener.stop()
        for caller in list(self._open):
            await self._end(caller)

    async def product(self, liid: str, after: int) -> Product:
        """Return a page of a LIID's product from number `after` on; raises `Yours`, or `Ours` without the store."""
        return await self._product.page(liid, after)

    async def _end(self, caller: Identity) -> None:
        if caller in self._open:
            task, writer = self._open.pop(caller)
            writer.transport.abort()
            # waited for, not cancelled: a write to the store that is under way must have ended before we go on
            await asyncio.wait([task])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            caller = _relay(writer)
            end_with_certificate(writer.transport)
            while caller in self._open:
                await self._end(caller)
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine always runs in one
            self._open[caller] = task, writer
            _log.info("mediation.connected", relay=str(caller))
            await self._receive(reader, writer)
            _log.info("mediation.disconnected", relay=str(caller))
        except TiersError as error:
            seldom("mediation.refused", code=error.code)
        except (OSError, TimeoutError) as error:
            seldom("mediation.failed", code=type(error).__name__)
        finally:
            self._open = {caller: entry for caller, entry in self._open.items() if entry[1] is not writer}
            writer.transport.abort()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                data = await reader.read(READ_BYTES)
            if not data:
                decoder.end()
                return
            await self._store(pdus := decoder.feed(data))
            acks = [encode(KeepaliveAck(pdu.sequence)) for pdu in pdus if isinstance(pdu, Keepalive)]
            if acks:
                writer.write(b"".join(acks))
                await writer.drain()

    async def _store(self, pdus: Sequence[Pdu]) -> None:
        """Keep the product among `pdus`, in order; what belongs to no task of ours is counted and thrown away."""
        by_liid: dict[str, list[Arrival]] = {}
        for pdu in pdus:
            if isinstance(pdu, X2 | X3):
                liid = self._liid_of(pdu.head.xid)
                if liid is None:
                    self._count.labels("unknown").inc()
                    seldom("mediation.unknown_task", xid=str(pdu.head.xid))
                else:
                    by_liid.setdefault(liid, []).append(arrival_of(pdu))
        async with self._storing:
            await all_of(self._keep(liid, arrivals) for liid, arrivals in by_liid.items())

    async def _keep(self, liid: str, arrivals: Sequence[Arrival]) -> None:
        taken = await self._product.add(liid, arrivals)
        self._count.labels("kept").inc(len(taken.fresh))
        self._count.labels("repeated").inc(len(arrivals) - len(taken.fresh))
        if taken.lost:
            self._count.labels("lost").inc(taken.lost)
            _log.warning("mediation.lost", liid=liid, count=taken.lost)


def _relay(writer: asyncio.StreamWriter) -> Identity:
    caller = identity_of(writer.get_extra_info("peercert"))
    if caller.role is not Role.GATEWAY:
        raise Forbidden("mediation.role", f"X2 and X3 come from relays; this is {caller}.")
    return caller


def _field(stream: Stream) -> bytes:
    return " ".join(str(part) for part in stream).encode()


def _keys(liid: str) -> tuple[str, str, str]:
    """Name the keys of a LIID; quoted, so that none of its characters ends the hash tag that keeps them together."""
    product = f"carrier:product:{{{quote(liid, safe='')}}}"
    return product, f"{product}:seen", f"{product}:state"
