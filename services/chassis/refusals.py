"""What a party refuses stands in the public log, at a bounded rate, whoever asks how often.

    noted -> a leaf at once, so many of a kind a minute -> counted -> one leaf a minute with their count

Refused it is either way. What the log does not take now is counted too, and logged with its count as soon as it does.
"""

import os
import re
from collections import Counter as Tally
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Literal, NamedTuple

import structlog
from aiohttp import web
from prometheus_client import Counter, Gauge

from tiers.chassis import background
from tiers.chassis.logs import seldom
from tiers.chassis.outside import Outside
from tiers.chassis.web import Knocked
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity
from tiers.wire.log.leaf import SALT_BYTES, Seal

_log = structlog.get_logger()
Kind = Literal["warrant.refused", "task.refused", "grant.refused"]
MINUTE_MS = 60_000
KNOCKS, REFUSALS = 1, 30
"""Leaves a minute: for who asks in a wrong role, and for requests of the right one."""
LOOK_SECONDS = 1.0
_NOBODYS = "refused"
"""The `jti` in the seal of a request that is about no known warrant."""
_AGENCY = re.compile(r"[a-z][a-z0-9-]{0,31}")


class _Key(NamedTuple):
    """What is counted together: the type of leaf, for whom, why; of a knock also at which door."""

    kind: Kind
    agency: str
    code: str
    door: str = ""


class Refusals:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._clock = outside.clock
        self._minute = 0
        self._logged = Tally[_Key]()
        self._more = Tally[_Key]()
        metrics = outside.metrics
        self._count = Counter("tiers_refusals", "Refusals that belong into the log.", ["code"], registry=metrics)
        waiting = Gauge("tiers_refusals_unlogged", "Refusals that still wait for the log.", registry=metrics)
        waiting.set_function(self._more.total)

    async def note(self, kind: Kind, agency: str, seal: Seal, code: str, door: str = "") -> None:
        """Put a refusal on record; raises nothing. Who knocks at a `door` that is not his gets a leaf a minute."""
        key = _Key(kind, agency if _AGENCY.fullmatch(agency) else "unknown", code, door)
        self._count.labels(code).inc()
        self._turn()
        quota = KNOCKS if door else REFUSALS
        if key in self._more or self._logged[key] >= quota or not await self._append(key, seal):
            self._more[key] += 1

    @asynccontextmanager
    async def logged(self, kind: Kind, asker: str, seal: Seal) -> AsyncIterator[None]:
        """Log what is refused inside, then let it out. What failed for a reason of ours was not refused."""
        try:
            yield
        except Ours:
            raise
        except TiersError as error:
            await self.note(kind, asker, seal, error.code)
            raise

    def knock(self, kind: Kind) -> Knocked:
        """Return what logs that somebody asked in a wrong role: of the request only its path has been read."""

        async def knocked(caller: Identity, request: web.Request, error: TiersError) -> None:
            seldom("party.knocked", caller=str(caller), path=request.path)
            resource = request.match_info.route.resource
            door = f"{request.method} {resource.canonical if resource else ''}"
            await self.note(kind, caller.name, sealed_request(request.raw_path.encode()), error.code, door)

        return knocked

    async def tell(self) -> None:
        """Log what was counted in minutes that are over."""
        self._turn()
        for key in [key for key in self._more if not self._logged[key]]:
            count = self._more[key]
            if await self._append(key, sealed_request(b""), count):
                self._more[key] -= count
                self._more += Tally[_Key]()  # what is at nothing goes

    async def keep_telling(self, _app: web.Application) -> AsyncIterator[None]:
        """Tell for as long as the application runs, and at its end (an aiohttp clean-up context)."""
        task = background.start(background.every(LOOK_SECONDS, self.tell))
        yield
        await background.stop(task)
        self._minute = -1
        await self.tell()

    def _turn(self) -> None:
        minute = self._clock() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._logged = minute, Tally()

    async def _append(self, key: _Key, seal: Seal, count: int | None = None) -> bool:
        self._logged[key] += 1
        author, now = self._outside.author, self._clock()
        leaf = author.leaf(key.kind, now, key.agency, seal.commit(), detail=key.code, count=count)
        try:
            await self._outside.ledger.append(leaf)
        except TiersError as error:
            _log.warning("refusal.unlogged", type=key.kind, detail=key.code, code=error.code)
            return False
        if seal.jti == _NOBODYS:
            _log.info("refusal.sealed", commitment=leaf.commitment, salt=b64u(seal.salt), digest=b64u(seal.digest))
        return True


def sealed_request(raw: bytes) -> Seal:
    """Seal a request that nobody vouches for: whoever has it and this party's log can show which leaf is about it."""
    return Seal(os.urandom(SALT_BYTES), _NOBODYS, sha256(raw).digest())
