"""The relay's store on Valkey or Redis (7 or later): streams, and one atomic script for each commit. Thin I/O.

    {sNN}:box:<pin>      stream  the mailbox: field e = the envelope
    {sNN}:mids:<8 hex>   set     what was accepted, by the first 32 bits of the mid: 65.536 s of a UUIDv7's clock
    {sNN}:li             set     XIDs that have copies waiting here
    {sNN}:li:<xid>       stream  copies: at, header, envelope, direction

NN is one of 64 shards, by the receiver, and the hash tag keeps a shard's keys on one node of a cluster: there a commit
is one script for each shard (tiers.store.pipelines). Durability is the store's: it must run with `appendonly yes` and
`appendfsync always`.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tiers.gateway.mailbox.promises import (
    KEEP_MS,
    MAX_BYTES,
    MAX_MESSAGES,
    REPEAT_S,
    Committed,
    Copied,
    Copy,
    Entry,
    Left,
    Message,
    NoPlace,
    Removal,
    repeat_key,
)
from tiers.gateway.mailbox.shards import Part, by_shard
from tiers.gateway.processes.bus import CHANNELS, SHARDS, TAGS, shard_of
from tiers.store.cluster import Cluster
from tiers.store.pipeline import Command, Heard, Pipeline, Shared, unavailable
from tiers.store.pipelines import Nodes, Placed
from tiers.store.slots import slot_of
from tiers.store.url import is_cluster
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import MAX_ENVELOPE

_BUCKET_S = 66
_DAY_S = 24 * 3600
_KEEP_S = KEEP_MS // 1000
_ALREADY, _FULL = 0, 1
_COPIED = b"copied "
_SURE = MAX_BYTES // MAX_ENVELOPE // 64 * 64
"""So many messages fit whatever their sizes."""

# One call for all messages and acks of a commit. Not one each, because the store reads a connection in pieces of 16 KiB
# and makes what it has done durable after each piece: a call is one piece, whatever its size, so a commit is one fsync.
# Not MULTI either, because Redis 7.0 puts what is published into the middle of the reply of EXEC.
# A full mailbox shows before anything of its message is written. A key's life is looked at before it is written,
# because a write costs a line in the log. The size of a mailbox is asked for one message in 64, because the store walks
# through the whole of it to tell.
_COMMIT = f"""
local out, next, known, held = {{}}, 1, {{}}, {{}}
local function lives(key, least, seconds)
  if known[key] then return end
  known[key] = true
  if redis.call('TTL', key) < least then redis.call('EXPIRE', key, seconds) end
end
local function tell(li, what)
  redis.call('SPUBLISH', 'gateway:' .. string.sub(li, 1, 5) .. ':told', what)
end
local function accept(box, mids, li, at)
  local once, envelope, away, copies = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local waiting = held[box] or redis.call('XLEN', box)
  local full = waiting >= {MAX_MESSAGES} or waiting >= {_SURE} and waiting % 64 == 0
    and redis.call('MEMORY', 'USAGE', box, 'SAMPLES', 0) > {MAX_BYTES}
  if (full or copies > 0) and redis.call('SISMEMBER', mids, once) == 1 then return {_ALREADY} end
  if full then return {_FULL} end
  for i = at + 6, at + 4 + 2 * copies, 2 do
    local xid = ARGV[i]
    redis.call('XADD', li .. ':' .. xid, '*',
      'at', ARGV[at + 4], 'header', ARGV[at + 5], 'envelope', envelope, 'to', ARGV[i + 1])
    if not known[li .. xid] then
      redis.call('SADD', li, xid)
      tell(li, 'copied ' .. xid)
    end
    known[li .. xid] = true
  end
  if redis.call('SADD', mids, once) == 0 then return {_ALREADY} end
  local id = redis.call('XADD', box, '*', 'e', envelope)
  held[box] = waiting + 1
  lives(mids, {REPEAT_S}, {REPEAT_S + _BUCKET_S})
  lives(box, {_KEEP_S}, {_KEEP_S + _DAY_S})
  if away ~= '' then tell(li, 'stored ' .. away) end
  return id
end
local acks = tonumber(ARGV[1])
for i = 1, acks do
  local count = tonumber(ARGV[next + 1])
  redis.call('XDEL', KEYS[i], unpack(ARGV, next + 2, next + 1 + count))
  next = next + 1 + count
