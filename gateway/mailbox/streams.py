"""The relay's store on Valkey or Redis (7 or later): streams, and one atomic script for each commit. Thin I/O.

    {sNN}:box:<pin>      stream  the mailbox: field e = the envelope
    {sNN}:mids:<8 hex>   set     what was accepted, by the first 32 bits of the mid: 65.536 s of a UUIDv7's clock
    {sNN}:mids:at<n>     set     what was accepted with a mid of another time than ours, by our own clock
    {sNN}:size:<pin>     string  octets in a mailbox that holds many messages
    {sNN}:li             set     XIDs that have copies waiting here
    {sNN}:li:<xid>       stream  copies: at, header, envelope, direction

NN is one of 64 shards, by the receiver, and the hash tag keeps a shard's keys on one node of a cluster: there a commit
is one script for each shard (tiers.store.client). Durability is the store's: it must run with `appendonly yes` and
`appendfsync always`.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from tiers.chassis.background import all_of
from tiers.chassis.logs import seldom
from tiers.gateway.mailbox.promises import (
    KEEP_MS,
    REPEAT_S,
    Committed,
    Copy,
    Entry,
    Left,
    Message,
    NoPlace,
    Removal,
    repeat_key,
)
from tiers.gateway.mailbox.scripts import ALREADY, COMMIT_SHA, EXPIRE, FORGET
from tiers.gateway.mailbox.shards import Part, by_shard, whole
from tiers.gateway.processes.bus import CHANNELS, SHARDS, TAGS, Bus, shard_of
from tiers.store.client import Placed
from tiers.store.connection import Command, unavailable
from tiers.store.slots import slot_of
from tiers.wire.errors import Ours
from tiers.wire.lawful.x2x3 import Direction

_NEAR = REPEAT_S // 65
_SLOTS = tuple(map(slot_of, TAGS))


class _Keys(NamedTuple):
    """A receiver's mailbox, where its mids begin, where the tasks with copies are listed, the count of its octets."""

    box: str
    mids: str
    li: str
    size: str


@lru_cache(maxsize=100_000)
def _keys(pin: str) -> _Keys:
    tag = TAGS[shard_of(pin)]
    return _Keys(f"{tag}:box:{pin}", f"{tag}:mids:", f"{tag}:li", f"{tag}:size:{pin}")


@dataclass(slots=True)
class _Places:
    """Where copies of one task may wait. `changes` counts commits, so that an old reply cannot hide a new copy."""

    shards: set[int] = field(default_factory=set)
    changes: int = 0


