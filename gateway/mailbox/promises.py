"""What the relay's store promises. It knows bytes and PINs, no key and no socket.

`Mailboxes` (streams.py) keep, for each receiver, the messages that its device has not acknowledged, in the order in
which they were accepted; and, for each interception task, the copies that the mediation has not confirmed.

Durability. Whatever `commit` has answered is on disk: it survives `kill -9` of the relay and of the store.
Atomicity.  One entry is stored whole or not at all: the record that it was accepted, the message, and every copy.
Once.       The same `mid` of the same sender to the same receiver, again within `REPEAT_S`, is `ALREADY` accepted.
Order.      Entries of one `commit` are stored in its order; places in a mailbox only grow.
Concurrency. Several relays may work on one store. One relay has one `commit` under way at a time.
Failure.    `Ours` means: perhaps stored, perhaps not. Sending the same `mid` again settles it.
"""

from enum import Enum, auto
from typing import NamedTuple

import msgspec

from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import Protected

REPEAT_S = 900
"""A repeated `mid` is recognised for at least this long."""
KEEP_MS = 7 * 24 * 3600 * 1000
"""A message waits in its mailbox this long at most."""
MAX_MESSAGES = 10_000
MAX_BYTES = 64 * 1024 * 1024
"""Of envelopes in one mailbox."""
START = "0-0"
"""The place before every message."""


class Match(NamedTuple):
    """One task that a message falls under: copy it for `xid`."""

    xid: str
    direction: Direction


class Entry(msgspec.Struct, frozen=True):
    """One message to store at `now` (ms since 1970).

    `at` is when, ns since 1970, growing within one process; used where it is copied.

    `away` says that its receiver has no session with this process: then the others are told (gateway/processes/bus.py).
    """

    header: Protected
    envelope: bytes
    protected: str
    now: int
    at: int = 0
    matches: tuple[Match, ...] = ()
    away: bool = False


class NoPlace(Enum):
    """Why an entry got no new place."""

    ALREADY = auto()
    FULL = auto()
    FAILED = auto()
    """Perhaps stored, perhaps not, as with `Ours`."""


Committed = str | NoPlace
"""The place of a stored entry in its mailbox, or why it has none."""


class Message(msgspec.Struct, frozen=True):
    """One message of a mailbox: its place `id` and the envelope's bytes."""

    id: str
    envelope: bytes


class Removal(msgspec.Struct, frozen=True):
    """These places of one mailbox are done with; `octets` is what their envelopes measure together."""

    pin: str
    places: tuple[str, ...]
    octets: int = 0


class Left(msgspec.Struct, frozen=True):
    """A session of this PIN ended here: what was stored for it may be news to one elsewhere."""

    pin: str


class Copy(msgspec.Struct, frozen=True):
    """One copied message. `at` in ns since 1970, `header` the protected header as sent; `shard` and `id` place it."""

    shard: int
    id: str
    at: int
    header: str
    envelope: bytes
    direction: Direction


def repeat_key(header: Protected) -> bytes:
    """Name a message for accept-once in 24 bytes: nobody's `mid` can shadow somebody else's."""
    return bytes.fromhex(header.sender + header.to + header.mid.replace("-", ""))
