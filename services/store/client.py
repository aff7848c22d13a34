"""The provider's store, for the two parties that have business there. It knows no key of theirs.

A store that stands alone is a cluster of one node. Every command goes to the node that has the slot of its key:

    -MOVED                                     not done: noted, and sent once more, to the node that it names
    -READONLY -LOADING -MASTERDOWN -CLUSTERDOWN  not done: all connections to that node are ended, because behind its
                                               name there may be another by now, and it is sent once more
    any other error, no answer                 perhaps done: that command has failed, and no other

What both parties ask holds on both kinds of store: every command and every script keeps to the keys of one hash tag,
and what may not happen twice says so itself, because a client asks again when an answer was lost. That the store does
not answer is said here, once: `Ours("store.unavailable")`. A node that does not answer is asked nothing more until it
has been reached again, so that nobody waits for it twice.
"""

# Long because a command's way to its node, and what a wrong node teaches, are one state.

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

import hiredis

from tiers.chassis import background
from tiers.chassis.logs import seldom
from tiers.store.connection import Command, Connection, Heard, is_moved, is_no_master, unavailable
from tiers.store.node import Node, Shared
from tiers.store.slots import COUNT, Address, Slots, parse_moved, parse_slots, slot_of
from tiers.store.url import parse_location
from tiers.wire.errors import Ours

RETRY_SECONDS = 0.2
_NO_SCRIPT = "NOSCRIPT"
_FIRST_KEY = {"EVAL": 3, "EVALSHA": 3}
_SCRATCH = 64
SCRATCH_KEY = "{scratch}"
"""Stands for a key at the node that is asked (`at_each`)."""
Placed = tuple[int, Command]
"""A command, and the slot of its keys."""


