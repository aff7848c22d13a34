"""A commit, taken apart by shard: in a cluster one script may touch the keys of one shard only. Pure.

Each shard keeps its own order. Shards on different nodes may fail apart, and then only what lies there has failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tiers.gateway.mailbox.promises import Entry, Left, Removal
from tiers.gateway.processes.bus import shard_of


@dataclass(slots=True)
class Part:
    """What a commit holds for one shard; `places` says where its entries stand in the commit."""

    places: list[int] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    acks: list[Removal] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def whole(entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left]) -> Part:
    """Return a commit as it is: in a store that stands alone a script may touch all keys."""
    return Part(list(range(len(entries))), list(entries), list(acks), list(left))


def by_shard(entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left]) -> dict[int, Part]:
    parts: dict[int, Part] = {}
    for place, entry in enumerate(entries):
        part = parts.setdefault(shard_of(entry.header.to), Part())
        part.places.append(place)
        part.entries.append(entry)
    for ack in acks:
        parts.setdefault(shard_of(ack.pin), Part()).acks.append(ack)
    for one in left:
        parts.setdefault(shard_of(one.pin), Part()).left.append(one)
    return parts
