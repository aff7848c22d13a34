"""The event log of the glass box: append-only, in the lab's memory, and gone with it.

    append -> n, at, event      since(n) -> what came after      grown() waits for more

An entry is JSON, `{"n": 0, "at": <classroom ms>, "by": <actor>, "event": {"type": …}}`. `run` names this log, so that a
page that comes back after a restart does not take a new log for the old one.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import msgspec

from tiers.lab.page.events import Event


class Feed:
    """One log. Its `clock` (ms) is that of the world that is being watched."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.run = secrets.token_hex(4)
        self.clock = clock
        self._entries: list[str] = []
        self._more = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, event: Event) -> int:
        """Write an event down; returns its number, from 0."""
        n = len(self._entries)
        entry = {"n": n, "at": self.clock(), "by": event.actor, "event": event}
        self._entries.append(msgspec.json.encode(entry).decode())
        self._more.set()
        self._more = asyncio.Event()
        return n

    def since(self, n: int) -> Sequence[str]:
        """Return the entries from number `n` on."""
        return self._entries[n:]

    async def grown(self, n: int) -> None:
        """Return once the log is longer than `n`."""
        while len(self._entries) <= n:
            await self._more.wait()

    def place(self, have: str) -> int:
        """Return where a reader goes on that has had `<run>:<n>`; 0 for one of another log, or of none."""
        run, _, n = have.partition(":")
        known = run == self.run and n.isascii() and n.isdecimal() and len(n) < 10  # noqa: PLR2004 - digits
        return min(int(n) + 1, len(self._entries)) if known else 0
