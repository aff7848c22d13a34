"""Interception at the relay: what a carrier may ask, what stands on disk, what the ledger is told. Opens nothing.

    carrier -> PUT    /v1/tasks/{xid}   warrant, proof, status    verified here, with the relay's own pinned keys
    carrier -> DELETE /v1/tasks/{xid}   status, where there is one    ends at once; what was copied is still delivered
    carrier -> GET    /v1/tasks                                the caller's own XIDs and ends, never a target

The accept path asks `tasks.match` and waits for nothing else of this. What the ledger is told of a task is told at the
end of the minute, in no order that says whose it is, and of losses when the warrant has expired: a target who watches
the log learns nothing from the time. Spec page: docs/spec/product.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from operator import itemgetter

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter

from tiers.chassis.background import every
from tiers.chassis.outside import Outside
from tiers.chassis.refusals import MINUTE_MS, Refusals, sealed_request
from tiers.chassis.web import Route, raw_body
from tiers.gateway.interception.copy_sender import CopySender, Link, Numbers
from tiers.gateway.interception.tasks import Task, Tasks, verify_task
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import Bus
from tiers.gateway.processes.lease import Lease
from tiers.wire.api import gateway as api
from tiers.wire.encoding import parse_json, parse_own
from tiers.wire.errors import Forbidden, Ours, Policy, TiersError, Yours
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.lawful.warrant import Uuid
from tiers.wire.log.leaf import Leaf, LeafType, encode_leaf, parse_leaf

_log = structlog.get_logger()
TASKS = "gateway:{li}:tasks"
"""A hash on disk: XID -> `Record`."""
FACTS = "gateway:{li}:facts"
"""A hash on disk: leaves about tasks that the ledger has not been told yet. Several processes write each once."""
UNKNOWN_AGENCY = "unknown"
"""What the log says of an order that does not verify: nothing in it may be repeated as a fact."""
TICK_SECONDS = 1.0
MAX_LATE_MS = 120_000
_ALL = ""
CERTIFIED = frozenset(Role) - {Role.ANYONE}


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A task on disk: who set it, what was shown and when (ms), when it ended. Verified again at every start.

    `word` is the court's word with which it ended, if there was one.
    """

    carrier: str
    activated: int
    shown: api.ActivateTask
    ended: int | None = None
    word: str = ""


