"""What surrounds a handset, and what it says when it is alone with a missing key. Pure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tiers.wire.custody import INDIA, Arrangement
from tiers.wire.errors import Yours
from tiers.wire.identity import Identity

MINUTE_ERASED = (
    "Set the clock and enrol again: this handset erased the keys of that minute, because its clock, or the relay's, "
    "was ahead when its mailbox was last empty."
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a party answers, and who it must prove to be."""

    url: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Network:
    """What surrounds a handset: the relay, its customer's key server if it has one, and the time (ms since 1970).

    `arrangement` says whose keys it seals to and opens with, on each channel; `jurisdiction` is where its user lives,
    if that has a custody of its own.
    """

    gateway: Address
    bes: Address | None = None
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    arrangement: Arrangement = INDIA
    jurisdiction: str = ""


@contextmanager
def own_words() -> Iterator[None]:
    """Say what a missing key means to whoever holds the handset: forward secrecy did what it is for."""
    try:
        yield
    except Yours as error:
        if error.code != "keytree.outside":
            raise
        raise Yours("device.minute_erased", MINUTE_ERASED) from None
