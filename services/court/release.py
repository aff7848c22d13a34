"""The court's half of the keys that a warrant buys, where an escrow takes two. No half leaves in silence.

    -> POST /v1/grants {jti, from, until, nonce}   by an auditor
    <- {grant}                                     a JWE to the auditor, signed by the judge (docs/spec/grant.md)

    check_half -> `grant.released`, logged and witnessed -> check_half again -> the half

The carrier releases the other half on its own; this party has never seen a message and holds nothing of the carrier's.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import structlog
from aiohttp import web

from tiers.chassis.web import Route, body
from tiers.court.app import Outside
from tiers.court.escrow import Escrow
from tiers.court.register import Place, Record, leaf_for, refusal_for, status_at
from tiers.court.store import Store
from tiers.wire.api.carrier import AskGrant, Granted, NodeJson
from tiers.wire.errors import Forbidden, Missing, Ours, Policy, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import HpkeJwk, SigningKey
from tiers.wire.lawful.evidence import evidence
from tiers.wire.lawful.grant import Payload, granted_epochs, seal_grant
from tiers.wire.lawful.warrant import Status, check_in_force
from tiers.wire.log.checkpoint import LoggedLeaf
from tiers.wire.log.leaf import SALT_BYTES, Leaf, Seal
from tiers.wire.message.sealing import HpkePublicKey

_log = structlog.get_logger()
_SHUT: Mapping[Status, tuple[str, str]] = {
    Status.SUSPENDED: ("warrant.suspended", "Wait until the court has resumed this warrant."),
    Status.CANCELLED: ("warrant.cancelled", "Apply for a new warrant: the court has cancelled this one."),
    Status.EXPIRED: ("warrant.expired", "Apply for a new warrant: this one has expired."),
}


@dataclass(frozen=True, slots=True)
class HalfOrder:
    """A half that may be released once that is logged: made by `check_half` only. Epochs [start, end)."""

    record: Record
    start: int
    end: int
    kid: str
    to: HpkePublicKey


def check_half(
    record: Record | None, ask: AskGrant, agency: str, auditors: Mapping[str, HpkeJwk], now: int
) -> HalfOrder:
    """Decide on a half that the auditor of `agency` asks for at `now` (ms); raises `Yours` or `Policy`. Pure.

    1. This court approved the warrant, and it stands. 2. For this agency, whose key is pinned. 3. In force now. 4. The
    minutes are what the warrant buys (`granted_epochs`).
    """
    if record is None or record.approved_leaf is None:  # 1
        raise Missing("grant.no_warrant", "Have the warrant approved by this court first.")
    if record.claims.agency != agency:  # 2
        raise Forbidden("grant.agency", "Leave it to the agency that the warrant names.")
    kid = f"{Role.AUDITOR}/{agency}/1"
    if kid not in auditors:
        raise Policy("grant.key", f"Have the court pin the key {kid} first.")
    status = status_at(record, now)  # 3
    if status in _SHUT:
        raise Policy(*_SHUT[status])
    check_in_force(record.claims, now)
    start, end = granted_epochs(ask, record.claims, now)  # 4
    return HalfOrder(record, start, end, kid, HpkePublicKey.from_jwk(auditors[kid]))


@dataclass(slots=True)
class Releases:
    """Answers an auditor. `key` is the judge's; `log_refusal` puts a no on record; `last` dates the last release."""

    place: Place
    key: SigningKey
    store: Store
    outside: Outside
    escrow: Escrow
    log_refusal: Callable[[Leaf], Awaitable[None]]
    last: int = 0

    def routes(self) -> list[Route]:
        """Return the one more row of the request table."""
        return [Route("POST", "/v1/grants", {Role.AUDITOR}, self._grant, "ask for the court's half of elapsed minutes")]

    async def _grant(self, caller: Identity, request: web.Request) -> Granted:
        ask = await body(request, AskGrant)
        try:
            return await self._release(ask, caller.name)
        except Ours:
            raise
        except TiersError as error:
            refusal = refusal_for(self._seal(ask), error.code, caller.name, self.place, self.outside.clock())
            await self.log_refusal(msgspec.structs.replace(refusal, type="grant.refused"))
            raise

    async def _release(self, ask: AskGrant, agency: str) -> Granted:
        order = self._check(ask, agency)
        self.store.take_nonce(ask.jti, ask.nonce)
        leaf = leaf_for(order.record, "grant.released", self.place, self._date())
        try:
            logged = await self.outside.ledger.append(leaf)
        except TiersError:
            self.store.return_nonce(ask.jti, ask.nonce)
            raise
        order = self._check(ask, agency)  # again: the judge may have spoken while the log was written
        _log.info("grant.released", jti=ask.jti, leaf=logged.index)
        return Granted(msgspec.Raw(self._sealed(order, logged)))

    def _sealed(self, order: HalfOrder, logged: LoggedLeaf) -> bytes:
        claims = order.record.claims
        nodes = tuple(NodeJson.of(node) for node in self.escrow.half(claims.sub, order.start, order.end))
        shown = evidence(logged.proof, order.record.seal)
        payload = Payload(claims.jti, claims.sub, order.start, order.end, nodes, shown)
        return seal_grant(payload, self.key, str(self.place.judge), order.kid, order.to)

    def _check(self, ask: AskGrant, agency: str) -> HalfOrder:
        auditors = self.outside.trust().auditors
        return check_half(self._known(ask.jti), ask, agency, auditors, self.outside.clock())

    def _known(self, jti: str) -> Record | None:
        try:
            return self.store.get(jti)
        except Missing:
            return None

    def _seal(self, ask: AskGrant) -> Seal:
        """Seal with the warrant, if it is known here; else with the request."""
        record = self._known(ask.jti)
        if record is not None:
            return record.seal
        return Seal(os.urandom(SALT_BYTES), "refused", sha256(msgspec.json.encode(ask)).digest())

    def _date(self) -> int:
        """Date each release apart, so that no two of one millisecond share a leaf."""
        self.last = max(self.outside.clock(), self.last + 1)
        return self.last