end
next = next + 1
for i = acks + 1, #KEYS, 3 do
  out[#out + 1] = accept(KEYS[i], KEYS[i + 1], KEYS[i + 2], next)
  local copies = tonumber(ARGV[next + 3])
  next = next + 4 + (copies > 0 and 2 + 2 * copies or 0)
end
return out
"""

_FORGET = """
redis.call('XDEL', KEYS[2], unpack(ARGV, 2))
if redis.call('XLEN', KEYS[2]) > 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[1], ARGV[1])
return 1
"""

_EXPIRE = """
local now = redis.call('TIME')
local oldest = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[1]
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest))
"""


def _sha(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


_COMMIT_SHA = _sha(_COMMIT)
_HELLO: tuple[Command, ...] = (("SCRIPT", "LOAD", _COMMIT),)
_SLOTS = tuple(map(slot_of, TAGS))


@lru_cache(maxsize=100_000)
def _keys(pin: str) -> tuple[str, str, str]:
    """Return a receiver's mailbox, where its mids begin, and where the tasks with copies are listed."""
    tag = TAGS[shard_of(pin)]
    return f"{tag}:box:{pin}", f"{tag}:mids:", f"{tag}:li"


class _Places:
    """Where copies of one task may wait. `changes` counts commits, so that an old reply cannot hide a new copy."""

    __slots__ = ("changes", "shards")

    def __init__(self) -> None:
        self.shards: set[int] = set()
        self.changes = 0


class RedisMailboxes:
    """`gateway.mailbox.Mailboxes`, for real."""

    def __init__(
        self,
        url: str,
        cold: Redis,
        heard: Heard = lambda _channel, _said: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        """Write through a pipeline of its own to `url` and read mailboxes through another; do the rest with `cold`.

        In a cluster there are two for each node.

        `heard` is told what other processes publish, `missed` when some of it was not heard (gateway/processes/bus.py).
        """
        self.on_copies: Copied = lambda _xids: None
        self._told, self._missed = heard, missed
        self._pipe: Pipeline | Nodes
        if is_cluster(url):
            channels = {slot_of(channel): channel for channel in CHANNELS}
            self._pipe = Nodes(url, _HELLO, channels, self._hear, self._miss)
            if isinstance(cold, Cluster):
                self._pipe.on_lost = cold.lost
        else:
            self._pipe = Pipeline(url, _HELLO, CHANNELS, self._hear, self._miss)
        self._reads = self._pipe if isinstance(self._pipe, Nodes) else Shared(Pipeline(url))
        self._cold = cold
        self._places: dict[str, _Places] = {}

    async def commit(
        self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left] = ()
    ) -> list[Committed]:
        """See the Protocol."""
        copied = [(match.xid, shard_of(entry.header.to)) for entry in entries for match in entry.matches]
        self._note(copied)
        try:
            outcomes = await self._run(entries, acks, left)
        finally:
            self._note(copied)
            if copied:
                self.on_copies({xid for xid, _shard in copied})
        if NoPlace.FULL in outcomes:
            full = {entry.header.to for entry, said in zip(entries, outcomes, strict=True) if said is NoPlace.FULL}
            for pin in full:
                await self.expire(pin, KEEP_MS)
        return outcomes

    async def listen(self) -> None:
        """Hear what other processes publish, until cancelled."""
        await self._pipe.listen()

    async def _run(self, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left]) -> list[Committed]:
        if isinstance(self._pipe, Nodes):
            return await self._spread(self._pipe, entries, acks, left)
        script = [_commit(entries, acks)] if entries or acks else []
        commands = [*script, *map(_left, left)]
        if not commands:
            return []
        said = (await self._pipe.run(commands))[0]
        if not entries:
            return []
        if isinstance(said, list):
            return list(map(_outcome, said))
        self._pipe.close()  # a new connection brings the script along, and may lead to a store that can write
        return [NoPlace.FAILED] * len(entries)

    async def _spread(
        self, nodes: Nodes, entries: Sequence[Entry], acks: Sequence[Removal], left: Sequence[Left]
    ) -> list[Committed]:
        """Run one script for each shard; what lies on a node that does not answer has failed, and nothing else."""
        asked: list[Placed] = []
        scripts: list[tuple[int, Part]] = []
        for shard, part in by_shard(entries, acks, left).items():
            if part.entries or part.acks:
                scripts.append((len(asked), part))
                asked.append((_SLOTS[shard], _commit(part.entries, part.acks)))
            asked += ((_SLOTS[shard], _left(one)) for one in part.left)
        replies = await nodes.run(asked)
        outcomes: list[Committed] = [NoPlace.FAILED] * len(entries)
        for at, part in scripts:
            if isinstance(said := replies[at], list):
                for place, one in zip(part.places, said, strict=True):
                    outcomes[place] = _outcome(one)
        return outcomes

    async def read(self, pin: str, after: str, count: int) -> list[Message]:
        """See the Protocol."""
        command = ("XRANGE", _keys(pin)[0], f"({after}", "+", "COUNT", count)
        reads = self._reads
        slot = _SLOTS[shard_of(pin)]
        found = await (reads.ask(slot, command) if isinstance(reads, Nodes) else reads.ask(command))
        return [Message(place.decode(), fields[1]) for place, fields in found]

    async def drop(self, pin: str, places: Sequence[str]) -> None:
        """See the Protocol."""
        await self._ask(self._cold.xdel(_keys(pin)[0], *places))

    async def expire(self, pin: str, keep_ms: int) -> None:
        """See the Protocol."""
        await self._ask(self._cold.eval(_EXPIRE, 1, _keys(pin)[0], keep_ms))

    async def waiting(self) -> set[str]:
        """See the Protocol."""
        async with self._cold.pipeline(transaction=False) as pipe:
            for tag in TAGS:
                pipe.smembers(f"{tag}:li")
            found = await self._ask(pipe.execute())
        self._note([(xid.decode(), shard) for shard, xids in enumerate(found) for xid in xids])
        return {xid.decode() for xids in found for xid in xids}

    async def copies(self, xid: str, count: int) -> list[Copy]:
        """See the Protocol."""
        places = self._places.get(xid)
        shards = range(SHARDS) if places is None else sorted(places.shards)
        async with self._cold.pipeline(transaction=False) as pipe:
            for shard in shards:
                pipe.xrange(f"{TAGS[shard]}:li:{xid}", "-", "+", count)
            found = await self._ask(pipe.execute())
        all_of_them = [_copy(shard, *item) for shard, items in zip(shards, found, strict=True) for item in items]
        self._note([(xid, copy.shard) for copy in all_of_them])
        return sorted(all_of_them, key=lambda copy: copy.at)[:count]

    async def forget_copies(self, xid: str, copies: Sequence[Copy]) -> None:
        """See the Protocol."""
        by_shard: dict[int, list[str]] = {}
        for copy in copies:
            by_shard.setdefault(copy.shard, []).append(copy.id)
        places = self._places.setdefault(xid, _Places())
        for shard, ids in by_shard.items():
            tag, before = TAGS[shard], places.changes
            empty = await self._ask(self._cold.eval(_FORGET, 2, f"{tag}:li", f"{tag}:li:{xid}", xid, *ids))
            if empty and places.changes == before:
                places.shards.discard(shard)

    async def queued(self, xid: str) -> int:
        """See the Protocol."""
        places = self._places.get(xid)
        async with self._cold.pipeline(transaction=False) as pipe:
            for shard in range(SHARDS) if places is None else sorted(places.shards):
                pipe.xlen(f"{TAGS[shard]}:li:{xid}")
            return sum(await self._ask(pipe.execute()))

    async def check(self) -> None:
        """See the Protocol."""
        await self._ask(self._cold.ping())

    async def close(self) -> None:
        """Hang up."""
        self._pipe.close()
        self._reads.close()

    def _hear(self, channel: bytes, said: bytes) -> None:
        if said.startswith(_COPIED):
            xid = said[len(_COPIED) :].decode()
            self._note([(xid, CHANNELS.index(channel.decode()))])
            self.on_copies({xid})
        else:
            self._told(channel, said)

    def _miss(self) -> None:
        self._places.clear()
        self._missed()

    def _note(self, copied: Sequence[tuple[str, int]]) -> None:
        for xid, shard in copied:
            places = self._places.setdefault(xid, _Places())
            places.shards.add(shard)
            places.changes += 1

    async def _ask(self, asked: Any) -> Any:
        try:
            return await asked
        except (RedisError, OSError, TimeoutError):
            raise unavailable() from None


