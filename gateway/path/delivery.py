"""The path of a message through the relay, in batches: admitted, stored, answered, handed on. It opens nothing.

    submit -> [consumer: one POST to the carrier under way] -> [one commit to the store under way] -> answers, pushes

What arrives while a batch is under way is the next batch; there is no timer. Two lanes, so that a carrier that is slow
or down holds up nothing but its own subscribers' messages.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec
import structlog

from tiers.gateway.interception.tasks import Tasks
from tiers.gateway.mailbox.promises import Committed, Entry, Left, Message, NoPlace, Removal
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.path.carrier import CarrierAdmission
from tiers.gateway.path.lane import Lane
from tiers.wire.api.carrier import MAX_BATCH, Ask, Refusal
from tiers.wire.errors import Ours, Policy, TiersError, TooLarge, TooMany, Yours
from tiers.wire.message.envelope import MAX_ENVELOPE, Envelope, Recipient
from tiers.wire.message.spelling import MAX_RECIPIENTS

_log = structlog.get_logger()
CARRIER_SECONDS = 5.0
"""How long a batch may wait for the carrier."""
MAX_COMMIT = 1024
"""Messages and acks to a commit: whatever is waiting shares one fsync, one frame to each device and one wake-up."""
MAX_COMMIT_BYTES = 16 * 1024 * 1024
"""Most bytes of envelopes in one commit; the last may exceed it. Nobody else is served by the store meanwhile."""
_BEFORE_RECIPIENTS_END = b'],"iv":"'


class Submitter(Protocol):
    """Who handed a message in, and is told what became of it."""

    def accepted(self, item: "Submission") -> None:
        """Tell that it is on disk."""

    def refused(self, item: "Submission", error: TiersError) -> None:
        """Tell that it is not taken."""


class Receiver(Protocol):
    """A session that is open to the receiver."""

    def stored(self, message: Message) -> None:
        """Tell that a message is in the mailbox."""

    def changed(self) -> None:
        """Tell that something may be in the mailbox."""


class Submission(msgspec.Struct, frozen=True):
    """A checked message on its way. `at` is when it was checked, ms since 1970; `size` what was sent, in bytes."""

    parsed: Envelope
    envelope: bytes
    size: int
    submitter: Submitter
    at: int


Work = Submission | Removal | Left
"""What a commit is made of."""


class Delivery:
    """One relay's path. It is told which receivers have a session here (path/sessions.py)."""

    def __init__(  # noqa: PLR0913, PLR0917 - what stands around the path, each once
        self,
        mailboxes: Mailboxes,
        admission: CarrierAdmission,
        tasks: Tasks,
        clock: Callable[[], int],
        metrics: Metrics,
        slack_ms: int,
        passed: Callable[[Envelope], None],
    ) -> None:
        """`slack_ms` is how long a message may be under way in another process (ms); `passed` hears what is stored."""
        self._slack_ms = slack_ms
        self._passed = passed
        self._mailboxes = mailboxes
        self._admission = admission
        self._tasks = tasks
        self._receivers: dict[str, Receiver] = {}
        self._clock = clock
        self._metrics = metrics
        self._last_at = 0
        self._down: set[str] = set()
        self._asked: Lane[tuple[Submission, Ask]] = Lane(self._admit, self._not_asked, MAX_BATCH)
        self._stored: Lane[Work] = Lane(self._commit, self._not_stored, MAX_COMMIT)

    def submit(self, item: Submission, ask: Ask | None) -> None:
        """Take a message in, by way of the carrier where `channels.decide` says what to ask it."""
        if ask is None:
            self._stored.put(item)
        else:
            self._asked.put((item, ask))

    def acknowledge(self, ack: Removal) -> None:
        self._stored.put(ack)

    def arrived(self, pin: str, receiver: Receiver) -> None:
        """Hand on to a session what is stored for its PIN from now on, instead of to the one before."""
        self._receivers[pin] = receiver

    def left(self, pin: str) -> None:
        """Hand on nothing more; tell other processes, after all that is under way, that a session ended here."""
        self._receivers.pop(pin, None)
        self._stored.put(Left(pin))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._asked.run())
            group.create_task(self._stored.run())

    async def idle(self) -> None:
        await self._asked.idle()
        await self._stored.idle()

    async def held(self, pin: str) -> int:
        """Count the messages in a mailbox; raises `Ours`."""
        return await self._mailboxes.held(pin)

    def depth(self) -> int:
        return sum(len(lane.waiting) + len(lane.under_way) for lane in (self._asked, self._stored))

    def horizon(self, now: int) -> int:
        """Return a time (ms since 1970) before which everything submitted is decided, in other processes as well."""
        asked = (item for item, _ask in [*self._asked.under_way, *self._asked.waiting])
        stored = (item for item in [*self._stored.under_way, *self._stored.waiting] if isinstance(item, Submission))
        return min((item.at for items in (asked, stored) for item in items), default=now) - self._slack_ms

    async def _admit(self, batch: list[tuple[Submission, Ask]]) -> None:
        try:
            async with asyncio.timeout(CARRIER_SECONDS):
                answers = await self._admission.admit([ask for _item, ask in batch])
        except (TiersError, TimeoutError) as error:
            self._note("carrier", down=type(error).__name__)
            down = Ours("carrier.unavailable", "Try again in a second: the carrier is not admitting messages.")
            self._refuse([item for item, _ask in batch], down)
            return
        self._note("carrier")
        self._metrics.asks.observe(len(batch))
        for (item, _ask), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refusal):
                self._refuse([item], _as_error(answer))
                continue
            try:
                envelope = admitted(item.parsed, item.envelope, answer)
            except TiersError as error:
                self._refuse([item], error)
            else:
                self._stored.put(Submission(item.parsed, envelope, item.size, item.submitter, item.at))

    async def _commit(self, batch: list[Work]) -> None:
        for part in within(batch, MAX_COMMIT_BYTES):
            await self._commit_part(part)

    async def _commit_part(self, batch: list[Work]) -> None:
        items = [item for item in batch if isinstance(item, Submission)]
        acks = [item for item in batch if isinstance(item, Removal)]
        left = [item for item in batch if isinstance(item, Left)]
        try:
            now = self._clock()
            outcomes = await self._mailboxes.commit([self._entry(item, now) for item in items], acks, left)
        except Ours as error:
            self._note("store", down=error.code)
            self._refuse(items, error)
            for item in items:  # failed, but perhaps persisted
                if receiver := self._receivers.get(item.parsed.header.to):
                    receiver.changed()
            return
        finally:
            self._tasks.backlog.committed()
        self._note("store")
        taken = sum(outcome is NoPlace.ALREADY or isinstance(outcome, str) for outcome in outcomes)
        if items:  # else the commit only acknowledged
            self._metrics.batch.observe(len(items))
            self._metrics.accepted.inc(taken)
        for item, outcome in zip(items, outcomes, strict=True):
            try:
                self._settle(item, outcome)
            except Exception:  # noqa: BLE001 - logged: one that cannot be told or handed on holds up nobody else
                _log.exception("message.unsettled", mid=item.parsed.header.mid)

    def _entry(self, item: Submission, now: int) -> Entry:
        header, protected = item.parsed.header, item.parsed.jwe.protected
        away = header.to not in self._receivers
        matches = self._tasks.match(header, now, len(item.envelope))
        if matches:
            self._last_at = max(self._last_at + 1, now * 1_000_000)
        return Entry(header, item.envelope, protected, now, self._last_at, matches, away)

    def _settle(self, item: Submission, outcome: Committed) -> None:
        receiver = self._receivers.get(item.parsed.header.to)
        if isinstance(outcome, str):
            self._passed(item.parsed)
            item.submitter.accepted(item)
            if receiver is not None:
                receiver.stored(Message(outcome, item.envelope))
        elif outcome is NoPlace.ALREADY:
            item.submitter.accepted(item)
            if receiver is not None:
                receiver.changed()  # the first time it may have been stored without an answer
        elif outcome is NoPlace.FULL:
            self._refuse([item], TooMany("mailbox.full", "Try again when the receiver has been online: it is full."))
        else:
            self._refuse([item], Ours("store.unavailable", "Try again in a second: the relay's store cannot write."))
            if receiver is not None:
                receiver.changed()

    def _note(self, what: str, down: str = "") -> None:
        """Log when something goes down or comes back, not for every batch in between."""
        if down and what not in self._down:
            self._down.add(what)
            _log.warning(f"{what}.down", because=down)
        elif not down and what in self._down:
            self._down.discard(what)
            _log.info(f"{what}.back")

    def _not_asked(self, batch: list[tuple[Submission, Ask]]) -> None:
        self._refuse([item for item, _ask in batch], _failed())

    def _not_stored(self, batch: list[Work]) -> None:
        self._refuse([item for item in batch if isinstance(item, Submission)], _failed())

    def _refuse(self, items: Sequence[Submission], error: TiersError) -> None:
        self._metrics.refused.labels(error.code).inc(len(items))
        for item in items:
            item.submitter.refused(item, error)


