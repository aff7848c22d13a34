"""The relay on a cluster: what goes where, what fails with a node, and what is heard after a slot has moved."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.cluster import Grid
from kits.mailbox import X1, entry, opened, texts
from kits.relay import ACME, ALICE, BOB, World, mids, running
from kits.store import client
from tiers.gateway.mailbox.promises import START, Left, Match, Removal
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import TAGS, shard_of
from tiers.store.acl import COMMANDS
from tiers.store.client import Store
from tiers.store.connection import Command, unavailable
from tiers.store.fitness import fit
from tiers.store.slots import Address, Slots, slot_of
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Role
from tiers.wire.lawful.x2x3 import Direction

PLACES = [Address("10.0.0.1", number) for number in range(3)]
SLOTS = [slot_of(tag) for tag in TAGS]
AWAY, MOVES = "away", "moves"


class Pretended(Store):
    """A client whose nodes say where a command belongs by `true`; some are away, some only send on."""

    def __init__(self, known: list[int], true: list[int], moods: dict[int, str]) -> None:
        super().__init__("redis+cluster://10.0.0.1", "x")
        self._slots = Slots()
        for slot, number in zip(SLOTS, known, strict=True):
            self._slots.move(slot, PLACES[number])
        self.true = dict(zip(SLOTS, true, strict=True))
        self.moods = moods
        self.asked: Counter[int] = Counter()
        self.done: list[int] = []

    def _node(self, address: Address) -> Any:
        return _One(self, address)

    async def _ready(self) -> None:
        """The map is given."""


class _One:
    def __init__(self, nodes: Pretended, address: Address) -> None:
        self.nodes, self.address, self.commits = nodes, address, self

    def close(self) -> None:
        """There is no connection."""

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        mood = self.nodes.moods.get(PLACES.index(self.address))
        if mood == AWAY:
            raise unavailable()
        return [self.answer(int(slot), mood) for (slot,) in commands]

    def answer(self, slot: int, mood: str | None) -> Any:
        self.nodes.asked[slot] += 1
        owner = PLACES[self.nodes.true[slot]]
        if owner != self.address or mood == MOVES:
            return hiredis.ReplyError(f"MOVED {slot} {owner.host}:{owner.port}")
        self.nodes.done.append(slot)
        return slot


numbers = st.lists(st.integers(0, 2), min_size=len(TAGS), max_size=len(TAGS))
moods = st.dictionaries(st.integers(0, 2), st.sampled_from([AWAY, MOVES]), max_size=2)


@given(numbers, numbers, moods, st.sets(st.integers(0, len(TAGS) - 1)))
async def test_every_command_is_done_once_where_its_slot_is_or_has_failed(
    known: list[int], true: list[int], moods: dict[int, str], shards: set[int]
) -> None:
    nodes = Pretended(known, true, moods)
    asked = [(SLOTS[shard], (SLOTS[shard],)) for shard in sorted(shards)]

    replies = await nodes.run(asked)

    for shard, (slot, _command), reply in zip(sorted(shards), asked, replies, strict=True):
        well, told = true[shard] not in moods, known[shard] == true[shard] or moods.get(known[shard]) != AWAY
        assert (reply == slot) == (well and told)
        assert nodes.done.count(slot) == (reply == slot)
        assert nodes.asked[slot] <= 2
        assert reply == slot or isinstance(reply, Ours | hiredis.ReplyError)


@given(numbers, numbers)
async def test_a_slot_that_has_moved_is_asked_for_once_at_its_old_place(known: list[int], true: list[int]) -> None:
    nodes = Pretended(known, true, {})
    asked = [(slot, (slot,)) for slot in SLOTS]

    assert SLOTS == await nodes.run(asked)
    assert SLOTS == await nodes.run(asked)

    assert {slot: 2 + (known[at] != true[at]) for at, slot in enumerate(SLOTS)} == nodes.asked


async def test_a_url_of_the_other_kind_says_what_to_write(grid: Grid, valkey: str) -> None:
    async with client(grid.url.replace("+cluster", "")) as store:
        with pytest.raises(Yours, match=r"settings\.store_url: Write redis\+cluster://"):
            await fit(store, (), may_lose=False)
    with pytest.raises(Yours, match="a cluster has no unix socket"):
        client(valkey.replace("unix:", "unix+cluster:"))
    for url in (grid.url, valkey):
        async with client(url) as store:
            await fit(store, COMMANDS[Role.GATEWAY], may_lose=False)


@pytest.fixture
async def boxes(grid: Grid) -> AsyncIterator[Mailboxes]:
    async with opened(grid.url) as made:
        yield made


PINS = [f"{number:08x}" for number in range(200)]


async def test_one_commit_reaches_all_nodes_and_each_entry_has_its_own_outcome(grid: Grid, boxes: Mailboxes) -> None:
    assert {0, 1, 2} == {grid.owner(TAGS[shard_of(pin)]) for pin in PINS}
    match = (Match(X1, Direction.TO_TARGET),)

    places = await boxes.commit([entry(pin, pin.encode(), at, match) for at, pin in enumerate(PINS)], [])

    for pin, place in zip(PINS, places, strict=True):
        assert [place] == [message.id for message in await boxes.read(pin, START, 9)]
        assert [pin.encode()] == await texts(boxes, pin)
    assert [pin.encode() for pin in PINS] == [copy.envelope for copy in await boxes.copies(X1, 1000)]
    assert (len(PINS), {X1}) == (await boxes.queued(X1), await boxes.waiting())

    acks = [Removal(pin, (str(place),)) for pin, place in zip(PINS, places, strict=True)]
    assert [] == await boxes.commit([], acks, [Left(pin) for pin in PINS[:9]])
    await boxes.forget_copies(X1, await boxes.copies(X1, 1000))
    assert [] == [pin for pin in PINS if await texts(boxes, pin)]
    assert set() == await boxes.waiting()


async def test_a_commit_finds_a_slot_that_has_moved_and_is_made_once(grid: Grid, boxes: Mailboxes) -> None:
    match = (Match(X1, Direction.TO_TARGET),)
    await boxes.commit([entry(BOB, b"1", 1, match)], [])
    grid.move(TAGS[shard_of(BOB)])

    (place,) = await boxes.commit([entry(BOB, b"2", 2, match)], [])

    assert isinstance(place, str)
    assert [b"1", b"2"] == await texts(boxes, BOB)
    grid.move(TAGS[shard_of(BOB)])
    assert [b"1", b"2"] == await texts(boxes, BOB)
    assert [1, 2] == [copy.at for copy in await boxes.copies(X1, 9)]


async def test_a_client_asks_every_node_and_follows_a_slot_that_has_moved(grid: Grid) -> None:
    async with client(grid.url) as store:
        keys = [f"gateway:k{number}" for number in range(50)]
        assert {0, 1, 2} == {grid.owner(key) for key in keys}
        assert [b"OK"] * len(keys) == await store.ask_all([("SET", key, key) for key in keys])
        for key in keys[:5]:
            grid.move(key)
        *found, wrong = await store.ask_all([*(("GET", key) for key in keys), ("HGET", keys[-1], "x")])
        assert [key.encode() for key in keys] == found
        assert isinstance(wrong, Ours)
        for key in keys[:5]:
            grid.move(key)
        assert [key.encode() for key in keys[:5]] == [await store.ask("GET", key) for key in keys[:5]]
        assert b"x" == await store.ask("EVAL", "return ARGV[1]", 1, keys[0], "x")


async def test_a_node_that_stands_still_is_waited_for_once_and_asked_again_when_it_answers(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiers.store.connection.SECONDS", 0.5)
    keys = {grid.owner(key): key for key in map("gateway:k{}".format, range(50))}
    async with client(grid.url) as store:
        for key in keys.values():
            await store.ask("SET", key, key)
        process = grid.store.children[0].pid
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(Ours):
                await store.ask("GET", keys[0])
            async with asyncio.timeout(0.4):
                with pytest.raises(Ours):
                    await store.ask("GET", keys[0])
                assert [keys[at].encode() for at in (1, 2)] == [await store.ask("GET", keys[at]) for at in (1, 2)]
                wrong, *found = await store.ask_all([("GET", keys[number]) for number in range(3)])
            assert isinstance(wrong, Ours)
            assert [keys[at].encode() for at in (1, 2)] == found
        finally:
            os.kill(process, signal.SIGCONT)
        back = None
        while back is None:
            with suppress(Ours):  # the cluster may have given the node up meanwhile, and takes it back
                back = await store.ask("GET", keys[0])
            await asyncio.sleep(0.02)
        assert keys[0].encode() == back


async def test_what_one_process_accepts_reaches_the_other_before_while_and_after_its_slot_moves(
    grid: Grid, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(running(tmp_path, grid.url)) for _ in range(2)]
        await here.activate(ACME, ALICE, BOB)
        alice, bob = await here.open(ALICE), await there.open(BOB)

        for _ in range(3):
            sent = [await alice.send(here.enterprise(ALICE, BOB)) for _ in range(20)]
            grid.move(TAGS[shard_of(BOB)])
            sent += [await alice.send(here.enterprise(ALICE, BOB)) for _ in range(20)]
            assert mids(await bob.receive(40)) == sent


async def all_heard(world: World) -> None:
    """Wait until every channel is heard at the node that has its slot."""
    nodes = world.mailboxes._store
    while True:
        await nodes._learn()
        held = [node.commits for node in nodes._nodes.values()]
        heard = {name for one in held for name in one.channels if name not in one.missing()}
        if len(heard) == len(TAGS) + 1:
            return
        await asyncio.sleep(0.02)


async def test_a_session_elsewhere_ends_the_one_here_also_after_a_move(grid: Grid, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(running(tmp_path, grid.url)) for _ in range(2)]
        await here.activate(ACME, ALICE, BOB)
        bob = await here.open(BOB)
        await all_heard(there)
        await all_heard(here)
        grid.move(TAGS[shard_of(BOB)])
        await all_heard(here)

        await there.open(BOB)

        assert await bob.bye() == "session.replaced"