def _commit(entries: Sequence[Entry], acks: Sequence[Removal]) -> Command:
    keys: list[str] = [_keys(ack.pin)[0] for ack in acks]
    args: list[bytes | str | int] = [len(acks)]
    for ack in acks:
        args += (len(ack.places), *ack.places)
    for entry in entries:
        head = entry.header
        box, mids, li = _keys(head.to)
        keys += (box, mids + head.mid[:8], li)
        args += (repeat_key(head), entry.envelope, head.to if entry.away else "", len(entry.matches))
        if entry.matches:
            args += (entry.at, entry.protected)
            for match in entry.matches:
                args += (match.xid, int(match.direction))
    return ("EVALSHA", _COMMIT_SHA, len(keys), *keys, *args)


def _left(left: Left) -> Command:
    return ("SPUBLISH", CHANNELS[shard_of(left.pin)], f"stored {left.pin}")


def _outcome(reply: Any) -> Committed:
    if isinstance(reply, bytes):
        return reply.decode()
    return NoPlace.ALREADY if reply == _ALREADY else NoPlace.FULL


def _copy(shard: int, place: bytes, fields: dict[bytes, bytes]) -> Copy:
    """Read a copy; one that cannot be read has no header, so it is counted as lost and holds up none behind it."""
    try:
        at, direction = int(fields[b"at"]), Direction(int(fields[b"to"]))
        return Copy(shard, place.decode(), at, fields[b"header"].decode(), fields[b"envelope"], direction)
    except (KeyError, ValueError):
        return Copy(shard, place.decode(), 0, "", b"", Direction.FROM_TARGET)
