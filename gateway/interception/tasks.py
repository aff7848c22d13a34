"""Which messages are copied, and for whom: the active tasks by target. Pure: no clock, no store, no key that opens.

    ActivateTask --verify_task--> Task --Tasks.activate--> active --deactivate, or the clock--> ended --forget--> gone

A `Task` holds a `LoggedWarrant` and the court's word on it, so without a warrant that two people signed, that a
witnessed log shows and of which the court has lately said that it stands, there is none. An ended task is remembered
until its warrant has expired, so that no older word of the court begins it again.
A task knows its target and its XID, never the LIID's reader: that is the mediation's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from tiers.gateway.mailbox.promises import Match
from tiers.wire.api import gateway as api
from tiers.wire.errors import Conflict, Missing, Policy
from tiers.wire.identity import Identity
from tiers.wire.lawful.evidence import LoggedWarrant, verify_logged_warrant
from tiers.wire.lawful.trust import Trust
from tiers.wire.lawful.warrant import (
    NO_LONGER,
    Claims,
    Status,
    StatusStatement,
    check_standing,
    verify_warrant,
    verify_word,
)
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import Protected

MAX_QUEUE = 100_000
"""Copies of one task that may wait for the mediation."""
MAX_QUEUE_BYTES = 256 * 1024 * 1024
LINGER_MS = 60_000
"""How long an ended task is remembered at least: a message matched just before is still on its way to the disk."""


@dataclass(frozen=True, slots=True)
class Task:
    """One interception task: made by `verify_task` only. `carrier` is who set it, `word` the court's latest."""

    xid: str
    carrier: Identity
    logged: LoggedWarrant
    word: StatusStatement

    @property
    def claims(self) -> Claims:
        return self.logged.warrant.claims

    @property
    def commitment(self) -> str:
        """The log's name for this warrant."""
        return self.logged.leaf.leaf.commitment

    @property
    def until(self) -> int:
        """When it ends by itself (ms): with its window, or with the court's word on it."""
        return min(self.claims.window.until, self.word.holds_until)

    def heard(self, token: str, trust: Trust) -> "Task":
        """Return the task with a newer word of the court on it, whatever that says; an older one changes nothing."""
        warrant = self.logged.warrant
        word = verify_word(token, warrant.jws, warrant.claims, trust.judges)
        return replace(self, word=word) if word.serial > self.word.serial else self


def verify_task(xid: str, asked: api.ActivateTask, carrier: Identity, trust: Trust, now: int) -> Task:
    """Check what a carrier shows, with the relay's own pinned keys, at `now` (ms); raises `Yours` or `Policy`.

    1. A warrant, signed twice, for this carrier, in force. 2. It was logged as served, before its window began. 3. By
    this carrier. 4. The court's word on it says that it stands, and holds.
    """
    warrant = verify_warrant(asked.warrant, trust.applicants, trust.judges, carrier.name, now)  # 1
    logged = verify_logged_warrant(warrant, asked.evidence, trust.log)  # 2
    if logged.leaf.leaf.party != carrier.uri:  # 3
        raise Policy("evidence.party", "Show the leaf that the carrier logged itself.")
    word = check_standing(verify_word(asked.status, warrant.jws, warrant.claims, trust.judges), now)  # 4
    return Task(xid, carrier, logged, word)


class Size(NamedTuple):
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
        self._of_warrant: dict[str, dict[str, Task]] = {}
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

    def check_new(self, task: Task) -> Task:
        """Return a task that may be activated; raises `Conflict`.

        1. The XID is its own; the same task again may. 2. The warrant has no other task here. 3. The court's word is no
        older than the last that was heard here, and newer than that of a task which has ended. 4. It was not cancelled:
        no later word brings it back.
        """
        known = self._all.get(task.xid)
        if known is not None and (known.carrier, known.commitment) != (task.carrier, task.commitment):  # 1
            raise Conflict("task.exists", "Choose an XID of its own for each task.")
        for other in self._of_warrant.get(task.commitment, {}).values():
            ended = other.xid in self._ended
            if other.xid != task.xid and not ended:  # 2
                raise Conflict("task.duplicate", "End the task that this warrant has here first.")
            if task.word.serial < other.word.serial + ended:  # 3
                raise Conflict("task.old_word", "Show a newer word of the court: this relay has heard as much.")
            if other.word.status is Status.CANCELLED:  # 4
                raise Policy(*NO_LONGER[Status.CANCELLED])
        return task

    def activate(self, task: Task) -> None:
        """Copy from now on; the same task again changes nothing. Raises `Conflict`."""
        self.check_new(task)
        self._keep(task)
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
        self._keep(task)
        active = self._by_pin.get(task.claims.sub, {})
        active.pop(task.xid, None)
        if not active:
            self._by_pin.pop(task.claims.sub, None)
        self._ended.setdefault(task.xid, at)

    def overdue(self, now: int) -> tuple[Task, ...]:
        """List the tasks that nobody has ended and whose time is over: they match nothing any more."""
        active = (task for task in self._all.values() if task.xid not in self._ended)
        return tuple(task for task in active if now >= task.until)

    def done(self, now: int) -> tuple[str, ...]:
        """List the ended tasks whose warrants have expired: to be forgotten once nothing of them waits."""
        ended = ((xid, max(at + LINGER_MS, self._all[xid].claims.exp * 1000)) for xid, at in self._ended.items())
        return tuple(xid for xid, over in ended if now >= over)

    def forget(self, xid: str) -> None:
        task = self._all.pop(xid)
        del self._ended[xid], self._of_warrant[task.commitment][xid]
        if not self._of_warrant[task.commitment]:
            del self._of_warrant[task.commitment]

    def get(self, xid: str) -> Task | None:
        return self._all.get(xid)

    def is_active(self, xid: str) -> bool:
        return xid in self._all and xid not in self._ended

    def listed(self, carrier: Identity, now: int) -> tuple[api.Task, ...]:
        """List what `carrier` itself has set: XIDs and ends, no targets."""
        return tuple(
            api.Task(task.xid, task.until)
            for task in self._all.values()
            if task.carrier == carrier and task.xid not in self._ended and now < task.until
        )

    def _keep(self, task: Task) -> None:
        """Take a task over, and never an older word than the last that was heard."""
        known = self._all.get(task.xid, task)
        task = replace(task, word=max(task.word, known.word, key=attrgetter("serial")))
        self._all[task.xid] = task
        self._of_warrant.setdefault(task.commitment, {})[task.xid] = task

    def _of(self, pin: str, header: Protected, now: int, size: int, direction: Direction) -> tuple[Match, ...]:
        tasks = self._by_pin.get(pin)
        if tasks is None:
            return ()
        return tuple(
            Match(task.xid, direction)
            for task in tasks.values()
            if now < task.word.holds_until
            and task.logged.warrant.covers(now, header.service)
            and self._fits(task.xid, size)
        )

    def _fits(self, xid: str, size: int) -> bool:
        if self.backlog.admit(xid, size):
            return True
        self._on_drop()
        return False