class Mailboxes:
    """The relay's store (promises.py). Every method may raise `Ours`.

    Says `copied <xid>/<shard>` on the bus when copies may wait.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._store = bus.store
        self._places: dict[str, _Places] = {}
        bus.on("copied", self._copied)
        bus.on_missed(self._places.clear)

    async def commit(
        self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left] = ()
    ) -> list[Committed]:
        """Store entries and delete what is acknowledged, in one round trip; one outcome for each entry.

        Other processes are told of sessions that ended after everything that was stored before. In a cluster, what lies
        on a node that does not answer has failed, and nothing else.
        """
        copied = {f"{match.xid}/{shard_of(entry.header.to):02}" for entry in entries for match in entry.matches}
        for one in copied:
            self._copied(one)
        try:
            outcomes = await self._run(entries, acks, left)
        finally:
            for one in copied:
                self._bus.say("copied", one)
        if NoPlace.FULL in outcomes:
            full = {entry.header.to for entry, said in zip(entries, outcomes, strict=True) if said is NoPlace.FULL}
            for pin in full:
                await self.expire(pin, KEEP_MS)
        return outcomes

    async def _run(self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left]) -> list[Committed]:
        asked: list[Placed] = []
        scripts: list[tuple[int, Part]] = []
        parts = by_shard(entries, acks, left) if self._store.location.clustered else {0: whole(entries, acks, left)}
        for shard, part in parts.items():
            if part.entries or part.acks:
                scripts.append((len(asked), part))
                asked.append((_SLOTS[shard], _commit(part.entries, part.acks)))
            asked += ((_SLOTS[shard_of(one.pin)], _left(one)) for one in part.left)
        replies = await self._store.run(asked) if asked else ()
        outcomes: list[Committed] = [NoPlace.FAILED] * len(entries)
        for at, part in scripts:
            if isinstance(said := replies[at], list) and len(said) == len(part.places):
                for place, one in zip(part.places, said, strict=True):
                    outcomes[place] = _outcome(one)
        if entries and all(isinstance(replies[at], Ours) for at, _part in scripts):
            raise unavailable()
        return outcomes

    async def read(self, pin: str, after: str, count: int) -> list[Message]:
        """Return up to `count` messages behind the place `after`."""
        found = await self._store.read("XRANGE", _keys(pin).box, f"({after}", "+", "COUNT", count)
        return [Message(place.decode(), fields[1]) for place, fields in found]

    async def held(self, pin: str) -> int:
        return int(await self._store.read("XLEN", _keys(pin).box))

    async def drop(self, pin: str, places: Sequence[str]) -> None:
        keys = _keys(pin)
        await self._store.ask("XDEL", keys.box, *places)
        await self._store.ask("DEL", keys.size)  # counted anew when that matters

    async def expire(self, pin: str, keep_ms: int) -> None:
        """Drop the messages of one mailbox that have waited longer than `keep_ms`, by the store's own clock."""
        keys = _keys(pin)
        await self._store.ask("EVAL", EXPIRE, 2, keys.box, keys.size, keep_ms)

    async def waiting(self) -> set[str]:
        """Return the XIDs that have copies waiting, also those that an earlier process stored."""
        found = await self._all([("SMEMBERS", f"{tag}:li") for tag in TAGS])
        named = {(xid.decode(), shard) for shard, xids in enumerate(found) for xid in xids}
        self._note(named)
        return {xid for xid, _shard in named}

    async def copies(self, xid: str, count: int) -> list[Copy]:
        """Return the `count` oldest copies of a task, in order of `at`."""
        shards = self._shards(xid)
        found = await self._all([("XRANGE", f"{TAGS[shard]}:li:{xid}", "-", "+", "COUNT", count) for shard in shards])
        all_of_them = [_copy(shard, *item) for shard, items in zip(shards, found, strict=True) for item in items]
        self._note({(xid, copy.shard) for copy in all_of_them})
        return sorted(all_of_them, key=lambda copy: copy.at)[:count]

    async def forget_copies(self, xid: str, copies: Sequence[Copy]) -> None:
        """Drop copies that the mediation has."""
        by_shard: dict[int, list[str]] = {}
        for copy in copies:
            by_shard.setdefault(copy.shard, []).append(copy.id)
        places = self._places.setdefault(xid, _Places())
        for shard, ids in by_shard.items():
            tag, before = TAGS[shard], places.changes
            empty = await self._store.ask("EVAL", FORGET, 2, f"{tag}:li", f"{tag}:li:{xid}", xid, *ids)
            if empty and places.changes == before:
                places.shards.discard(shard)

    async def queued(self, xid: str) -> int:
        return sum(await self._all([("XLEN", f"{TAGS[shard]}:li:{xid}") for shard in self._shards(xid)]))

    async def check(self) -> None:
        await self._store.check()

    async def _all(self, commands: Sequence[Command]) -> list[Any]:
        return await all_of(self._store.ask(*command) for command in commands)

    def _shards(self, xid: str) -> Sequence[int]:
        places = self._places.get(xid)
        return range(SHARDS) if places is None else sorted(places.shards)

    def _copied(self, about: str) -> None:
        xid, _, shard = about.partition("/")
        self._note({(xid, int(shard))})

    def _note(self, copied: AbstractSet[tuple[str, int]]) -> None:
        for xid, shard in copied:
            places = self._places.setdefault(xid, _Places())
            places.shards.add(shard)
            places.changes += 1


def _commit(entries: Sequence[Entry], acks: Sequence[Removal]) -> Command:
    keys: list[str] = []
    args: list[bytes | str | int] = [len(acks)]
    for ack in acks:
        box, _, _, size = _keys(ack.pin)
        keys += (box, size)
        args += (len(ack.places), ack.octets, *ack.places)
    for entry in entries:
        head = entry.header
        box, mids, li, size = _keys(head.to)
        bucket, before = buckets(head.mid, entry.now)
        keys += (box, mids + bucket, li, size, mids + before)
        args += (repeat_key(head), entry.envelope, head.to if entry.away else "", len(entry.matches))
        if entry.matches:
            args += (entry.at, entry.protected)
            for match in entry.matches:
                args += (match.xid, int(match.direction))
    return ("EVALSHA", COMMIT_SHA, len(keys), *keys, *args)


def buckets(mid: str, now: int) -> tuple[str, str]:
    """Return where a mid is remembered and where it may have been before, at `now` (ms since 1970).

    A mid of our time lies in a bucket of its own time. Any other lies in one of our own clock's, so that no mid keeps a
    bucket alive for longer than twice REPEAT_S.
    """
    own = mid[:8]
    if abs(int(own, 16) - (now >> 16)) <= _NEAR:
        return own, own
    number = now // (REPEAT_S * 1000)
    return f"at{number}", f"at{number - 1}"


def _left(left: Left) -> Command:
    return ("SPUBLISH", CHANNELS[shard_of(left.pin)], f"stored {left.pin}")


def _outcome(reply: Any) -> Committed:
    if isinstance(reply, bytes):
        return reply.decode()
    if isinstance(reply, list):
        seldom("entry.failed", code=b" ".join(reply)[:80].decode(errors="replace").partition(" ")[0])
        return NoPlace.FAILED
    return NoPlace.ALREADY if reply == ALREADY else NoPlace.FULL


def _copy(shard: int, place: bytes, said: list[bytes]) -> Copy:
    """Read a copy; one that cannot be read has no header, so it is counted as lost and holds up none behind it."""
    fields = dict(zip(said[::2], said[1::2], strict=False))
    try:
        at, direction = int(fields[b"at"]), Direction(int(fields[b"to"]))
        return Copy(shard, place.decode(), at, fields[b"header"].decode(), fields[b"envelope"], direction)
    except (KeyError, ValueError):
        return Copy(shard, place.decode(), 0, "", b"", Direction.FROM_TARGET)
