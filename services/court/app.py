"""The court's request table. It holds the judge's signing key and the register; no message, no message key.

    -> POST /v1/applications {application}          <- {jti, status, warrant}
    -> POST /v1/applications/{jti}/<verb> {reason}  <- {…, carrier_told}
    -> GET  /v1/warrants, /v1/warrants/{jti}        <- the register, as far as it is the caller's

Log first, act second: every change stands in the ledger before it stands in the register, and in the register before
the carrier hears of it. What the carrier could not be told is told again until it has been.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter, Gauge

from tiers.chassis import background
from tiers.chassis.client import Peer
from tiers.chassis.outside import Outside
from tiers.chassis.refusals import Refusals, sealed_request
from tiers.chassis.web import Handler, Route, application, body, raw_body
from tiers.court import register
from tiers.court.register import Decision, Place, Record, Transition, Verb
from tiers.court.store import Store, Untold, unknown
from tiers.wire.api.carrier import WarrantStatus
from tiers.wire.api.court import Apply, Decide, Entry, Register
from tiers.wire.encoding import parse_json
from tiers.wire.errors import Forbidden, Policy, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.lawful.warrant import Status
from tiers.wire.log.checkpoint import LoggedLeaf
from tiers.wire.log.leaf import Leaf

_log = structlog.get_logger()
LOOK_SECONDS = 0.5
"""How often the clock is looked at, and a carrier that was down is tried again."""

_APPLICANT = frozenset({Role.APPLICANT})
_JUDGE = frozenset({Role.JUDGE})
_KNOWN = {"warrant.serial", "warrant.transition"}
"""What a carrier refuses a word with that is no news to it: it has that or a later one, or the warrant is over."""
_DECIDED = [verb for verb in Verb if verb is not Verb.EXPIRY]


class Court:
    """What the court answers. `key` is the judge's: her certificate signs her in, this key signs for her."""

    def __init__(self, place: Place, key: SigningKey, store: Store, outside: Outside, carrier: Peer) -> None:
        self._place = place
        self._key = key
        self._store = store
        self._carrier = carrier
        self._outside = outside
        self._one_step_at_a_time = asyncio.Lock()
        self._steps = Counter("tiers_court_steps", "Changes of state", ["leaf"], registry=outside.metrics)
        self.refusals = Refusals(outside)
        untold = Gauge("tiers_court_untold", "Statements that wait for the carrier", registry=outside.metrics)
        untold.set_function(lambda: len(store.untold()))

    def routes(self) -> list[Route]:
        both = _APPLICANT | _JUDGE
        return [
            Route("POST", "/v1/applications", _APPLICANT, self._apply, "apply for a warrant"),
            *(
                Route("POST", f"/v1/applications/{{jti}}/{verb}", _JUDGE, self._decider(verb), f"decide: {verb}")
                for verb in _DECIDED
            ),
            Route("GET", "/v1/warrants", both, self._list, "list warrants: one's own agency's, or all for the judge"),
            Route("GET", "/v1/warrants/{jti}", both, self._get, "fetch one warrant"),
        ]

    async def look(self) -> None:
        """Do what the clock asks for: tell the carrier what it must know, record expiry, break seals."""
        for said in self._store.untold():
            await self._tell(said)
        for record in self._store.standing():
            if register.due(record, self._place, self._outside.clock()):
                await self._say_again(record.claims.jti)
        for record in self._store.past_expiry(self._outside.clock()):
            await self._past(record.claims.jti)

    async def keep_looking(self, _app: web.Application) -> AsyncIterator[None]:
        """Look for as long as the application runs (an aiohttp clean-up context)."""
        task = background.start(background.every(LOOK_SECONDS, self.look))
        yield
        await background.stop(task)

    async def _apply(self, caller: Identity, request: web.Request) -> Entry:
        jws = (await body(request, Apply)).application
        now = self._outside.clock()
        async with self.refusals.logged("warrant.refused", caller.name, sealed_request(msgspec.json.encode(jws))):
            claims = register.apply(jws, self._outside.trust().applicants, caller, self._place, now).claims
        record = Record(claims, jws, Status.AWAITING_APPROVAL)
        async with self._one_step_at_a_time:
            self._store.check_new(claims)
            await self._append(register.leaf_for(record, "warrant.applied", self._place, now))
            self._store.add(record)
        _log.info("warrant.applied", jti=claims.jti, agency=claims.agency)
        return self._entry(record)

    def _decider(self, verb: Verb) -> Handler:
        async def decide(caller: Identity, request: web.Request) -> Entry:
            reason = parse_json(Decide, await raw_body(request) or b"{}", "request.malformed").reason
            record = await self._decide(request.match_info["jti"], Decision(verb, caller, reason))
            for said in self._store.untold():
                if said.jti == record.claims.jti:
                    await self._tell(said)
            return self._entry(record)

        return decide

    async def _decide(self, jti: str, decision: Decision) -> Record:
        async with self._one_step_at_a_time:
            now, record = self._outside.clock(), self._store.get(jti)
            step, jws = await self._judged(record, decision, now)
            logged = await self._append(register.leaf_for(record, step.leaf, self._place, now))
            changed = replace(record, jws=jws, status=step.after, reason=decision.reason)
            if decision.verb is Verb.APPROVAL:
                changed = replace(changed, approved=logged.proof)
            kept = self._say(changed, now) if step.tell_carrier else self._store.replace(changed)
        _log.info(step.leaf, jti=jti, serial=kept.serial)
        return kept

    async def _judged(self, record: Record, decision: Decision, now: int) -> tuple[Transition, GeneralJws]:
        """Return the step and the warrant after it. A judge who is none, or judges herself, is put on record."""
        try:
            step = register.decide(record, decision, self._place, now)
            return step, register.signed(record, decision, self._outside.trust().applicants, self._key, now)
        except (Forbidden, Policy) as error:
            await self.refusals.note("warrant.refused", record.claims.agency, record.seal, error.code)
            raise

    async def _past(self, jti: str) -> None:
        """Record that a warrant has expired, and break the seal of one that had been approved; else the next look."""
        try:
            await self._expire_and_open(jti)
        except TiersError as error:
            _log.warning("warrant.expiry_not_logged", jti=jti, code=error.code)

    async def _expire_and_open(self, jti: str) -> None:
        async with self._one_step_at_a_time:
            now, record = self._outside.clock(), self._store.get(jti)
            if register.status_at(record, now) is not record.status:
                step = register.step(record.status, Verb.EXPIRY)
                await self._append(register.leaf_for(record, step.leaf, self._place, now))
                record = self._store.replace(replace(record, status=step.after))
                _log.info(step.leaf, jti=jti)
            if record.approved is not None and not record.opened:
                await self._append(register.opening_for(record, self._place, now))
                self._store.replace(replace(record, opened=True))
                _log.info("seal.opened", jti=jti)

    async def _say_again(self, jti: str) -> None:
        """Speak for a warrant that stands, before the court's last word on it holds no more."""
        async with self._one_step_at_a_time:
            now, record = self._outside.clock(), self._store.get(jti)
            if register.due(record, self._place, now):
                self._say(record, now)

    def _say(self, record: Record, now: int) -> Record:
        """Write a record, and with it the word that the carrier must get."""
        word = register.word_on(record, record.status, self._place, self._key, now)
        return self._store.replace(replace(record, said=now), word)

    async def _append(self, leaf: Leaf) -> LoggedLeaf:
        self._store.check()  # else a fact would stand in the log that did not come about
        logged = await self._outside.ledger.append(leaf)
        self._steps.labels(leaf.type).inc()
        return logged

    async def _tell(self, said: Untold) -> None:
        """Tell the carrier; what it does not take stays on the list until the warrant has expired."""
        if self._outside.clock() >= self._store.get(said.jti).open_after:
            self._store.told([said])
            return
        path = f"/v1/warrants/{said.jti}/status"
        try:
            await self._carrier.ask_raw("POST", path, WarrantStatus(said.statement))
        except TiersError as error:
            _log.warning("carrier.untold", jti=said.jti, serial=said.serial, code=error.code)
            if error.code not in _KNOWN:
                return
        self._store.told([said])

    async def _list(self, caller: Identity, _request: web.Request) -> Register:
        return Register(tuple(self._entry(record) for record in self._store.all() if _may_see(caller, record)))

    async def _get(self, caller: Identity, request: web.Request) -> Entry:
        record = self._store.get(request.match_info["jti"])
        if not _may_see(caller, record):
            raise unknown()
        return self._entry(record)

    def _entry(self, record: Record) -> Entry:
        jti, status = record.claims.jti, register.status_at(record, self._outside.clock())
        told = all(said.jti != jti for said in self._store.untold())
        return Entry(jti, status, record.jws, record.reason, told)


def _may_see(caller: Identity, record: Record) -> bool:
    return caller.role is Role.JUDGE or caller.name == record.claims.agency


def build(court: Court, outside: Outside, more: Sequence[Route] = ()) -> web.Application:
    """Make the application: the table and its `more` rows, and the court's own look at the clock."""
    app = application([*court.routes(), *more], outside.metrics, outside.check_log)
    app.cleanup_ctx.append(court.keep_looking)
    app.cleanup_ctx.append(court.refusals.keep_telling)
    return app
