"""How much of its mailbox a session has handed to its device. Pure: no socket, no store, no clock.

    BEHIND  there may be more in the mailbox than was handed out: read back when there is room
    LEVEL   everything that was stored has been handed out: what is stored next may be pushed at once

Nothing is left out and nothing overtakes: what does not fit now is read back later, from the mailbox.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto

from tiers.gateway.mailbox.promises import START, Message

MAX_COUNT = 128
MAX_BYTES = 1024 * 1024
CHUNK = 32
"""Messages to a read."""


class Stand(Enum):
    BEHIND = auto()
    LEVEL = auto()


class Window:
    """Messages handed out and not acknowledged: at most MAX_COUNT of them, and MAX_BYTES but for the last one."""

    def __init__(self) -> None:
        self._stand = Stand.BEHIND
        self._out: dict[str, int] = {}
        self._bytes = 0
        self._last = START
        self._order = _order(START)
        self._missed = 0

    @property
    def level(self) -> bool:
        return self._stand is Stand.LEVEL

    @property
    def drained(self) -> bool:
        """Whether all that was stored has been handed out and acknowledged."""
        return not self._out and self._stand is Stand.LEVEL

    @property
    def after(self) -> str:
        return self._last

    @property
    def mark(self) -> int:
        """What to give back to `read_back` with what was read from here on."""
        return self._missed

    def room(self) -> int:
        return MAX_COUNT - len(self._out) if self._bytes < MAX_BYTES else 0

    def wants(self) -> int:
        """How many messages to read back now; 0 for none."""
        return 0 if self.level else min(CHUNK, self.room())

    def push(self, message: Message) -> bool:
        """Take a message that was just stored; returns whether to hand it out now, else it was or will be read back."""
        order = _order(message.id)
        if order <= self._order:
            return False  # a read that ran behind the store's write and ahead of its answer had it
        if self._stand is Stand.LEVEL and self.room():
            self._hand_out(message, order)
            return True
        self.changed()
        return False

    def changed(self) -> None:
        """Note that something may have been stored that was not handed out."""
        self._missed += 1
        self._stand = Stand.BEHIND

    def read_back(
        self, read: Sequence[Message], asked: int, mark: int, kept: Callable[[Message], bool] = lambda _message: False
    ) -> list[Message]:
        """Take what a read for `asked` messages returned; returns what to hand out now, in order.

        What is `kept` stays in the mailbox, for another session.
        """
        out: list[Message] = []
        for message in read:
            if not self.room():
                return out
            if kept(message):
                self._last, self._order = message.id, _order(message.id)
                continue
            self._hand_out(message, _order(message.id))
            out.append(message)
        if len(read) < asked and mark == self._missed:
            self._stand = Stand.LEVEL
        return out

    def acknowledge(self, places: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Free places that this session has handed out; return them and their octets. Others are passed over."""
        freed, before = [], self._bytes
        for place in places:
            size = self._out.pop(place, None)
            if size is not None:
                self._bytes -= size
                freed.append(place)
        return tuple(freed), before - self._bytes

    def _hand_out(self, message: Message, order: tuple[int, int]) -> None:
        size = len(message.envelope)
        self._out[message.id] = size
        self._bytes += size
        self._last, self._order = message.id, order


def _order(place: str) -> tuple[int, int]:
    ms, _, number = place.partition("-")
    return int(ms), int(number)
