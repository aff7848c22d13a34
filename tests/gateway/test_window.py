"""A session's window: bounded, in order, nothing left out, nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from tiers.gateway.mailbox.promises import Message
from tiers.gateway.path.window import CHUNK, MAX_BYTES, MAX_COUNT, Window

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(1, 300_000)),
        st.tuples(st.just("store late"), st.integers(1, 300_000)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("read while storing"), st.integers(1, 1000)),
        st.tuples(st.just("ack"), st.integers(0, 200)),
    ),
    max_size=300,
)


class Mailbox:
    """A mailbox and the window on it, driven as the session drives them."""

    def __init__(self) -> None:
        self.window = Window()
        self.stored: list[Message] = []
        self.out: list[Message] = []
        self.acked = 0

    def store(self, size: int) -> Message:
        message = Message(f"1000-{len(self.stored)}" if self.stored else "999-7", b"x" * size)
        self.stored.append(message)
        return message

    def push(self, message: Message) -> None:
        if self.window.push(message):
            self.out.append(message)

    def read(self, mark: int | None = None) -> None:
        if asked := self.window.wants():
            behind = [one.id for one in self.stored].index(self.window.after) + 1 if self.window.after != "0-0" else 0
            found = self.stored[behind : behind + asked]
            mark = self.window.mark if mark is None else mark
            self.out += self.window.read_back(found, asked, mark)

    def ack(self, count: int) -> None:
        done = self.out[self.acked : self.acked + count]
        octets = sum(len(one.envelope) for one in done)
        assert self.window.acknowledge(one.id for one in done) == (tuple(one.id for one in done), octets)
        self.acked += len(done)


@given(STEPS)
def test_whatever_happens_the_device_gets_every_message_once_in_order_and_never_too_many_at_a_time(
    steps: list[tuple[str, int]],
) -> None:
    box = Mailbox()
    for step, number in steps:
        if step == "store":
            box.push(box.store(number))
        elif step == "store late":  # the read runs between the store's write and its answer
            message = box.store(number)
            box.read()
            box.push(message)
        elif step == "read while storing":  # the read ran before the write, its answer comes after the write's
            mark = box.window.mark
            found = list(box.stored)
            message = box.store(number)
            box.push(message)
            asked = box.window.wants()
            if asked and mark != box.window.mark:
                behind = next((i for i, one in enumerate(found) if one.id == box.window.after), -1) + 1
                box.out += box.window.read_back(found[behind : behind + asked], asked, mark)
        elif step == "read":
            box.read()
        else:
            box.ack(number)
        waiting = box.out[box.acked :]
        assert len(waiting) <= MAX_COUNT
        assert sum(len(one.envelope) for one in waiting[:-1]) < MAX_BYTES
        assert box.window.drained == (box.window.level and not waiting)
        if box.window.level:
            assert box.out == box.stored
    for _ in range(len(box.stored) + 1):
        box.read()
        box.ack(MAX_COUNT)
    assert box.out == box.stored
    assert box.window.drained


def test_a_fresh_window_reads_before_it_is_pushed_to() -> None:
    window = Window()
    assert window.wants() == CHUNK
    assert window.push(Message("5-0", b"x")) is False
    assert window.read_back([Message("5-0", b"x")], CHUNK, window.mark) == [Message("5-0", b"x")]
    assert window.level


def test_a_push_that_a_read_has_overtaken_is_not_handed_out_again() -> None:
    window = Window()
    window.read_back([Message("5-9", b"x")], CHUNK, window.mark)
    assert window.push(Message("5-9", b"x")) is False
    assert window.push(Message("5-10", b"x")) is True


def test_a_full_window_asks_for_nothing_until_something_is_acknowledged() -> None:
    window = Window()
    window.read_back([], CHUNK, window.mark)
    for n in range(MAX_COUNT):
        assert window.push(Message(f"5-{n}", b"x"))
    assert window.push(Message("6-0", b"x")) is False
    assert window.wants() == 0
    window.acknowledge(["5-0"])
    assert window.wants() == 1


def test_what_was_not_handed_out_here_is_passed_over() -> None:
    window = Window()
    assert window.acknowledge(["1-1", "2-2"]) == ((), 0)
