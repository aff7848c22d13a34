"""Which node of a cluster has which hash slot. Pure.

    CLUSTER SLOTS   -> [[first, last, [host, port, …], …], …]     the whole map, as one node sees it
    -MOVED <slot> <host>:<port>                                    not here, and not done: ask there

Slots and redirections: Valkey's cluster specification.
"""

from binascii import crc_hqx
from typing import Any, NamedTuple

from tiers.wire.errors import Ours

COUNT = 16_384
_UNKNOWN = ("", "?")


class Address(NamedTuple):
    host: str
    port: int


def slot_of(key: bytes | str) -> int:
    """Return the slot of a key, or of a sharded channel: CRC16 (XMODEM) of its hash tag, or else of all of it."""
    raw = key.encode() if isinstance(key, str) else key
    _, brace, rest = raw.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return crc_hqx(tag if brace and end and tag else raw, 0) % COUNT


class Slots:
    """The owner of each slot, as far as it is known. A slot without an owner belongs to a node that is out of reach."""

    def __init__(self) -> None:
        self._owners: list[Address | None] = [None] * COUNT

    def owner(self, slot: int) -> Address | None:
        return self._owners[slot]

    def move(self, slot: int, to: Address) -> None:
        self._owners[slot] = to

    def nodes(self) -> set[Address]:
        return {owner for owner in self._owners if owner is not None}

    def take(self, first: int, last: int, owner: Address) -> None:
        """Give a range of slots to a node; raises `ValueError` for one that is none."""
        if not 0 <= first <= last < COUNT:
            raise ValueError(f"{first}-{last} is no range of slots")
        self._owners[first : last + 1] = [owner] * (last + 1 - first)


def parse_slots(reply: Any, asked: Address) -> Slots:
    """Read the answer of the node `asked` to CLUSTER SLOTS; raises `Ours` if it is none."""
    found = Slots()
    try:
        for first, last, (host, port, *_), *_ in reply:
            name = host.decode() if isinstance(host, bytes) else str(host or "")
            found.take(int(first), int(last), Address(asked.host if name in _UNKNOWN else name, int(port)))
    except (TypeError, ValueError):
        raise Ours("store.malformed", "Look at the store: it does not say which node has which slot.") from None
    return found


def parse_moved(said: str, asked: Address) -> tuple[int, Address] | None:
    """Read what a node `asked` said instead of an answer; `None` if that is not where the slot has moved."""
    word, _, rest = said.partition(" ")
    slot, _, where = rest.partition(" ")
    host, _, port = where.rpartition(":")
    if word != "MOVED" or not (slot.isdecimal() and port.isdecimal() and int(slot) < COUNT):
        return None
    return int(slot), Address(asked.host if host in _UNKNOWN else host, int(port))
