"""Releases: grants of keys and the product, to the agency that a warrant names. No key leaves in silence.

    GrantOrder (lawful.check_grant) -> LoggedLeaf `grant.released`, witnessed -> the grant, a JWE to the auditor

It is the one file that hands out keys of elapsed minutes.
"""

import msgspec
import structlog

from tiers.carrier import lawful
from tiers.carrier.keystore import Keystore
from tiers.carrier.lawful import GrantOrder
from tiers.carrier.outside import Outside
from tiers.carrier.register import Register
from tiers.wire.api.carrier import AskGrant, Granted, NodeJson
from tiers.wire.errors import Conflict, TiersError, Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful import grant as grants
from tiers.wire.lawful.evidence import evidence
from tiers.wire.log.checkpoint import LoggedLeaf

_log = structlog.get_logger()


def seal_release(
    order: GrantOrder, logged: LoggedLeaf, nodes: list[NodeJson], carrier: Identity, key: SigningKey
) -> bytes:
    """Seal the grant of an order whose release stands in the log: cover and evidence; raises `Yours`."""
    if logged.leaf.type != "grant.released" or logged.leaf.commitment != order.auth.seal.commit():
        raise Yours("grant.unlogged", "Log the release of this very grant first.")
    claims, shown = order.auth.claims, evidence(logged.proof, order.auth.seal)
    payload = grants.Payload(claims.jti, claims.sub, order.start, order.end, tuple(nodes), shown)
    return grants.seal_grant(payload, key, str(carrier), order.kid, order.to)


class Releases:
    """Answers an auditor."""

    def __init__(
        self, party: Identity, register: Register, outside: Outside, keys: Keystore, signer: SigningKey
    ) -> None:
        self._party = party
        self._register = register
        self._ledger = outside.ledger
        self._trust = outside.trust
        self._clock = outside.clock
        self._keys = keys
        self._signer = signer
        self._last = 0

    async def grant(self, ask: AskGrant, agency: str) -> Granted:
        """Release a grant to the auditor of `agency`; raises what refuses it, or `Ours` while it cannot be logged."""
        order = self._check(ask, agency)
        if not await self._register.take_nonce(ask.jti, ask.nonce):  # 8 of lawful.check_grant
            raise Conflict("grant.replayed", "Draw a new nonce for each request.")
        try:
            logged = await self._ledger.append(lawful.fact(order.auth, "grant.released", self._date()))
        except TiersError:
            await self._register.return_nonce(ask.jti, ask.nonce)
            raise
        order = self._check(ask, agency)  # again: the court may have spoken while the log was written
        claims = order.auth.claims
        nodes = [NodeJson.of(node) for node in self._keys.cover(claims.sub, order.start, order.end)]
        sealed = seal_release(order, logged, nodes, self._party, self._signer)
        _log.info("grant.released", jti=claims.jti, nodes=len(nodes), leaf=logged.index)
        return Granted(msgspec.Raw(sealed))

    def liid(self, jti: str, agency: str) -> str:
        """Return under which LIID the product of a warrant lies, for its agency; raises what refuses it."""
        return lawful.check_product(self._register.get(jti), agency, self._clock()).claims.liid

    def _date(self) -> int:
        """Date each release apart, so that no two grants of one millisecond share a leaf."""
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def _check(self, ask: AskGrant, agency: str) -> GrantOrder:
        return lawful.check_grant(self._register.get(ask.jti), ask, agency, self._trust().auditors, self._clock())