class Store:
    def __init__(  # noqa: PLR0913, PLR0917 - what is said and heard on every connection, each once
        self,
        url: str,
        scratch: str,
        hello: Sequence[Command] = (),
        channels: Iterable[str] = (),
        heard: Heard = lambda _channel, _said: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        """`scratch` begins the keys that are written to see whether the store can be; raises `Yours` for a bad URL.

        `hello` is said on every new connection, `heard` told of what is published on `channels`, `missed` that some of
        it may not have been heard.
        """
        self.location = parse_location(url)
        self._scratch = scratch
        self._hello = hello
        self._channels = {slot_of(channel): channel for channel in channels} if self.location.clustered else {}
        self._all_channels = tuple(channels) if not self.location.clustered else ()
        self._heard = heard
        self._missed = missed
        self._seeding = Shared(Connection(self.location))
        self._slots: Slots | None = None
        self._nodes: dict[Address, Node] = {}
        self._alone = asyncio.Lock()  # one batch under way, or one change of what is subscribed
        self._changed = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        tasks = [node.keeping for node in self._nodes.values()] + [self._keeping]
        await background.stop(*(task for task in tasks if task is not None))
        for node in self._nodes.values():
            node.commits.close()
        shared = [one for node in self._nodes.values() for one in (node.reads, node.asks)]
        await asyncio.gather(*(one.close_for_good() for one in (self._seeding, *shared)))
        self._nodes, self._slots, self._keeping = {}, None, None
        await asyncio.sleep(0)  # a connection that was hung up is gone a turn later

    # ---- asking ----

    async def run(self, asked: Sequence[Placed]) -> list[Any]:
        """Run commands at most once; returns their replies in order. What failed has an error in its place."""
        async with self._alone:
            await self._ready()
            replies = await self._spread(asked)
            if again := [place for place, reply in enumerate(replies) if is_moved(reply)]:
                for place, reply in zip(again, await self._spread([asked[place] for place in again]), strict=True):
                    replies[place] = reply
            return replies

    async def ask(self, *command: bytes | str | int) -> Any:
        """Run one command that may run twice; returns its reply. Raises `Ours`."""
        return await self._ask(command, reading=False)

    async def read(self, *command: bytes | str | int) -> Any:
        """Do as `ask`, beside the hot path, on a connection that nothing else makes wait."""
        return await self._ask(command, reading=True)

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands that may run twice, together; returns their replies, an `Ours` in the place of one that failed.

        What is asked in one turn shares a batch (node.py); a retry of one costs the others nothing.
        """
        return await asyncio.gather(*(self.ask(*command) for command in commands), return_exceptions=True)

    async def at_each(self, *command: bytes | str | int) -> list[Any]:
        """Run a command without a key at every node; `{scratch}` in it is a key there. Errors are `hiredis.ReplyError`.

        Raises `Ours` if one does not answer.
        """
        await self._ready()
        slots = self._slots
        assert slots is not None  # noqa: S101 - ready
        keys = (f"{self._scratch}{{{number}}}" for number in range(_SCRATCH))
        at = {slots.owner(slot_of(key)): key for key in keys}
        named = [(self._node(address), at.get(address, "")) for address in slots.nodes()]
        return list(
            await asyncio.gather(
                *(node.asks.ask(tuple(key if part == SCRATCH_KEY else part for part in command)) for node, key in named)
            )
        )

    async def at_seed(self, *command: bytes | str | int) -> Any:
        """Run a command without a key at the node that the URL names; returns its reply, or a `hiredis.ReplyError`."""
        return await self._seeding.ask(command)

    async def addresses(self) -> set[Address]:
        """Return the nodes that have slots; raises `Ours`."""
        await self._ready()
        return self._slots.nodes() if self._slots is not None else set()

    async def check(self) -> None:
        """Return if every node can be written; raises `Ours`."""
        for _ in range(2):
            replies = await self.at_each("SET", SCRATCH_KEY, "1", "EX", 60)
            if not any(isinstance(reply, hiredis.ReplyError) for reply in replies):
                return
            for node in self._nodes.values():
                node.hang_up()
        raise Ours("store.unavailable", "Try again in a second: the store takes no writes.")

    # ---- one command ----

    async def _ask(self, command: Command, *, reading: bool) -> Any:
        await self._ready()
        slot = _slot(command)
        for attempt in range(2):
            address = self._owner(slot)
            node = self._node(address)
            if node.commits.down:
                raise unavailable()
            shared = node.reads if reading else node.asks
            try:
                reply = await shared.ask(command)
            except Ours:
                if shared.down:
                    node.lost()
                self._changed.set()
                if attempt or self._owner(slot) == address:
                    raise
                continue
            if not isinstance(reply, hiredis.ReplyError):
                return reply
            if not self._refused(address, reply):
                break
        raise unavailable()

    def _refused(self, address: Address, reply: hiredis.ReplyError) -> bool:
        """Note what an error says of the store; returns whether the command was not done and may be, now."""
        said = str(reply)
        if self._slots is not None and (moved := parse_moved(said, address)):
            self._slots.move(*moved)
            self._changed.set()
            return True
        if is_no_master(reply):
            self._node(address).hang_up()
            self._changed.set()
            return True
        if said.startswith(_NO_SCRIPT):
            self._node(address).commits.close()  # a new connection brings the script along
        else:
            seldom("store.refused", code=said.partition(" ")[0])
        return False

    # ---- a batch ----

    async def _spread(self, asked: Sequence[Placed]) -> list[Any]:
        """Send every node its commands in one write, to all nodes at once."""
        replies: list[Any] = [unavailable()] * len(asked)
        by_node: dict[Address, list[int]] = {}
        for place, (slot, _command) in enumerate(asked):
            with suppress(Ours):
                by_node.setdefault(self._owner(slot), []).append(place)

        async def at(address: Address, places: list[int]) -> None:
            node = self._node(address)
            try:
                said = await node.run([asked[place][1] for place in places])
            except Ours:
                return
            for place, reply in zip(places, said, strict=True):
                replies[place] = reply
                if isinstance(reply, hiredis.ReplyError):
                    self._refused(address, reply)

        if len(by_node) == 1:
            ((address, places),) = by_node.items()
            await at(address, places)
        else:
            await asyncio.gather(*(at(address, places) for address, places in by_node.items()))
        if any(isinstance(reply, Exception) for reply in replies):
            self._changed.set()
        return replies

    # ---- which node ----

    def _owner(self, slot: int) -> Address:
        owner = self._slots.owner(slot) if self._slots is not None else None
        if owner is None:
            raise unavailable()
        return owner

    def _node(self, address: Address) -> Node:
        """Return a node; one that is new is connected to and held from now on."""
        if (node := self._nodes.get(address)) is None:
            at = replace(self.location, address=address)
            commits = Connection(at, self._hello, self._of(address), self._heard, self._connected, self._changed.set)
            node = self._nodes[address] = Node(commits, Shared(Connection(at)), Shared(Connection(at)))
            node.keeping = background.start(self._hold(commits))
        return node

    async def _hold(self, commits: Connection) -> None:
        while background.wanted():
            with suppress(Ours):
                await commits.hold()
            self._changed.set()
            await asyncio.sleep(RETRY_SECONDS)

    def _connected(self) -> None:
        self._changed.set()  # what was refused on the new connection must be sought elsewhere
        self._missed()

    def _of(self, address: Address) -> Sequence[str]:
        """Return the channels that are heard at a node."""
        slots = self._slots
        if not self.location.clustered:
            return self._all_channels
        return [name for slot, name in self._channels.items() if slots is not None and slots.owner(slot) == address]

    async def _ready(self) -> None:
        """Know who has which slot, and keep knowing it; raises `Ours`."""
        if self._slots is None:
            await self._learn()
        if self._keeping is None:
            self._keeping = background.start(self._keep())

    async def _keep(self) -> None:
        """Keep the map of slots and what is subscribed up to date, until cancelled."""
        while background.wanted():
            self._changed.clear()
            with suppress(Ours):
                await self._learn()
                await self._subscribe()
            if not any(node.commits.missing() for node in self._nodes.values()):
                await self._changed.wait()
            await asyncio.sleep(RETRY_SECONDS)

    async def _learn(self) -> None:
        """Ask every node for the map and take the first answer, for one of them may be frozen; raises `Ours`."""
        if not self.location.clustered:
            self._slots = Slots()
            self._slots.take(0, COUNT - 1, self.location.address)
            self._node(self.location.address)
            return
        asks = {asyncio.create_task(self._map_at(self.location.address, self._seeding))} | {
            asyncio.create_task(self._map_at(address, node.asks)) for address, node in self._nodes.items()
        }
        try:
            for first in asyncio.as_completed(asks):
                with suppress(Ours):
                    self._slots = await first
                    return
        finally:
            for ask in asks:
                ask.cancel()
            await asyncio.gather(*asks, return_exceptions=True)
        raise unavailable()

    async def _map_at(self, address: Address, asks: Shared) -> Slots:
        return parse_slots(await asks.ask(("CLUSTER", "SLOTS")), address)

    async def _subscribe(self) -> None:
        """Hear each channel at the node that has its slot now, and leave the nodes that have none."""
        owners = self._slots.nodes() if self._slots is not None else set()
        async with self._alone:
            for address in [one for one in self._nodes if one not in owners]:
                gone = self._nodes.pop(address)
                gone.hang_up()
                if gone.keeping is not None:
                    gone.keeping.cancel()
            for address in owners:
                node = self._node(address)
                node.commits.channels = self._of(address)
                with suppress(Ours):
                    if await node.commits.subscribe():
                        self._missed()


def _slot(command: Command) -> int:
    """Return the slot of a command: that of its first key, or of its channel."""
    key = command[_FIRST_KEY.get(str(command[0]), 1)]
    return slot_of(key if isinstance(key, bytes) else str(key))
