"""LI administration: warrants in, tasks at the relay out. Log first, act second.

What is decided stands in `lawful`; this file does it, in the order that the types ask for:

    VerifiedWarrant -> Authorisation on disk -> LoggedLeaf -> LoggedWarrant -> task at the relay

It never waits for the ledger while it holds a warrant's lock: a suspension reaches the relay whatever the ledger does.
"""

from contextlib import suppress
from uuid import uuid4

import structlog

from tiers.carrier import lawful
from tiers.carrier.lawful import Activate, Authorisation, Deactivate
from tiers.carrier.register import Register
from tiers.chassis.background import every
from tiers.chassis.client import Peer
from tiers.chassis.outside import Outside
from tiers.wire.api.carrier import Served
from tiers.wire.api.gateway import Done, EndTask
from tiers.wire.errors import Missing, Ours, TiersError, Yours
from tiers.wire.keys.jose import GeneralJws
from tiers.wire.lawful.evidence import LoggedWarrant, verify_logged_warrant
from tiers.wire.lawful.warrant import Claims, VerifiedWarrant, verify_status, verify_warrant, verify_word
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Leaf

_log = structlog.get_logger()
SWEEP_SECONDS = 1.0


class Administration:
    """Serves warrants, heeds the court and the clock."""

    def __init__(self, register: Register, outside: Outside, gateway: Peer) -> None:
        self._outside = outside
        self._register = register
        self._gateway = gateway

    async def serve(self, jws: GeneralJws) -> Served:
        """Carry out a warrant: it is logged, then the task stands, when this returns.

        Raises what refuses it, or `Ours`: then what is half done is finished by a retry, or by `sweep`.
        """
        warrant = self._verify(jws)
        claims = warrant.claims
        async with self._register.lock(claims.jti):
            await self._take_on(warrant)
        await self.settle(claims.jti)
        shown = self._shown(claims.jti)
        _log.info("warrant.served", jti=claims.jti, leaf=shown.index)
        return Served(claims.jti, claims.liid, shown.index)

    async def heed(self, jti: str, token: str) -> Done:
        """Let a court's statement take effect at the relay; raises `Yours`, or `Ours` if the relay is out of reach."""
        said = verify_status(token, self._outside.trust().judges)
        if said.jti != jti:
            raise Yours("warrant.statement", "Send the statement to the warrant that it is about.")
        async with self._register.lock(jti):
            known = self._register.get(jti)
            if known is None:
                await self._register.keep_word(lawful.Word(said, token))
                return Done()
            await self._register.save(lawful.heed(known, self._word(token, known.jws, known.claims)))
        _log.info("warrant.status", jti=jti, status=said.status)
        await self._settle_relay(jti)
        return Done()

    async def sweep(self) -> None:
        """Do once what the clock, or an earlier failure, has left to do. A failure of one warrant stops no other."""
        for settle in (self._settle_relay, self.settle):  # no relay waits for the log of another warrant
            for jti in self._register.unfinished():
                try:
                    await settle(jti)
                except TiersError as error:
                    _log.warning("warrant.waiting", jti=jti, code=error.code)

    async def run(self) -> None:
        await every(SWEEP_SECONDS, self.sweep)

    async def settle(self, jti: str) -> None:
        """Do everything that is to be done about a warrant: the relay first, then the log. Raises `TiersError`."""
        while True:
            auth = await self._settle_relay(jti)
            if not auth.outbox:
                return
            await self._log_fact(jti, auth.outbox[0])

    async def _take_on(self, warrant: VerifiedWarrant) -> None:
        jti, now = warrant.claims.jti, self._outside.clock()
        auth = lawful.check_new(self._register.get(jti), warrant)
        if auth is None:
            kept = await self._register.word(jti)
            word = kept and self._word(kept.token, warrant.jws, warrant.claims)
            auth = lawful.authorise(self._outside.author, warrant, word, now)
        await self._register.save(auth)

    async def _settle_relay(self, jti: str) -> Authorisation:
        async with self._register.lock(jti):
            while True:
                auth, now = self._known(jti), self._outside.clock()
                step = lawful.next_step(auth, now, str(uuid4()))
                if step is None:
                    return await self._register.save(lawful.advance(auth, self._outside.author, now))
                await (self._activate(auth, step) if isinstance(step, Activate) else self._deactivate(auth, step))

    async def _activate(self, auth: Authorisation, step: Activate) -> None:
        auth = await self._register.save(lawful.tasking(auth, step.xid))
        try:
            order = lawful.activation(self._logged_warrant(auth), auth)
            await self._gateway.ask("PUT", f"/v1/tasks/{step.xid}", Done, order)
        except Ours:
            raise
        except TiersError:
            await self._register.save(lawful.turned_down(auth))
            raise
        await self._register.save(lawful.activated(auth))
        _log.info("task.activated", jti=auth.claims.jti, xid=step.xid)

    async def _deactivate(self, auth: Authorisation, step: Deactivate) -> None:
        with suppress(Missing):
            await self._gateway.ask("DELETE", f"/v1/tasks/{step.xid}", Done, EndTask(auth.word.token))
        await self._register.save(lawful.deactivated(auth))
        _log.info("task.deactivated", jti=auth.claims.jti, xid=step.xid)

    async def _log_fact(self, jti: str, leaf: Leaf) -> None:
        try:
            done = await self._outside.ledger.append(leaf)
        except Ours as error:
            if error.code != "leaf.clock":
                raise
            await self._register.change(jti, lambda auth: lawful.dated(auth, leaf, self._outside.clock()))
        else:
            await self._register.change(jti, lambda auth: lawful.logged(auth, done))

    def _verify(self, jws: GeneralJws) -> VerifiedWarrant:
        trust = self._outside.trust()
        return verify_warrant(
            jws, trust.applicants, trust.judges, self._outside.author.party.name, self._outside.clock()
        )

    def _word(self, token: str, jws: GeneralJws, claims: Claims) -> lawful.Word:
        return lawful.Word(verify_word(token, jws, claims, self._outside.trust().judges), token)

    def _logged_warrant(self, auth: Authorisation) -> LoggedWarrant:
        return verify_logged_warrant(self._verify(auth.jws), self._shown(auth.claims.jti), self._outside.trust().log)

    def _known(self, jti: str) -> Authorisation:
        auth = self._register.get(jti)
        if auth is None:
            raise Missing("warrant.unknown", "Serve the warrant on this carrier first.")
        return auth

    def _shown(self, jti: str) -> ProofOfLogging:
        shown = self._known(jti).evidence
        if shown is None:
            raise Ours("ledger.unavailable", "Try again in a second: the warrant is not logged yet.")
        return shown
