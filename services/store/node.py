"""One node of a store: a connection that commits and hears, and two on which many ask."""

import asyncio
from collections.abc import Sequence
from typing import Any

from tiers.store.connection import Command, Connection, unavailable
from tiers.wire.errors import Ours

_SHARED = 64


class Shared:
    """A connection for many askers: what is asked while a batch is under way is the next batch. All may run twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: list[tuple[Command, asyncio.Future[Any]]] = []
        self._working: asyncio.Task[None] | None = None

    def ask(self, command: Command) -> "asyncio.Future[Any]":
        """Run one command that may run twice: wait for its reply, an error as `hiredis.ReplyError`, or for `Ours`."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((command, answer))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return answer

    @property
    def down(self) -> bool:
        return self._connection.down

    def close(self) -> None:
        self._connection.close()

    async def close_for_good(self) -> None:
        """Hang up, also what is connected while we do."""
        self.close()
        if self._working is not None:
            await asyncio.gather(self._working, return_exceptions=True)
        self.close()

    async def _work(self) -> None:
        while self._asked:
            batch, self._asked = self._asked[:_SHARED], self._asked[_SHARED:]
            failure: Ours | None = None
            replies: list[Any] = []
            try:
                replies = await self._connection.run([command for command, _answer in batch], again=True)
            except Ours as error:
                failure = error
            for at, (_command, answer) in enumerate(batch):
                if answer.done():
                    continue  # whoever asked has gone
                if failure is not None:
                    answer.set_exception(Ours(failure.code, failure.detail))
                else:
                    answer.set_result(replies[at])


class Node:
    """One node: a connection that commits and hears, held for as long as the node has slots; two that are shared."""

    def __init__(self, commits: Connection, reads: Shared, asks: Shared) -> None:
        self.commits = commits
        self.reads = reads
        self.asks = asks
        self.keeping: asyncio.Task[None] | None = None

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands; a node that is down has failed already. Raises `Ours`."""
        if self.commits.down:
            raise unavailable()
        return await self.commits.run(commands)

    def lost(self) -> None:
        """Ask nothing more until it has been reached again."""
        self.commits.down = True
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection; each is made anew when it is needed."""
        for one in (self.commits, self.reads, self.asks):
            one.close()
