"""A client for a cluster: redis-py's own for one node, once for each node, and each command goes where its key lies.

Not redis-py's RedisCluster: while one node is down, what is asked at the same time of others fails with it. A node that
has not answered is asked nothing more until it answers a ping, so that nobody waits for it twice.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tiers.store.slots import Address, Slots, parse_slots, slot_of
from tiers.store.url import address_of
from tiers.wire.errors import Ours

_SCRIPT_KEY = 3
_RELEARN_SECONDS = 1.0
_PING_SECONDS = 0.2
_NO_KEY = frozenset({"PING", "INFO"})
T = TypeVar("T")
Asked = tuple[tuple[Any, ...], Mapping[str, Any]]


class Cluster(Redis):
    """A client whose commands name one key, or several of one hash tag, or none. It knows no transaction."""

    def __init__(self, seed: str, make: Callable[[Address], Redis]) -> None:
        """Begin with the node that the URL `seed` names; `make` returns a client for one node."""
        self._make = make
        self._nodes: dict[Address, Redis] = {}
        self._slots: Slots | None = None
        self._learned = 0.0
        self._learning = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._down: set[Address] = set()
        self._seed = address_of(seed)
        super().__init__(connection_pool=self.node(self._seed).connection_pool)

    def node(self, address: Address) -> Redis:
        """Return the client of one node."""
        if address not in self._nodes:
            self._nodes[address] = self._make(address)
        return self._nodes[address]

    async def addresses(self) -> set[Address]:
        """Return the addresses of all nodes that have slots; raises `RedisError`."""
        return (await self._map()).nodes()

    async def owner(self, args: tuple[Any, ...]) -> Address:
        """Return where a command with a key goes; raises `RedisError` if nobody has its slot."""
        if found := (await self._map()).owner(_slot(args)):
            return found
        self.lost()
        raise RedisConnectionError("no node has this slot now")

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask the node that has the key; once more where a slot has moved. Without a key, any node will do."""
        if args[0] in _NO_KEY:
            return await self._ask_any(args, options)
        try:
            return await self._ask(args, options)
        except MovedError as error:
            self.moved(error)
        return await self._ask(args, options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: ARG002, FBT001, FBT002 - redis-py's signature
        """Return commands to be sent together: those for one node in one write."""
        return _Spread(self)

    def moved(self, error: MovedError) -> None:
        """Note where a slot has moved."""
        if self._slots is not None:
            self._slots.move(error.slot_id, Address(error.host or self._seed.host, error.port))

    def check(self, node: Address) -> None:
        """Return if a node may be asked; raises `RedisError`."""
        if node in self._down:
            raise RedisConnectionError("this node does not answer now")

    def lost(self, node: Address | None = None) -> None:
        """Ask anew who has which slot: a node did not answer, and another may have taken its place."""
        if node is not None and node not in self._down:
            self._down.add(node)
            self._hold(asyncio.create_task(self._until_back(node)))
        if time.monotonic() - self._learned > _RELEARN_SECONDS:
            self._slots = None

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002, FBT001 - redis-py's signature
        """Hang up at every node."""
        self._down.clear()
        for task in self._under_way:
            task.cancel()
        for one in self._nodes.values():
            await one.aclose()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _ask_any(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        return await self._first(self._ask_at(address, *args, **options) for address in await self.addresses())

    async def _ask_at(self, address: Address, *args: Any, **options: Any) -> Any:
        self.check(address)
        try:
            return await self.node(address).execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's
        except (RedisConnectionError, RedisTimeoutError, OSError):
            self.lost(address)
            raise

    async def _until_back(self, address: Address) -> None:
        while address in self._down:
            with suppress(RedisError, OSError):
                await self.node(address).ping()
                self._down.discard(address)
                return
            await asyncio.sleep(_PING_SECONDS)

    async def _ask(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        return await self._ask_at(await self.owner(args), *args, **options)

    async def _map(self) -> Slots:
        async with self._learning:
            if self._slots is None:
                self._slots = await self._learn()
                self._learned = time.monotonic()
            return self._slots

    async def _learn(self) -> Slots:
        return await self._first(self._slots_at(address) for address in {self._seed, *self._nodes})

    async def _first(self, asks: Iterable[Coroutine[Any, Any, T]]) -> T:
        """Ask all at once and take the first answer, for one of them may be frozen; raises `RedisError` without any."""
        tasks = [asyncio.create_task(ask) for ask in asks]
        for task in tasks:
            self._hold(task)
        try:
            for first in asyncio.as_completed(tasks):
                with suppress(RedisError, OSError, Ours):
                    return await first
        finally:
            for task in tasks:
                task.cancel()  # not waited for: redis-py may swallow it (before Python 3.12)
        raise RedisConnectionError("no node of the cluster answers")

    def _hold(self, task: asyncio.Task[Any]) -> None:
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told that it was not

    async def _slots_at(self, address: Address) -> Slots:
        return parse_slots(await self._ask_at(address, "CLUSTER", "SLOTS"), address)


class _Spread(Pipeline):
    """Commands of several nodes: every node gets its own in one write."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction=False, shard_hint=None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's signature
        """Return the answers in order; an error stands in its place, or is raised."""
        stack: list[Asked] = [(tuple(args), options) for args, options in self.command_stack]
        self.command_stack = []
        by_node: dict[Address, list[int]] = {}
        for number, (args, _options) in enumerate(stack):
            by_node.setdefault(await self._cluster.owner(args), []).append(number)
        answers: list[Any] = [None] * len(stack)
        await asyncio.gather(*(self._at(node, numbers, stack, answers) for node, numbers in by_node.items()))
        for answer in answers:
            if raise_on_error and isinstance(answer, Exception):
                raise answer
        return answers

    async def _at(self, node: Address, numbers: Iterable[int], stack: list[Asked], answers: list[Any]) -> None:
        """Put the answers of one node in their places; a command of a slot that has moved is sent again by itself."""
        places = list(numbers)
        async with self._cluster.node(node).pipeline(transaction=False) as pipe:
            for place in places:
                args, options = stack[place]
                pipe.execute_command(*args, **options)
            try:
                self._cluster.check(node)
                found = await pipe.execute(raise_on_error=False)
            except (RedisError, OSError) as error:
                self._cluster.lost(node)
                found = [error] * len(places)
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer
            if isinstance(answer, MovedError):
                args, options = stack[place]
                self._cluster.moved(answer)
                try:
                    answers[place] = await self._cluster.execute_command(*args, **options)
                except (RedisError, OSError) as error:
                    answers[place] = error


def _slot(args: tuple[Any, ...]) -> int:
    """Return the slot of a command: that of its first key, or of its channel."""
    return slot_of(args[_SCRIPT_KEY if args[0] == "EVAL" else 1])
