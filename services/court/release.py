"""The court's half of the keys that a warrant buys, where an escrow takes two. No half leaves in silence.

    -> POST /v1/grants {jti, from, until, nonce}   by an auditor
    <- {grant}                                     a JWE to the auditor, signed by the judge (docs/spec/grant.md)

    check_half -> `grant.released`, logged and witnessed -> check_half again -> the half

The carrier releases the other half on its own; this party has never seen a message and holds nothing of the carrier's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import structlog
from aiohttp import web

from tiers.chassis.outside import Outside
from tiers.chassis.refusals import Refusals, sealed_request
from tiers.chassis.web import Route, body
from tiers.court.escrow import Escrow
from tiers.court.register import Place, Record, status_at
from tiers.court.store import Store
from tiers.wire.api.carrier import Granted
from tiers.wire.errors import Missing, Policy, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import HpkeJwk, SigningKey
from tiers.wire.lawful.grant import seal_release
from tiers.wire.lawful.release import AskGrant, Release, check_release
from tiers.wire.lawful.warrant import NO_LONGER
from tiers.wire.log.leaf import Seal

_log = structlog.get_logger()


def check_half(record: Record | None, ask: AskGrant, agency: str, auditors: Mapping[str, HpkeJwk], now: int) -> Release:
    """Decide on a half that the auditor of `agency` asks for at `now` (ms); raises `Yours` or `Policy`. Pure.

    This court approved the warrant, it stands, and what carrier and court check alike (`check_release`).
    """
    if record is None or record.approved is None:
        raise Missing("grant.no_warrant", "Have the warrant approved by this court first.")
    if (status := status_at(record, now)) in NO_LONGER and agency == record.claims.agency:
        raise Policy(*NO_LONGER[status])
    return check_release(ask, record.claims, agency, auditors, record.approved, now)


@dataclass(frozen=True, slots=True)
class Releases:
    place: Place
    key: SigningKey
    store: Store
    outside: Outside
    escrow: Escrow
    refusals: Refusals

    def routes(self) -> list[Route]:
        return [Route("POST", "/v1/grants", {Role.AUDITOR}, self._grant, "ask for the court's half of elapsed minutes")]

    async def _grant(self, caller: Identity, request: web.Request) -> Granted:
        ask = await body(request, AskGrant)
        async with self.refusals.logged("grant.refused", caller.name, self._seal(ask)):
            return await self._release(ask, caller.name)

    async def _release(self, ask: AskGrant, agency: str) -> Granted:
        order = self._check(ask, agency)
        self.store.take_nonce(ask.jti, ask.nonce)
        try:
            logged = await self.outside.ledger.append(order.leaf(self.place.author, self.outside.clock()))
        except TiersError:
            self.store.return_nonce(ask.jti, ask.nonce)
            raise
        order = self._check(ask, agency)  # again: the judge may have spoken while the log was written
        nodes = self.escrow.half(order.claims.sub, order.start, order.end)
        _log.info("grant.released", jti=ask.jti, leaf=logged.index)
        return Granted(msgspec.Raw(seal_release(order, logged, nodes, str(self.place.judge), self.key)))

    def _check(self, ask: AskGrant, agency: str) -> Release:
        return check_half(self._known(ask.jti), ask, agency, self.outside.trust().auditors, self.outside.clock())

    def _known(self, jti: str) -> Record | None:
        try:
            return self.store.get(jti)
        except Missing:
            return None

    def _seal(self, ask: AskGrant) -> Seal:
        """Seal with the warrant, if it is known here; else with the request."""
        record = self._known(ask.jti)
        return record.seal if record else sealed_request(msgspec.json.encode(ask))