def within(batch: Sequence[Work], most: int) -> Iterator[list[Work]]:
    """Part a batch so that only the last envelope of a part reaches beyond `most` bytes; the order stays."""
    part: list[Work] = []
    size = 0
    for item in batch:
        part.append(item)
        if isinstance(item, Submission):
            size += len(item.envelope)
        if size >= most:
            yield part
            part, size = [], 0
    if part:
        yield part


def admitted(parsed: Envelope, envelope: bytes, recipient: Recipient) -> bytes:
    """Return an envelope with the carrier's recipient for its receiver, as it is stored: what is returned parses.

    A note to oneself names that recipient already. Raises `Ours` for a recipient that is not the receiver's.
    """
    kids = [one.header.kid for one in parsed.jwe.recipients]
    carrier, _, rest = kids[0].removeprefix("carrier/").partition("/")
    if recipient.header.kid != f"carrier/{carrier}/{parsed.header.to}/{rest.rpartition('/')[2]}":
        raise Ours("carrier.malformed", "Ask the carrier's operator: it wrapped a key for somebody else.")
    if recipient.header.kid in kids:
        return envelope
    if len(kids) == MAX_RECIPIENTS:
        raise Yours("envelope.recipients", f"Name between 1 and {MAX_RECIPIENTS - 1} recipients, each once.")
    grown = add_recipient(envelope, recipient)
    if len(grown) > MAX_ENVELOPE:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_ENVELOPE} bytes, the receiver's key included.")
    return grown


def add_recipient(envelope: bytes, recipient: Recipient) -> bytes:
    """Append a recipient to an envelope in its one spelling; not a byte of the rest changes."""
    head, mark, tail = envelope.partition(_BEFORE_RECIPIENTS_END)
    return b"".join((head, b",", msgspec.json.encode(recipient), mark, tail))


def _failed() -> Ours:
    return Ours("gateway.failed", "Send the message again; if that fails too, tell the relay's operator.")


def _as_error(refusal: Refusal) -> TiersError:
    kind = Yours if refusal.code.startswith("envelope.") else Policy
    return kind(refusal.code, refusal.detail)
