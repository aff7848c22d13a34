"""A batch at a time: what arrives while one is under way is the next. It knows nothing of what it carries.

The store's client has a batcher of its own (tiers.store.node.Shared): there each asker waits for a reply and the work
ends when nobody asks; a lane runs as long as the relay, and what is in it can be counted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

_log = structlog.get_logger()
T = TypeVar("T")


class Lane(Generic[T]):
    """Works on one batch at a time, and on whatever arrived meanwhile next. A batch that fails ends no lane."""

    def __init__(
        self, work: Callable[[list[T]], Awaitable[None]], failed: Callable[[list[T]], None], biggest: int
    ) -> None:
        self._work = work
        self._failed = failed
        self._biggest = biggest
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting: list[T] = []
        self.under_way: list[T] = []

    def put(self, item: T) -> None:
        if not self.waiting:
            self._wake.set()
        self.waiting.append(item)

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._idle.clear()
            while self.waiting:
                self.under_way, self.waiting = self.waiting[: self._biggest], self.waiting[self._biggest :]
                try:
                    await self._work(self.under_way)
                except Exception:  # noqa: BLE001 - logged: a batch that fails ends no lane
                    _log.exception("lane.failed", size=len(self.under_way))
                    self._failed(self.under_way)
                self.under_way = []
            self._wake.clear()
            self._idle.set()

    async def idle(self) -> None:
        while self.waiting or self.under_way:
            await self._idle.wait()
            await asyncio.sleep(0)
