"""The hot path on a cluster: one pipeline to each node, and every command goes to the node that has its slot.

    -MOVED                      not done: noted, and sent once more, to the node that it names
    any other error, no answer  perhaps done: that command has failed, and no other

A node that does not answer is asked nothing more until it has been reached again, so it holds up the others once.
What is published on a channel is heard at the node that has its slot, on the connection that commits.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import hiredis

from tiers.store.pipeline import RETRY_SECONDS, Command, Heard, Pipeline, Shared, is_moved, unavailable
from tiers.store.slots import Address, Slots, parse_moved, parse_slots
from tiers.store.url import address_of, node_url, one_node
from tiers.wire.errors import Ours

_NO_SCRIPT = "NOSCRIPT"
Placed = tuple[int, Command]
"""A command, and the slot of its keys."""


class _Node:
    """One node: a connection that commits and hears, held for as long as the node has slots; and one that reads."""

    def __init__(self, commits: Pipeline, reads: Shared, keeping: asyncio.Task[None]) -> None:
        self.commits = commits
        self.reads = reads
        self._keeping = keeping

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands; a node that is down has failed already. Raises `Ours`."""
        if self.commits.down:
            raise unavailable()
        return await self.commits.run(commands)

    def stop(self) -> None:
        """Hang up for good."""
        self._keeping.cancel()
        self.commits.close()
        self.reads.close()


class Nodes:
    """The nodes of a cluster, as they are found at the one that a URL names."""

    def __init__(
        self,
        url: str,
        hello: Sequence[Command] = (),
        channels: Mapping[int, str] | None = None,
        heard: Heard = lambda _channel, _said: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        """`channels` are by their slots; the rest is as for a `Pipeline`. See `on_lost`."""
        self._url = url
        self._hello = hello
        self._channels = channels or {}
        self._heard = heard
        self._missed = missed
        self._seed = address_of(one_node(url))
        self._seeding = Shared(Pipeline(one_node(url)))
        self._slots: Slots | None = None
        self._nodes: dict[Address, _Node] = {}
        self._alone = asyncio.Lock()  # one batch under way, or one change of what is subscribed
        self._changed = asyncio.Event()
        self.on_lost: Callable[[Address], None] = lambda _address: None
        """Called with a node that did not answer: others need not find that out for themselves."""

    async def run(self, asked: Sequence[Placed]) -> list[Any]:
        """Run commands; returns their replies in order. What failed has an error in its place; `Ours` for all."""
        async with self._alone:
            if self._slots is None:
                await self._learn()
            replies = await self._spread(asked)
            if again := [place for place, reply in enumerate(replies) if is_moved(reply)]:
                for place, reply in zip(again, await self._spread([asked[place] for place in again]), strict=True):
                    replies[place] = reply
            return replies

    async def ask(self, slot: int, command: Command) -> Any:
        """Run one command that may be run twice; returns its reply. Raises `Ours`."""
        if self._slots is None:
            await self._learn()
        owner = self._owner(slot)
        try:
            return await self._node(owner).reads.ask(command)
        except Ours:
            self._changed.set()
            if self._owner(slot) == owner:
                raise
        return await self._node(self._owner(slot)).reads.ask(command)

    async def listen(self) -> None:
        """Keep the map of slots and what is subscribed up to date, until cancelled."""
        while True:
            self._changed.clear()
            with suppress(Ours):
                await self._learn()
                await self._subscribe()
            if not any(node.commits.missing() for node in self._nodes.values()):
                await self._changed.wait()
            await asyncio.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Hang up for good."""
        self._seeding.close()
        for node in self._nodes.values():
            node.stop()
        self._nodes.clear()
        self._slots = None

    async def _spread(self, asked: Sequence[Placed]) -> list[Any]:
        """Send every node its commands in one write, to all nodes at once."""
        replies: list[Any] = [unavailable()] * len(asked)
        by_node: dict[Address, list[int]] = {}
        for place, (slot, _command) in enumerate(asked):
            with suppress(Ours):
                by_node.setdefault(self._owner(slot), []).append(place)

        async def at(address: Address, places: list[int]) -> None:
            try:
                said = await self._node(address).run([asked[place][1] for place in places])
            except Ours:
                self.on_lost(address)
                return
            for place, reply in zip(places, said, strict=True):
                replies[place] = reply
                if isinstance(reply, hiredis.ReplyError):
                    self._refused(address, reply)

        await asyncio.gather(*(at(address, places) for address, places in by_node.items()))
        if any(isinstance(reply, Exception) for reply in replies):
            self._changed.set()
        return replies

    def _refused(self, address: Address, reply: hiredis.ReplyError) -> None:
        """Note what an error says of the cluster."""
        said = str(reply)
        if self._slots is not None and (moved := parse_moved(said, address)):
            self._slots.move(*moved)
            self._changed.set()
        elif said.startswith(_NO_SCRIPT):
            self._node(address).commits.close()  # a new connection brings the script along

    def _owner(self, slot: int) -> Address:
        owner = self._slots.owner(slot) if self._slots is not None else None
        if owner is None:
            raise unavailable()
        return owner

    def _node(self, address: Address) -> _Node:
        """Return a node; one that is new is connected to and held from now on."""
        if (node := self._nodes.get(address)) is None:
            url = node_url(self._url, address)
            commits = Pipeline(url, self._hello, self._of(address), self._heard, self._connected)
            commits.on_unheard = self._changed.set
            reads = Shared(Pipeline(url), partial(self._refused, address))
            node = self._nodes[address] = _Node(commits, reads, asyncio.create_task(self._keep(commits)))
        return node

    async def _keep(self, commits: Pipeline) -> None:
        while True:
            with suppress(Ours):
                await commits.hold()
            self._changed.set()
            await asyncio.sleep(RETRY_SECONDS)

    def _connected(self) -> None:
        self._changed.set()  # what was refused on the new connection must be sought elsewhere
        self._missed()

    def _of(self, address: Address) -> list[str]:
        """Return the channels that are heard at a node."""
        slots = self._slots
        return [name for slot, name in self._channels.items() if slots is not None and slots.owner(slot) == address]

    async def _learn(self) -> None:
        """Ask every node for the map and take the first answer, for one of them may be frozen; raises `Ours`."""
        asks = {asyncio.create_task(self._map_at(self._seed, self._seeding))} | {
            asyncio.create_task(self._map_at(address, node.reads)) for address, node in self._nodes.items()
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

    async def _map_at(self, address: Address, reads: Shared) -> Slots:
        return parse_slots(await reads.ask(("CLUSTER", "SLOTS")), address)

    async def _subscribe(self) -> None:
        """Hear each channel at the node that has its slot now, and leave the nodes that have none."""
        owners = self._slots.nodes() if self._slots is not None else set()
        async with self._alone:
            for address in [one for one in self._nodes if one not in owners]:
                self._nodes.pop(address).stop()
            for address in owners:
                node = self._node(address)
                node.commits.channels = self._of(address)
                with suppress(Ours):
                    if await node.commits.subscribe():
                        self._missed()
