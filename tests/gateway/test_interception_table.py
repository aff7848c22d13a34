"""The table of tasks: which messages are copied is decided here, by warrant and clock alone."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kits.interception import (
    CARRIER,
    MINUTE,
    NOW,
    OTHER,
    OTHER_CARRIER,
    PEER,
    TARGET,
    claims,
    header,
    order,
    trust,
    word,
)
from tiers.gateway.interception.tasks import LINGER_MS, MAX_QUEUE_BYTES, Backlog, Size, Task, Tasks, verify_task
from tiers.gateway.mailbox.promises import Match
from tiers.wire.errors import Conflict, Missing
from tiers.wire.lawful.warrant import Claims, Window
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import Protected, Service

XID, XID_2 = "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-666666666666"
PINS = st.sampled_from([TARGET, PEER, OTHER])
SENT, RECEIVED = Direction.FROM_TARGET, Direction.TO_TARGET


EXPIRY = NOW + 7_200_000
DAY = 24 * 60 * MINUTE


def task_for(said: Claims, xid: str = XID, serial: int = 1) -> Task:
    return verify_task(xid, order(said, serial), CARRIER, trust(), NOW)


def table(*tasks: Task) -> Tasks:
    made = Tasks(lambda: None)
    for task in tasks:
        made.activate(task)
    return made


def test_what_the_target_sends_and_gets_is_copied_and_nothing_else() -> None:
    tasks = table(task_for(claims()))

    assert tasks.match(header(TARGET, PEER), NOW, 1) == (Match(XID, SENT),)
    assert tasks.match(header(PEER, TARGET), NOW, 1) == (Match(XID, RECEIVED),)
    assert tasks.match(header(PEER, OTHER), NOW, 1) == ()


def test_a_message_to_oneself_is_copied_once() -> None:
    assert table(task_for(claims())).match(header(TARGET, TARGET), NOW, 1) == (Match(XID, SENT),)


def test_a_message_between_two_targets_is_copied_for_each() -> None:
    tasks = table(task_for(claims()), task_for(claims(sub=PEER), XID_2))

    assert tasks.match(header(TARGET, PEER), NOW, 1) == (Match(XID, SENT), Match(XID_2, RECEIVED))


def test_the_minute_before_and_the_minute_after_the_window_are_not_copied() -> None:
    tasks = table(task_for(claims(window=Window(NOW + MINUTE, NOW + 2 * MINUTE))))

    copied = [bool(tasks.match(header(), NOW + at, 1)) for at in (MINUTE - 1, MINUTE, 2 * MINUTE - 1, 2 * MINUTE)]

    assert copied == [False, True, True, False]


def test_the_senders_own_date_does_not_take_a_message_out_of_the_window() -> None:
    assert table(task_for(claims())).match(header(ts=NOW - 60 * MINUTE), NOW, 1) == (Match(XID, SENT),)


def test_a_service_that_the_warrant_does_not_name_is_not_copied() -> None:
    tasks = table(task_for(claims(services=(Service.EMAIL,))))

    assert tasks.match(header(service=Service.BBM), NOW, 1) == ()
    assert tasks.match(header(service=Service.EMAIL), NOW, 1) == (Match(XID, SENT),)


@given(
    message=st.builds(header, PINS, PINS, st.sampled_from(Service)),
    minutes=st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(0, 12)),
    named=st.sets(st.sampled_from(Service), min_size=1),
    subject=PINS,
)
def test_a_message_is_copied_exactly_if_it_is_the_targets_in_the_window_and_of_a_named_service(
    message: Protected, minutes: tuple[int, int, int], named: set[Service], subject: str
) -> None:
    start, length, at = minutes
    window = Window(NOW + start * MINUTE, NOW + (start + length) * MINUTE)
    tasks = table(task_for(claims(sub=subject, window=window, services=tuple(sorted(named)))))

    found = tasks.match(message, NOW + at * MINUTE, 1)

    wanted = subject in {message.sender, message.to} and start <= at < start + length and message.service in named
    assert found == ((Match(XID, SENT if subject == message.sender else RECEIVED),) if wanted else ())


def test_a_look_up_touches_only_the_tasks_of_the_two_parties() -> None:
    tasks = table(*(task_for(claims(sub=f"{n:08x}"), f"11111111-2222-4333-8444-{n:012x}") for n in range(200)))
    looked_at: list[str] = []
    fits = tasks._fits
    tasks._fits = lambda xid, size: looked_at.append(xid) or fits(xid, size)  # type: ignore[method-assign,func-returns-value]  # spy

    tasks.match(header(f"{7:08x}", f"{9:08x}"), NOW, 1)

    assert [xid[-2:] for xid in looked_at] == ["07", "09"]


def test_an_ended_task_copies_nothing_and_is_remembered_until_its_warrant_has_expired() -> None:
    tasks = table(task_for(claims()))

    tasks.deactivate(XID, CARRIER, NOW)

    assert tasks.match(header(), NOW, 1) == ()
    assert tasks.get(XID) is not None
    assert (tasks.done(EXPIRY - 1), tasks.done(EXPIRY)) == ((), (XID,))


def test_a_task_that_ends_with_its_warrant_is_remembered_until_its_last_copy_can_be_on_disk() -> None:
    tasks = table(task_for(claims()))

    tasks.deactivate(XID, CARRIER, EXPIRY)

    assert (tasks.done(EXPIRY + LINGER_MS - 1), tasks.done(EXPIRY + LINGER_MS)) == ((), (XID,))


def test_ending_a_task_twice_is_the_same_as_once() -> None:
    tasks = table(task_for(claims()))

    assert tasks.deactivate(XID, CARRIER, NOW) == tasks.deactivate(XID, CARRIER, NOW + 1)
    assert tasks.done(EXPIRY) == (XID,)


def test_the_clock_alone_ends_a_task() -> None:
    task = task_for(claims())
    until = task.claims.window.until

    assert (table(task).overdue(until - 1), table(task).overdue(until)) == ((), (task,))


def test_a_word_dated_for_a_month_ends_its_task_after_a_day() -> None:
    said = claims(window=Window(NOW, NOW + 30 * DAY), exp=(NOW + 30 * DAY) // 1000)
    shown = order(said)
    shown = msgspec.structs.replace(shown, status=word(said, until=NOW + 30 * DAY))
    task = verify_task(XID, shown, CARRIER, trust(), NOW)

    assert table(task).overdue(NOW + DAY) == (task,)
    assert table(task).match(header(), NOW + DAY - 1, 1)
    assert not table(task).match(header(), NOW + DAY, 1)


def test_a_carrier_neither_sees_nor_ends_the_task_of_another() -> None:
    tasks = table(task_for(claims()))

    assert tasks.listed(OTHER_CARRIER, NOW) == ()
    assert [task.xid for task in tasks.listed(CARRIER, NOW)] == [XID]
    with pytest.raises(Missing, match=r"task\.unknown"):
        tasks.deactivate(XID, OTHER_CARRIER, NOW)


def test_an_xid_names_one_task_and_a_warrant_has_one_task() -> None:
    said = claims()
    tasks = table(task_for(said))

    tasks.activate(task_for(said))
    with pytest.raises(Conflict, match=r"task\.exists"):
        tasks.activate(task_for(claims(sub=PEER)))
    with pytest.raises(Conflict, match=r"task\.duplicate"):
        tasks.activate(task_for(said, XID_2))


def test_a_suspended_warrant_gets_a_task_again() -> None:
    said = claims()
    tasks = table(task_for(said))

    tasks.deactivate(XID, CARRIER, NOW)
    with pytest.raises(Conflict, match=r"task\.old_word"):
        tasks.activate(task_for(said, XID_2))
    tasks.activate(task_for(said, XID_2, serial=3))

    assert tasks.match(header(), NOW, 1) == (Match(XID_2, SENT),)


def test_a_full_queue_drops_and_counts_and_says_so_at_once() -> None:
    heard: list[bool] = []
    tasks = Tasks(lambda: heard.append(True))
    tasks.activate(task_for(claims()))
    tasks.backlog.admit(XID, MAX_QUEUE_BYTES - 10)

    assert tasks.match(header(), NOW, 11) == ()
    assert (tasks.backlog.dropped(), heard) == ({XID: 1}, [True])
    assert tasks.match(header(), NOW, 10) == (Match(XID, SENT),)


def test_the_queue_of_one_task_does_not_fill_anothers() -> None:
    tasks = table(task_for(claims()), task_for(claims(sub=PEER), XID_2))
    tasks.backlog.admit(XID, MAX_QUEUE_BYTES)

    assert tasks.match(header(TARGET, PEER), NOW, 1) == (Match(XID_2, RECEIVED),)


STEPS = ("told", "copy", "reach the disk", "committed", "ask the disk", "hear its answer", "delivered")


@settings(max_examples=300)
@given(st.lists(st.sampled_from(STEPS), max_size=100))
def test_a_queue_never_holds_more_than_it_may_whenever_the_disk_is_counted(steps: list[str]) -> None:
    """The disk's count is old when it is heard, and a commit reaches the disk before the relay hears of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiers.gateway.interception.tasks.MAX_QUEUE", 3)
        backlog, copied, under_way, on_disk = Backlog(), 0, 0, 0
        asked: list[tuple[int, Size]] = []
        for step in steps:
            match step:
                case "told":
                    backlog.told(XID)
                    assert backlog.copies() > 0
                case "copy":
                    admitted = backlog.admit(XID, 10)
                    under_way += admitted
                    copied += admitted
                case "reach the disk":
                    on_disk, under_way = on_disk + under_way, 0
                case "committed":
                    on_disk, under_way = on_disk + under_way, 0
                    backlog.committed()
                case "ask the disk":
                    asked = [(on_disk, backlog.on_disk(XID))]
                case "hear its answer" if asked:
                    backlog.counted(XID, *asked.pop())
                case "delivered" if on_disk and not asked:
                    on_disk -= 1
                    backlog.release(XID, 1, 10)
            assert on_disk + under_way <= 3

        backlog.committed()
        backlog.counted(XID, on_disk + under_way, backlog.on_disk(XID))
        assert backlog.copies() == on_disk + under_way
        assert copied + backlog.dropped().get(XID, 0) == steps.count("copy")
