"""Which messages are copied, and for whom: the active tasks by target. Pure: no clock, no store, no key that opens.

    ActivateTask --verify_task--> Task --Tasks.activate--> active --deactivate, or the clock--> ended --forget--> gone

A `Task` holds a `LoggedWarrant`, so without a warrant that two people signed and a witnessed log shows, there is none.
A task knows its target and its XID, never the LIID's reader: that is the mediation's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tiers.gateway.mailbox.promises import Match
from tiers.wire.api import gateway as api
from tiers.wire.errors import Conflict, Missing, Policy
from tiers.wire.identity import Identity
from tiers.wire.lawful.evidence import LoggedWarrant, verify_logged_warrant
from tiers.wire.lawful.trust import Trust
from tiers.wire.lawful.warrant import Claims, verify_warrant
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import Protected

MAX_QUEUE = 100_000
"""Copies of one task that may wait for the mediation."""
MAX_QUEUE_BYTES = 256 * 1024 * 1024
LINGER_MS = 60_000
"""How long an ended task is remembered at least: a message matched just before is still on its way to the disk."""


@dataclass(frozen=True, slots=True)
class Task:
    """One interception task: made by `verify_task` only. `carrier` is who set it."""

    xid: str
    carrier: Identity
    logged: LoggedWarrant

    @property
    def claims(self) -> Claims:
        """What the warrant says."""
        return self.logged.warrant.claims

    @property
    def commitment(self) -> str:
        """The log's name for this warrant."""
        return self.logged.leaf.leaf.commitment


def verify_task(xid: str, asked: api.ActivateTask, carrier: Identity, trust: Trust, now: int) -> Task:
    """Check what a carrier shows, with the relay's own pinned keys, at `now` (ms); raises `Yours` or `Policy`.

    1. A warrant, signed twice, for this carrier, in force. 2. It was logged as served. 3. By this carrier.
    """
    warrant = verify_warrant(asked.warrant, trust.applicants, trust.judges, carrier.name, now)  # 1
    logged = verify_logged_warrant(warrant, asked.evidence, trust.log)  # 2
    if logged.leaf.leaf.party != carrier.uri:  # 3
        raise Policy("evidence.party", "Show the leaf that the carrier logged itself.")
    return Task(xid, carrier, logged)


class Size(NamedTuple):
    """So many copies, of so many octets together."""

    copies: int
    octets: int


_NOTHING = Size(0, 0)


class Backlog:
    """How much of each task waits on disk or is on its way there, and how much a full queue did not take.

    On its way is what the commit under way holds, one at a time. It is counted apart, because nobody can tell whether
    the disk's own count has it already: counted twice for a moment it keeps the bound, not counted it would break it.
    """

    def __init__(self) -> None:
        self._on_disk: dict[str, Size] = {}
        self._under_way: dict[str, Size] = {}
        self._dropped: dict[str, int] = {}

    def admit(self, xid: str, size: int) -> bool:
        """Count one more copy of `size` octets in, or as dropped when the queue is full."""
        on_disk, more = self.on_disk(xid), _sum(self._under_way.get(xid, _NOTHING), Size(1, size))
        copies, octets = _sum(on_disk, more)
        if copies > MAX_QUEUE or octets > MAX_QUEUE_BYTES:
            self._dropped[xid] = self._dropped.get(xid, 0) + 1
            return False
        self._under_way[xid] = more
        return True

    def committed(self) -> None:
        """Count what was on its way as on disk."""
        for xid, more in self._under_way.items():
            self._on_disk[xid] = _sum(self.on_disk(xid), more)
        self._under_way.clear()

    def told(self, xid: str) -> None:
        """Hear that copies wait: if we know of none, another process stored them. The disk will say how many."""
        if xid not in self._under_way and xid not in self._on_disk:
            self._on_disk[xid] = Size(1, 0)

    def release(self, xid: str, copies: int, octets: int) -> None:
        """Count copies out: the mediation has them."""
        had = self.on_disk(xid)
        self._keep(xid, Size(max(had.copies - copies, 0), max(had.octets - octets, 0)))

    def on_disk(self, xid: str) -> Size:
        """Return how much of a task lies on disk: as last counted, and what was committed since."""
        return self._on_disk.get(xid, _NOTHING)

    def counted(self, xid: str, copies: int, before: Size) -> None:
        """Take over how many copies the disk held when it was asked; `before` is what `on_disk` said then.

        Other processes add some, and refused ones are none. Nothing may be released meanwhile.
        """
        since = self.on_disk(xid)
        octets = before.octets * copies // before.copies if before.copies else 0
        self._keep(xid, Size(copies + since.copies - before.copies, octets + since.octets - before.octets))

    def copies(self) -> int:
        """Return how many copies wait, of all tasks together."""
        return sum(size.copies for sizes in (self._on_disk, self._under_way) for size in sizes.values())

    def waiting(self) -> tuple[str, ...]:
        """Name the tasks of which copies wait on disk, as far as this process has counted."""
        return tuple(self._on_disk)

    def dropped(self) -> dict[str, int]:
        """Return how many copies of which task were dropped and are not yet recorded."""
        return {xid: count for xid, count in self._dropped.items() if count}

    def recorded(self, xid: str, count: int) -> None:
        """Note that `count` dropped copies stand on disk."""
        self._dropped[xid] -= count

    def _keep(self, xid: str, size: Size) -> None:
        if size.copies:
            self._on_disk[xid] = size
        else:
            self._on_disk.pop(xid, None)


