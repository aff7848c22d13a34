"""What was refused is logged too: every no to a warrant or a grant leaves a leaf in the public log."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Literal

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from tiers.carrier.lawful import JURISDICTION
from tiers.carrier.outside import Outside
from tiers.carrier.register import Register
from tiers.chassis.web import Knocked
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity
from tiers.wire.log.leaf import MAX_JTI, Leaf, Seal

_log = structlog.get_logger()
_AGENCY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_CODE = re.compile(r"[a-z_]{1,24}\.[a-z_]{1,39}")

Kind = Literal["warrant.refused", "grant.refused"]


class Refusals:
    """Logs refusals. They are refused whether the log takes them or not; one that it does not is counted."""

    def __init__(self, party: Identity, register: Register, outside: Outside, metrics: CollectorRegistry) -> None:
        self._party = party
        self._register = register
        self._ledger = outside.ledger
        self._clock = outside.clock
        self._count = Counter("tiers_carrier_refusals", "Refusals of LI requests.", ["code"], registry=metrics)
        self._unlogged = Counter("tiers_carrier_refusals_unlogged", "Refusals that no log took.", registry=metrics)

    @asynccontextmanager
    async def logged(self, kind: Kind, asker: Identity, jti: str, asked: bytes) -> AsyncIterator[None]:
        """Log what is refused inside, then let it out: a request `asked`, about the warrant `jti`."""
        try:
            yield
        except Ours:
            raise
        except TiersError as error:
            await self._note(kind, asker, self._seal(jti, asked), error.code)
            raise

    def knock(self, kind: Kind) -> Knocked:
        """Return what logs that somebody asked in a wrong role: of the request only its path has been read."""

        async def knocked(caller: Identity, request: web.Request, error: TiersError) -> None:
            seal = self._seal(request.match_info.get("jti", "unknown"), request.path_qs.encode())
            await self._note(kind, caller, seal, error.code)

        return knocked

    async def _note(self, kind: Kind, asker: Identity, seal: Seal, code: str) -> None:
        self._count.labels(code).inc()
        await self._append(self._leaf(kind, asker, seal, code))

    def _seal(self, jti: str, asked: bytes) -> Seal:
        """Seal with the warrant, if it is known here; else with the request."""
        if auth := self._register.get(jti):
            return auth.seal
        digest = sha256(asked).digest()
        visible = jti.isascii() and jti.isprintable() and " " not in jti and 0 < len(jti) <= MAX_JTI
        return Seal(self._register.salt(digest), jti if visible else "unknown", digest)

    def _leaf(self, kind: Kind, asker: Identity, seal: Seal, code: str) -> Leaf:
        return Leaf(
            type=kind,
            ts=self._clock(),
            jurisdiction=JURISDICTION,
            agency=asker.name if _AGENCY.fullmatch(asker.name) else "unknown",
            party=self._party.uri,
            commitment=seal.commit(),
            detail=code if _CODE.fullmatch(code) else "party.refused",
        )

    async def _append(self, leaf: Leaf) -> None:
        try:
            await self._ledger.append(leaf)
        except TiersError as error:
            self._unlogged.inc()
            _log.warning("refusal.unlogged", type=leaf.type, detail=leaf.detail, code=error.code)
