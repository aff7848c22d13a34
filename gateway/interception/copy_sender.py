"""The relay's end of X2 and X3: sends the copies that wait on disk to the carrier's mediation. It opens nothing.

    gateway -> mediation   X2, X3, X2, X3, …     a batch of each waiting task in turn
    gateway -> mediation   keepalive n           "is all of that on disk?"
    gateway <- mediation   keepalive ack n       it is: only now are the copies forgotten

TS 103 221-2 acknowledges keepalives alone; that the ack covers what was sent before it is our rule
(docs/spec/product.md). Nothing that a user waits for ever waits for this file.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from msgspec.structs import replace

from tiers.chassis.background import all_of, wanted
from tiers.chassis.tls import Tls, end_with_certificate
from tiers.chassis.web import parse_listen
from tiers.gateway.interception.tasks import Tasks
from tiers.gateway.mailbox.promises import Copy
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.lease import Lease
from tiers.store.client import Store
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity
from tiers.wire.lawful.product import x2, x3
from tiers.wire.lawful.warrant import Delivery
from tiers.wire.lawful.x2x3 import MAX_PDU, X2, X3, Decoder, Head, Keepalive, KeepaliveAck, Pdu, encode
from tiers.wire.lawful.xiri import Metadata
from tiers.wire.message.envelope import parse_protected

_log = structlog.get_logger()
BATCH = 64
"""Copies of one task in a round: what a flooding target may put before another's."""
TOGETHER = 4
"""Tasks whose copies are read together: what is asked of the store in one turn shares a batch."""
GATHER_SECONDS = 0.05
KEEPALIVE_SECONDS = 30.0
ACK_SECONDS = 30.0
CONNECT_SECONDS = 5.0
BACKOFF_SECONDS = (0.1, 5.0)
POINT = "accept"
"""Attribute 7: where in the relay a message is copied."""
_ADVANCE = """
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) ~= tonumber(ARGV[2]) then return end
local gap = redis.call('HGET', KEYS[2], ARGV[1]) or 0
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', ARGV[3] + gap))
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[4] ~= '0' then redis.call('HINCRBY', KEYS[3], ARGV[1], ARGV[4]) end
"""
_COUNT = """
if redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[2] then return end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[2], ARGV[1], ARGV[4])
"""
_U32 = 1 << 32


def pdus_of(copy: Copy, xid: str, delivery: Delivery, number: int, relay: Identity) -> tuple[X2 | X3, ...]:
    """Write one copy as the warrant has it: an X2, an X3, or both under one number. Raises `Yours`.

    The correlation id is the task's own, the low half of its XID: numbers run within one (TS 103 221-2), so one
    for each message would make every number 0 and hide a loss.
    """
    header = parse_protected(copy.header)
    task = UUID(xid)
    head = Head(
        xid=task,
        correlation=int.from_bytes(task.bytes[8:]),
        direction=copy.direction,
        sequence=number % _U32,
        at_ns=copy.at,
        function=str(relay),
        point=POINT,
    )
    pdus: tuple[X2 | X3, ...] = ()
    if delivery is not Delivery.CC:
        seen = Metadata(
            from_pin=header.sender,
            to_pin=header.to,
            mid=header.mid,
            service=header.service,
            channel=header.channel,
            size=len(copy.envelope),
            org=header.org or None,
        )
        pdus += (x2(head, seen),)
    return pdus if delivery is Delivery.IRI else (*pdus, x3(head, copy.envelope))


class Numbers:
    """How far each task has been delivered, on disk: hashes by XID at `gateway:{li}:next`, `:gap` and `:unlogged`.

    `next` moves only when the mediation has acknowledged, so what is sent again bears the number that it had.
    """

    NEXT, GAP, UNLOGGED = "gateway:{li}:next", "gateway:{li}:gap", "gateway:{li}:unlogged"
    COUNTED = "gateway:{li}:counted"
    """By XID, the name of the last change of `gap` and `unlogged`: asked for again, it is not made again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._losing: dict[str, tuple[str, int]] = {}
        """By XID what is being noted as lost: the name of the change, and how many."""

    async def next(self, xid: str) -> int:
        return int(await self._store.ask("HGET", self.NEXT, xid) or 0)

    async def advance(self, batch: "Batch") -> None:
        """Go on after a batch, leaving out as many numbers as copies were dropped: the mediation sees the gap.

        Its unsendable copies are to be logged. Changes nothing where somebody has gone on from its number already.
        """
        keys, after = (self.NEXT, self.GAP, self.UNLOGGED), batch.number + len(batch.copies)
        await self._store.ask("EVAL", _ADVANCE, len(keys), *keys, batch.xid, batch.number, after, batch.unsendable)

    async def lose(self, xid: str, count: int) -> int:
        """Note copies that were dropped, which have no number: to be left out, and to be logged.

        Returns how many: as many as at the first try, which may have been done though nobody heard of it.
        """
        name, count = self._losing.setdefault(xid, (secrets.token_hex(8), count))
        await self._count(xid, name, count, count)
        del self._losing[xid]
        return count

    async def unlogged(self) -> dict[str, int]:
        """Return how many lost copies of which task the ledger has not been told of."""
        fields: dict[bytes, bytes] = await self._store.ask("HGETALL", self.UNLOGGED)
        return {xid.decode(): int(count) for xid, count in fields.items() if int(count)}

    async def logged(self, xid: str, count: int) -> None:
        await self._count(xid, secrets.token_hex(8), 0, -count)

    async def forget(self, xid: str) -> None:
        for key in (self.NEXT, self.GAP, self.UNLOGGED, self.COUNTED):
            await self._store.ask("HDEL", key, xid)

    async def _count(self, xid: str, name: str, gap: int, count: int) -> None:
        keys = (self.GAP, self.UNLOGGED, self.COUNTED)
        await self._store.ask("EVAL", _COUNT, len(keys), *keys, xid, name, gap, count)


class Link:
    """One TLS connection to the mediation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._sequence = 0

    async def send(self, pdus: Iterable[Pdu]) -> None:
        self._writer.writelines(map(encode, pdus))  # a TLS record each: of two in one, Wireshark reads none
        await self._writer.drain()

    async def confirm(self) -> None:
        """Return when the mediation has everything sent so far on disk; raises `OSError` or `TiersError` if not."""
        wanted = KeepaliveAck(self._sequence)
        self._sequence = (self._sequence + 1) % _U32
        await self.send([Keepalive(wanted.sequence)])
        async with asyncio.timeout(ACK_SECONDS):
            while wanted not in await self._read():
                pass

    def close(self) -> None:
        self._writer.transport.abort()

    async def _read(self) -> list[Pdu]:
        data = await self._reader.read(MAX_PDU)
        if not data:
            raise ConnectionResetError
        pdus = self._decoder.feed(data)
        await self.send([KeepaliveAck(pdu.sequence) for pdu in pdus if isinstance(pdu, Keepalive)])
        return pdus