def _sum(one: Size, other: Size) -> Size:
    return Size(one.copies + other.copies, one.octets + other.octets)


class Tasks:
    """The table. A look-up costs the same with one task and with a million."""

    def __init__(self, on_drop: Callable[[], None]) -> None:
        """Call `on_drop` whenever a copy is dropped because its task's queue is full."""
        self.backlog = Backlog()
        self._on_drop = on_drop
        self._all: dict[str, Task] = {}
        self._by_pin: dict[str, dict[str, Task]] = {}
        self._ended: dict[str, int] = {}

    def match(self, header: Protected, now: int, size: int) -> tuple[Match, ...]:
        """Say for which tasks a message of `size` octets is copied at `now` (ms), in which direction.

        A message to oneself is one message: it comes from the target.
        """
        if header.sender not in self._by_pin and header.to not in self._by_pin:
            return ()
        sent = self._of(header.sender, header, now, size, Direction.FROM_TARGET)
        if header.to == header.sender:
            return sent
        return sent + self._of(header.to, header, now, size, Direction.TO_TARGET)

    def committed(self) -> None:
        """See `gateway.mailbox.Tasks`."""
        self.backlog.committed()

    def check_new(self, task: Task) -> Task:
        """Return a task that may be activated; raises `Conflict`. The same one again may."""
        known = self._all.get(task.xid)
        if known is not None and (known.carrier, known.commitment) != (task.carrier, task.commitment):
            raise Conflict("task.exists", "Choose an XID of its own for each task.")
        for other in self._by_pin.get(task.claims.sub, {}).values():
            if other.xid != task.xid and other.claims.jti == task.claims.jti:
                raise Conflict("task.duplicate", "End the task that this warrant has here first.")
        return task

    def activate(self, task: Task) -> None:
        """Copy from now on; the same task again changes nothing. Raises `Conflict`."""
        self.check_new(task)
        self._all[task.xid] = task
        self._ended.pop(task.xid, None)
        self._by_pin.setdefault(task.claims.sub, {})[task.xid] = task

    def deactivate(self, xid: str, carrier: Identity, now: int) -> Task:
        """Copy nothing from now on; once more changes nothing. Raises `Missing` for a task that `carrier` never set."""
        task = self._all.get(xid)
        if task is None or task.carrier != carrier:
            raise Missing("task.unknown", "Name a task that you set.")
        self.end(task, now)
        return task

    def end(self, task: Task, at: int) -> None:
        """Take a task out of the look-up; what it copied still goes to the mediation."""
        self._all[task.xid] = task
        active = self._by_pin.get(task.claims.sub, {})
        active.pop(task.xid, None)
        if not active:
            self._by_pin.pop(task.claims.sub, None)
        self._ended.setdefault(task.xid, at)

    def overdue(self, now: int) -> tuple[Task, ...]:
        """List the tasks whose window has closed and that nobody has ended: they match nothing any more."""
        active = (task for task in self._all.values() if task.xid not in self._ended)
        return tuple(task for task in active if now >= task.claims.window.until)

    def done(self, now: int) -> tuple[str, ...]:
        """List the tasks that ended long enough ago to be forgotten once nothing of them waits."""
        return tuple(xid for xid, at in self._ended.items() if now >= at + LINGER_MS)

    def forget(self, xid: str) -> None:
        """Drop an ended task."""
        del self._all[xid], self._ended[xid]

    def get(self, xid: str) -> Task | None:
        """Return a task, active or ended."""
        return self._all.get(xid)

    def is_active(self, xid: str) -> bool:
        """Whether a task is in the look-up."""
        return xid in self._all and xid not in self._ended

    def listed(self, carrier: Identity, now: int) -> tuple[api.Task, ...]:
        """List what `carrier` itself has set: XIDs and ends, no targets."""
        return tuple(
            api.Task(task.xid, task.claims.window.until)
            for task in self._all.values()
            if task.carrier == carrier and task.xid not in self._ended and now < task.claims.window.until
        )

    def _of(self, pin: str, header: Protected, now: int, size: int, direction: Direction) -> tuple[Match, ...]:
        tasks = self._by_pin.get(pin)
        if tasks is None:
            return ()
        return tuple(
            Match(task.xid, direction)
            for task in tasks.values()
            if task.logged.warrant.covers(now, header.service) and self._fits(task.xid, size)
        )

    def _fits(self, xid: str, size: int) -> bool:
        if self.backlog.admit(xid, size):
            return True
        self._on_drop()
        return False
