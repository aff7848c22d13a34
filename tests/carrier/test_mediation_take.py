"""What the mediation decides on PDUs that come in: keep each once, in order, and count what is missing."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tiers.carrier.mediation import Arrival, Taken, arrival_of, take
from tiers.wire.lawful.x2x3 import X2, X3, Direction, Head, decode

XID = UUID("11111111-2222-4333-8444-555555555555")
S = b"stream"


def arrival(content: int, number: int, stream: bytes = S) -> Arrival:
    return Arrival(b"key-%d" % content, stream, number, b"raw-%d" % content)


def pdu(number: int, payload: bytes = b"{}", at_ns: int = 1) -> X3:
    head = Head(xid=XID, correlation=7, direction=Direction.TO_TARGET, sequence=number, at_ns=at_ns)
    return X3(head=head, payload=payload, mime="application/jose+json")


def test_what_comes_in_order_is_all_kept_and_nothing_is_missing() -> None:
    came = tuple(arrival(n, n) for n in range(5))

    assert take(came, set(), {}) == Taken(came, {S: 5}, 0)


def test_a_gap_is_counted_once() -> None:
    first = take([arrival(0, 0), arrival(4, 4)], set(), {})

    assert (first.lost, first.expected) == (3, {S: 5})
    assert take([arrival(5, 5)], set(), first.expected).lost == 0


def test_a_stream_that_does_not_begin_at_nought_has_lost_its_beginning() -> None:
    assert take([arrival(2, 2)], set(), {}).lost == 2


def test_what_is_sent_again_is_dropped_and_no_gap_appears() -> None:
    came = tuple(arrival(n, n) for n in range(5))

    again = take([*came, arrival(5, 5)], {one.key for one in came}, {S: 5})

    assert again == Taken((arrival(5, 5),), {S: 6}, 0)


def test_what_is_sent_again_under_new_numbers_is_dropped_too() -> None:
    came = tuple(arrival(n, n) for n in range(3))

    again = take([arrival(n, n + 3) for n in range(3)], {one.key for one in came}, {S: 3})

    assert again == Taken((), {S: 6}, 0)


def test_new_content_under_an_old_number_is_kept() -> None:
    assert take([arrival(9, 0), arrival(10, 1)], set(), {S: 5}) == Taken((arrival(9, 0), arrival(10, 1)), {S: 2}, 0)


def test_a_repeat_within_one_batch_is_dropped() -> None:
    assert take([arrival(0, 0), arrival(0, 0)], set(), {}).fresh == (arrival(0, 0),)


def test_numbers_wrap_without_a_loss() -> None:
    top = (1 << 32) - 1

    assert take([arrival(0, top), arrival(1, 0)], set(), {S: top}) == Taken((arrival(0, top), arrival(1, 0)), {S: 1}, 0)


def test_each_stream_is_counted_by_itself() -> None:
    taken = take([arrival(0, 0, b"x2"), arrival(1, 1, b"x3")], set(), {})

    assert (taken.lost, taken.expected) == (1, {b"x2": 1, b"x3": 2})


@given(lost=st.sets(st.integers(0, 40)), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_whatever_is_lost_on_the_way_and_however_often_it_is_sent_the_product_holds_each_once_and_counts_the_rest(
    lost: set[int], cuts: list[int]
) -> None:
    """The relay drops some for good and begins again from any unacknowledged place, as often as it likes."""
    sent = [arrival(n, n) for n in range(42) if n not in lost]
    kept: list[Arrival] = []
    expected: dict[bytes, int] = {}
    missing = reached = 0
    for cut in [*cuts, len(sent)]:
        start = min(cut, reached)
        end = max(cut, reached)
        taken = take(sent[start:end], {one.key for one in kept}, expected)
        kept += taken.fresh
        expected |= taken.expected
        missing += taken.lost
        reached = end
    assert kept == sent
    assert missing == len([n for n in lost if n < 41])


def test_the_same_copy_keeps_its_name_whatever_number_it_bears() -> None:
    assert arrival_of(pdu(0)).key == arrival_of(pdu(9)).key


def test_another_time_content_type_or_task_is_another_arrival() -> None:
    one = pdu(0)
    head = Head(xid=XID, correlation=7, direction=Direction.TO_TARGET, sequence=0, at_ns=1)
    other_task = Head(xid=UUID(int=1), correlation=7, direction=Direction.TO_TARGET, sequence=0, at_ns=1)
    others = [
        pdu(0, at_ns=2),
        pdu(0, payload=b"[]"),
        X2(head=head, payload=b"{}", mime="application/jose+json"),
        X3(head=other_task, payload=b"{}", mime="application/jose+json"),
    ]

    assert len({arrival_of(each).key for each in [one, *others]}) == 5


def test_what_is_kept_is_the_pdu_as_it_came() -> None:
    assert decode(arrival_of(pdu(3)).raw) == pdu(3)