class Batch(NamedTuple):
    """Copies of one task that were sent under `number` and those after it, but for the `unsendable` ones."""

    xid: str
    copies: Sequence[Copy]
    octets: int
    number: int
    unsendable: int


class CopySender:
    """Empties the tasks' queues, a batch of each in turn, for as long as it runs."""

    def __init__(self, copies: Mailboxes, numbers: Numbers, tasks: Tasks, relay: Identity, lease: Lease) -> None:
        self._copies = copies
        self._lease = lease
        self._numbers = numbers
        self._tasks = tasks
        self._relay = relay
        # what is forgotten while the disk is asked would be counted out twice
        self._counting = asyncio.Lock()
        self._woken = asyncio.Event()
        self._pause = BACKOFF_SECONDS[0]

    def wake(self) -> None:
        self._woken.set()

    async def count(self, xid: str) -> None:
        """Ask the disk how many copies of a task it holds."""
        async with self._counting:
            before = self._tasks.backlog.on_disk(xid)
            self._tasks.backlog.counted(xid, await self._copies.queued(xid), before)

    async def run(self, connect: Callable[[], Awaitable[Link]]) -> None:
        """Connect, deliver, and connect again after growing pauses, until cancelled. What waits stays on disk."""
        while wanted():
            await self._lease.wait()
            try:
                link = await connect()
                try:
                    await self._deliver(link)
                finally:
                    link.close()
            except (OSError, TimeoutError, TiersError) as error:
                _log.warning("copies.interrupted", error=type(error).__name__)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, BACKOFF_SECONDS[1])

    async def _deliver(self, link: Link) -> None:
        while self._lease.held and wanted():
            self._woken.clear()
            waiting = sorted(await self._copies.waiting())
            sent = list[Batch]()
            for at in range(0, len(waiting), TOGETHER):
                read = await all_of(self._read(xid) for xid in waiting[at : at + TOGETHER])
                for batch, pdus in filter(None, read):
                    await link.send(pdus)
                    sent.append(batch)
            await link.confirm()
            self._pause = BACKOFF_SECONDS[0]
            await self._settle(sent)
            if not sent:
                await self._idle()

    async def _read(self, xid: str) -> tuple[Batch, Sequence[Pdu]] | None:
        """Return the next copies of a task, without their contents, and the PDUs that say them."""
        task = self._tasks.get(xid)
        copies = await self._copies.copies(xid, BATCH) if task else ()
        if task is None or not copies:
            return None
        number, pdus, unsendable = await self._numbers.next(xid), list[Pdu](), 0
        for place, copy in enumerate(copies):
            try:
                pdus += pdus_of(copy, xid, task.claims.delivery, number + place, self._relay)
            except TiersError as error:
                # its number stays unused: the mediation sees that one is missing
                _log.error("copies.unsendable", xid=xid, code=error.code)
                unsendable += 1
        octets = sum(len(copy.envelope) for copy in copies)
        return Batch(xid, [replace(copy, envelope=b"") for copy in copies], octets, number, unsendable), pdus

    async def _settle(self, sent: Sequence[Batch]) -> None:
        """Forget what the mediation has. Should we die between the two, it sees the copies again and drops them."""
        await all_of(self._numbers.advance(batch) for batch in sent)
        async with self._counting:
            await all_of(self._forget(batch) for batch in sent)

    async def _forget(self, batch: Batch) -> None:
        await self._copies.forget_copies(batch.xid, batch.copies)
        self._tasks.backlog.release(batch.xid, len(batch.copies), batch.octets)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(KEEPALIVE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return
        # not at once: what follows a copied message must not stand out, and rounds of one copy are dear
        await asyncio.sleep(GATHER_SECONDS)


async def connect(mediation: str, carrier: Identity, tls: Tls) -> Link:
    """Connect to the mediation at host:port; TLS checks that it is this carrier. Raises `OSError` or `Ours`."""
    host, port = parse_listen(mediation)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls.client, server_hostname=carrier.host)
    except TimeoutError:
        raise Ours("mediation.timeout", "Start the carrier's mediation: it does not answer.") from None
    end_with_certificate(writer.transport)
    return Link(reader, writer)