class Interception:
    """The interception function of one relay: `tasks` goes to the accept path, `routes()` into the request table."""

    def __init__(self, copies: Mailboxes, outside: Outside, bus: Bus, lease: Lease) -> None:
        self._bus = bus
        self._lease = lease
        self._stale: set[str] = set()
        self._news = asyncio.Event()
        self._store = bus.store
        self._copies = copies
        self._outside = outside
        self._refusals = Refusals(outside)
        self._lock = asyncio.Lock()
        self._dropped = asyncio.Event()
        self._lost = Counter("tiers_copies_dropped", "Copies that a full queue did not take.", registry=outside.metrics)
        self._numbers = Numbers(bus.store)
        self.tasks = Tasks(self._dropped.set)
        self._sender = CopySender(copies, self._numbers, self.tasks, outside.author.party, lease)
        bus.on("copied", self.wake)
        bus.on("task", self._heard)
        bus.on_missed(self._look_at_all)

    def routes(self) -> list[Route]:
        """Return the rows of the request table.

        A knock by anybody but a carrier leaves a leaf; who shows no certificate is turned away without one.
        """
        only, knocked = frozenset({Role.CARRIER}), self._refusals.knock("task.refused")
        return [
            Route("PUT", "/v1/tasks/{xid}", only, self._put, "activate an interception task", knocked),
            Route("DELETE", "/v1/tasks/{xid}", only, self._delete, "end an interception task", knocked),
            Route("GET", "/v1/tasks", CERTIFIED, self._list, "list one's own XIDs (carrier); others: refused, logged"),
        ]

    def wake(self, about: str) -> None:
        """Hear that copies of a task wait, stored here or by another process (`copied` on the bus)."""
        self.tasks.backlog.told(about.partition("/")[0])
        self._sender.wake()

    async def load(self) -> None:
        """Read the tasks from disk and verify each again: what does not verify is not active. Raises `Ours`."""
        records = await self._store.ask("HGETALL", TASKS)
        for xid in await self._copies.waiting():
            await self._sender.count(xid)
        for name, raw in records.items():
            if code := self._restore(name.decode(), raw):
                await self._refusals.note("task.refused", UNKNOWN_AGENCY, sealed_request(raw), code)

    def _heard(self, xid: str) -> None:
        self._stale.add(xid)
        self._news.set()

    def _look_at_all(self) -> None:
        self._heard(_ALL)
        self._sender.wake()

    async def _reread(self) -> None:
        """Read again what another process put down or ended."""
        self._news.clear()
        stale, self._stale = self._stale, set()
        try:
            if _ALL in stale:
                stale = {xid.decode() for xid in await self._store.ask("HKEYS", TASKS)}
            for xid in stale:
                async with self._lock:
                    await self._refresh(xid)
        except Ours:
            self._stale |= stale
            raise

    async def _refresh(self, xid: str) -> None:
        """Take a task as it stands on disk; to be called with the lock held, so that no end is overtaken."""
        raw = await self._store.ask("HGET", TASKS, xid)
        if raw is not None:
            self._restore(xid, raw)

    async def run(self, connect: Callable[[], Awaitable[Link]]) -> None:
        """Deliver, keep the clock and keep the ledger told, until cancelled. `connect` reaches the mediation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sender.run(connect))
            # at once when a copy is dropped: a count that is in memory alone could be lost
            group.create_task(every(TICK_SECONDS, self.tick, self._dropped))
            group.create_task(every(TICK_SECONDS, self.tell_ledger))
            group.create_task(every(None, self._reread, self._news))

    async def tick(self) -> None:
        """Write losses down, end what is over by the clock or the court's silence, forget what is done."""
        now = self._outside.clock()
        self._dropped.clear()
        for xid, dropped in self.tasks.backlog.dropped().items():
            count = await self._numbers.lose(xid, dropped)
            self.tasks.backlog.recorded(xid, count)
            self._lost.inc(count)
            _log.warning("task.dropped", xid=xid, count=count)
        for task in self.tasks.overdue(now):
            async with self._lock:
                await self._end(task, now)
        if done := self.tasks.done(now):
            owing = await self._copies.waiting() | (await self._numbers.unlogged()).keys()
            for xid in set(done) - owing:
                if self._lease.held:
                    await self._numbers.forget(xid)
                    await self._store.ask("HDEL", TASKS, xid)
                if not await self._store.ask("HEXISTS", TASKS, xid):
                    self.tasks.forget(xid)
        for xid in self.tasks.backlog.waiting():
            await self._sender.count(xid)

    async def tell_ledger(self) -> None:
        """Log the facts of minutes that are over, by commitment, then the losses of warrants that have expired."""
        await self._refusals.tell()
        if not self._lease.held:
            return
        waiting: dict[bytes, bytes] = await self._store.ask("HGETALL", FACTS)
        facts = [(parse_leaf(raw), name) for name, raw in waiting.items()]
        due = [(leaf.commitment, name, leaf) for leaf, name in facts if leaf.ts <= self._outside.clock()]
        said = set[bytes]()
        for _, name, fact in sorted(due, key=itemgetter(0, 1)):
            leaf = self._dated(fact, said)
            await self._outside.ledger.append(leaf)
            said.add(encode_leaf(leaf))
            await self._store.ask("HDEL", FACTS, name)
        for xid, count in (await self._numbers.unlogged()).items():
            task = self.tasks.get(xid)
            if task and self._outside.clock() >= task.claims.exp * 1000:
                await self._outside.ledger.append(self._fact(task, "loss.recorded", self._outside.clock(), count))
                await self._numbers.logged(xid, count)

    def _dated(self, leaf: Leaf, said: AbstractSet[bytes]) -> Leaf:
        """Date a fact anew that waited too long for the ledger, or that reads as another one of the same minute."""
        now = self._outside.clock()
        if now - leaf.ts > MAX_LATE_MS:
            leaf = msgspec.structs.replace(leaf, ts=now)
        while encode_leaf(leaf) in said:
            leaf = msgspec.structs.replace(leaf, ts=leaf.ts + 1)
        return leaf

    async def _put(self, caller: Identity, request: web.Request) -> api.Done:
        xid, raw = request.match_info["xid"], await raw_body(request)
        async with self._refusals.logged("task.refused", UNKNOWN_AGENCY, sealed_request(raw)), self._lock:
            await self._activate(xid, raw, caller)
        return api.Done()

    async def _activate(self, xid: str, raw: bytes, caller: Identity) -> None:
        now = self._outside.clock()
        try:
            shown = parse_json(api.ActivateTask, raw, "task.no_warrant")
        except Yours:
            raise Policy("task.no_warrant", "Show the warrant and the proof that it was logged as served.") from None
        task = verify_task(_xid(xid), shown, caller, self._outside.trust(), now)
        await self._refresh(xid)
        self.tasks.check_new(task)
        # on disk first: a task that was answered for survives, one that was not is asked for again
        record, begins = Record(str(caller), now, shown), not self.tasks.is_active(xid)
        if begins:
            await self._owe(task, "task.activated", now)
        await self._store.ask("HSET", TASKS, xid, msgspec.json.encode(record))
        self.tasks.activate(task)
        await self._bus.tell("task", xid)
        _log.info("task.activated" if begins else "task.goes_on", xid=xid, until=task.until)

    async def _delete(self, caller: Identity, request: web.Request) -> api.Done:
        said = parse_json(api.EndTask, await raw_body(request) or b"{}", "request.malformed")
        await self.end(request.match_info["xid"], caller, said.status)
        return api.Done()

    async def end(self, xid: str, carrier: Identity, status: str = "") -> None:
        """End a task that `carrier` set, at once, with the court's word if it shows one; raises `Missing` or `Ours`."""
        now = self._outside.clock()
        if self.tasks.get(xid) is None:
            async with self._lock:
                await self._refresh(xid)
        task = self.tasks.deactivate(xid, carrier, now)
        newer = self._newer(task, status)
        async with self._lock:
            await self._end(newer, now, "" if newer is task else status)
        await self._bus.tell("task", xid)

    async def _list(self, caller: Identity, request: web.Request) -> api.Tasks:
        if caller.role is not Role.CARRIER or request.query_string:
            seal = sealed_request(request.raw_path.encode())
            async with self._refusals.logged("task.refused", caller.name, seal):
                detail = "Look up targets in the warrants: the relay lists a carrier's own XIDs only."
                raise Forbidden("task.listing", detail)
        return api.Tasks(self.tasks.listed(caller, self._outside.clock()))

    def _restore(self, xid: str, raw: bytes) -> str:
        """Take a task over from disk; returns the code of what it was refused for."""
        try:
            record = parse_own(Record, raw, "task.record")
            carrier, trust = parse_identity(record.carrier), self._outside.trust()
            task = verify_task(xid, record.shown, carrier, trust, record.activated)
            if record.ended is None:
                self.tasks.activate(task)
            else:
                self.tasks.end(self._newer(task, record.word), record.ended)
        except TiersError as error:
            _log.error("task.not_restored", xid=xid, code=error.code)
            return error.code
        return ""

    def _newer(self, task: Task, word: str) -> Task:
        """Return a task with a newer word on it, or the same task: no old or false word keeps it from its end."""
        with suppress(TiersError):
            return task.heard(word, self._outside.trust())
        return task

    async def _end(self, task: Task, now: int, word: str = "") -> None:
        """End a task, in memory first; on disk, so that no restart brings it back. `word` is a newer one."""
        self.tasks.end(task, now)
        raw = await self._store.ask("HGET", TASKS, task.xid)
        record = parse_own(Record, raw, "task.record") if raw else None
        if record is not None:
            if record.ended is None:
                await self._owe(task, "task.deactivated", now)
            if self._newer(task, record.word) is not task:  # another process has heard more
                word = ""
            ended = msgspec.structs.replace(record, ended=record.ended or now, word=word or record.word)
            await self._store.ask("HSET", TASKS, task.xid, msgspec.json.encode(ended))
        _log.info("task.ended", xid=task.xid)

    async def _owe(self, task: Task, kind: LeafType, now: int) -> None:
        """Write down what the ledger is to be told of a task once this minute is over."""
        leaf = self._fact(task, kind, (now // MINUTE_MS + 1) * MINUTE_MS)
        # named so that facts about one warrant sort as they came about
        await self._store.ask("HSETNX", FACTS, f"{task.word.serial:012} {kind} {task.xid}", encode_leaf(leaf))

    def _fact(self, task: Task, kind: LeafType, at: int, count: int | None = None) -> Leaf:
        return self._outside.author.leaf(kind, at, task.claims.agency, task.commitment, count=count)


def _xid(text: str) -> str:
    try:
        return msgspec.convert(text, Uuid)
    except msgspec.ValidationError:
        raise Yours("task.xid", "Name a task by a UUID in lower case.") from None
