"""Releases: grants of keys and the product, to the agency that a warrant names. No key leaves in silence.

    Release (lawful.check_grant) -> LoggedLeaf `grant.released`, witnessed -> the grant, a JWE to the auditor

It is the one file that hands out keys of elapsed minutes.
"""

import msgspec
import structlog

from tiers.carrier import lawful
from tiers.carrier.keystore import Keystore
from tiers.carrier.register import Register
from tiers.chassis.outside import Outside
from tiers.wire.api.carrier import Granted
from tiers.wire.errors import Conflict, TiersError
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.grant import seal_release
from tiers.wire.lawful.release import AskGrant, Release

_log = structlog.get_logger()


class Releases:
    def __init__(self, register: Register, outside: Outside, keys: Keystore, signer: SigningKey) -> None:
        self._register = register
        self._outside = outside
        self._keys = keys
        self._signer = signer

    async def grant(self, ask: AskGrant, agency: str) -> Granted:
        """Release a grant to the auditor of `agency`; raises what refuses it, or `Ours` while it cannot be logged."""
        order = self._check(ask, agency)
        if not await self._register.take_nonce(ask.jti, ask.nonce):
            raise Conflict("grant.replayed", "Draw a new nonce for each request.")
        try:
            logged = await self._outside.ledger.append(order.leaf(self._outside.author, self._outside.clock()))
        except TiersError:
            await self._register.return_nonce(ask.jti, ask.nonce)
            raise
        order = self._check(ask, agency)  # again: the court may have spoken while the log was written
        nodes = self._keys.cover(order.claims.sub, order.start, order.end)
        _log.info("grant.released", jti=ask.jti, nodes=len(nodes), leaf=logged.index)
        return Granted(msgspec.Raw(seal_release(order, logged, nodes, str(self._outside.author.party), self._signer)))

    def _check(self, ask: AskGrant, agency: str) -> Release:
        return lawful.check_grant(
            self._register.get(ask.jti), ask, agency, self._outside.trust().auditors, self._outside.clock()
        )
