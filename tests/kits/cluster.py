"""A real cluster of three nodes for tests that have event loops of their own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from tiers.lab.world import cluster
from tiers.lab.world.processes import stop
from tiers.store.slots import Address, slot_of
from tiers.wire.identity import Role


class Grid:
    """The cluster. It lives in a loop and a thread of its own, which outlast a test's."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.store = self.do(cluster.started(folder, folder / "log"))

    @property
    def url(self) -> str:
        return self.store.urls[Role.GATEWAY]

    @property
    def nodes(self) -> list[Address]:
        return [Address("127.0.0.1", int(url.rpartition(":")[2])) for url in self.store.steered]

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def owner(self, key: str) -> int:
        """Return the number of the node that has a key."""
        with Redis.from_url(self.store.steered[0]) as node:
            for first, last, (_host, port, *_), *_ in node.execute_command("CLUSTER SLOTS"):
                if first <= slot_of(key) <= last:
                    return [one.port for one in self.nodes].index(port)
        raise AssertionError(key)

    def move(self, key: str) -> None:
        """Have the slot of a key handed to the next node."""
        slot, source = slot_of(key), self.owner(key)
        self.do(cluster.moved(self.store, slot, slot, source, (source + 1) % 3))

    def empty(self) -> None:
        for url in self.store.steered:
            with Redis.from_url(url) as node:
                node.flushall()

    def stop(self) -> None:
        for child in self.store.children:
            self.do(stop(child))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def grid(folder: Path) -> Iterator[Grid]:
    made = Grid(folder)
    yield made
    made.stop()
