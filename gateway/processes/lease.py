"""Which process of a relay speaks to the mediation: one at a time holds a lease in the store.

A lease and not a lock: a process that dies is followed within LEASE_MS. One that stood still may think for a moment
longer that it holds it; then two send the same copies under the same numbers, and the mediation keeps one of them.
"""

import asyncio
import secrets
import time
from contextlib import suppress

from tiers.chassis.background import every
from tiers.store.client import Store
from tiers.wire.errors import Ours

KEY = "gateway:{li}:lease"
LEASE_MS = 2000
RENEW_SECONDS = 0.5

_HOLD = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._process = secrets.token_hex(8)
        self._until = 0.0
        self._taken = asyncio.Event()

    @property
    def held(self) -> bool:
        return time.monotonic() < self._until

    async def wait(self) -> None:
        while not self.held:
            self._taken.clear()
            await self._taken.wait()

    async def keep(self) -> None:
        """Take the lease when it is free and renew it, until cancelled; then leave it to another."""
        try:
            await every(RENEW_SECONDS, self.renew)
        finally:
            self._until = 0.0
            with suppress(Ours):
                await self._store.ask("EVAL", _LEAVE, 1, KEY, self._process)

    async def renew(self) -> None:
        """Take the lease or renew it, if nobody else has it; raises `Ours`."""
        asked = time.monotonic()
        if await self._store.ask("EVAL", _HOLD, 1, KEY, self._process, LEASE_MS):
            self._until = asked + LEASE_MS / 1000
            self._taken.set()
