"""The auditor's request table. It holds its HPKE key, warrants, product, grants and what they open; no other key.

    -> POST /v1/warrants {warrant}                 <- {jti, liid}
    -> POST /v1/inspections {jti, from?, until?}   <- findings: what opens, and why the rest does not
    -> GET  /v1/inspections                        <- all of them

It takes nobody's word: the warrant is checked with its own pinned keys, a grant with its giver's key and the log.
"""

import asyncio
import os

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter

from tiers.auditor.inspect import Expected, Halves, NoGrant, check_grant, epochs_of, inspect, window_to_ask
from tiers.auditor.store import Store
from tiers.chassis.client import Peer
from tiers.chassis.outside import Outside
from tiers.chassis.refusals import Refusals, sealed_request
from tiers.chassis.web import Route, application, body
from tiers.wire.api.auditor import Filed, FileWarrant, Inspect, Inspection, Inspections
from tiers.wire.api.carrier import Granted, Product
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Forbidden, Ours, Policy, TiersError, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, VerifyKey
from tiers.wire.lawful.grant import Grant
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.warrant import Claims, Keys, VerifiedWarrant, verify_warrant
from tiers.wire.message.sealing import HpkePrivateKey

_log = structlog.get_logger()
_NONCE_BYTES = 16
_APPLICANT = frozenset({Role.APPLICANT})
_INVESTIGATOR = frozenset({Role.INVESTIGATOR})


class Auditor:
    """What the auditor answers. `court` keeps the other half of an escrow; it is asked for nothing else."""

    def __init__(self, key: HpkePrivateKey, store: Store, outside: Outside, carrier: Peer, court: Peer | None) -> None:
        self._party = outside.author.party
        self._key = key
        self._store = store
        self._outside = outside
        self._asked = carrier
        self._court = court
        self._carrier = carrier.identity
        messages, people = "Messages inspected", "People without a warrant, met"
        self._messages = Counter("tiers_auditor_messages", messages, ["content"], registry=outside.metrics)
        self._third = Counter("tiers_auditor_third_parties", people, registry=outside.metrics)
        self.refusals = Refusals(outside)

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/warrants", _APPLICANT, self._file, "file a warrant that was served"),
            Route("POST", "/v1/inspections", _INVESTIGATOR, self._inspect, "fetch product, ask for keys, open"),
            Route("GET", "/v1/inspections", _INVESTIGATOR, self._list, "list what was inspected"),
        ]

    async def ready(self) -> None:
        """Raise `Ours` while no log or no carrier is pinned: no grant could be checked."""
        try:
            _ = self._outside.trust().log, self._carrier_key()
        except Yours as error:
            raise Ours(error.code, error.detail) from None

    async def _file(self, caller: Identity, request: web.Request) -> Filed:
        jws = (await body(request, FileWarrant)).warrant
        async with self.refusals.logged("warrant.refused", self._party.name, sealed_request(msgspec.json.encode(jws))):
            warrant = self._verify(jws, caller)
        self._store.file(warrant)
        _log.info("warrant.filed", jti=warrant.claims.jti)
        return Filed(warrant.claims.jti, warrant.claims.liid)

    def _verify(self, jws: GeneralJws, caller: Identity) -> VerifiedWarrant:
        trust = self._outside.trust()
        warrant = verify_warrant(jws, trust.applicants, trust.judges, self._carrier.name, self._outside.clock())
        if warrant.claims.agency != self._party.name:
            raise Forbidden("auditor.agency", f"File it with the agency that it names: this is {self._party.name}.")
        self._check_own(caller)
        return warrant

    def _check_own(self, caller: Identity) -> None:
        if caller.name != self._party.name:
            raise Forbidden("auditor.agency", f"Leave it to the people of this agency, {self._party.name}.")

    async def _inspect(self, caller: Identity, request: web.Request) -> Inspection:
        self._check_own(caller)
        ask = await body(request, Inspect)
        claims = self._store.claims(ask.jti)
        await self._fetch(claims)
        keys = Halves(*[await self._keys(claims, ask, giver) for giver in (self._asked, self._court) if giver])
        # in a thread: mail that its sender made hard to parse must not hold up the other requests
        found = await asyncio.to_thread(inspect, self._store.product(claims.jti), claims, self._carrier.name, keys)
        self._store.keep_inspection(found, self._outside.clock())
        self._count(found)
        return found

    async def _fetch(self, claims: Claims) -> None:
        """Fetch what is new of the product. Of a warrant that is over, what is here already has to do."""
        have = self._store.delivered(claims.jti)
        try:
            while await self._fetch_page(claims, self._store.delivered(claims.jti)):
                pass
        except (Forbidden, Policy) as error:
            if not have:
                raise
            _log.info("product.refused", jti=claims.jti, code=error.code)

    async def _fetch_page(self, claims: Claims, after: int) -> bool:
        """Fetch one page; returns whether there is more."""
        page = await self._asked.ask("GET", f"/v1/warrants/{claims.jti}/product?after={after}", Product)
        if page.first != after or page.liid != claims.liid:
            raise Ours("product.other", "Ask the carrier: it delivered something else than what was asked for.")
        pdus = [unb64u(pdu, "product.malformed") for pdu in page.pdus]
        self._store.add_product(claims.jti, page, pdus)
        return bool(pdus) and after + len(pdus) < page.total

    async def _keys(self, claims: Claims, ask: Inspect, giver: Peer) -> Grant | NoGrant:
        """Ask for the keys of the window. A refusal is a finding too; only what may pass by itself is raised."""
        try:
            start, until = window_to_ask(claims, ask, self._store.since(claims.jti), self._outside.clock())
            asked = AskGrant(claims.jti, start, until, b64u(os.urandom(_NONCE_BYTES)))
            want = Expected(claims, *epochs_of(start, until), asked.nonce, giver.identity, self._signers(giver))
            raw = bytes((await giver.ask("POST", "/v1/grants", Granted, asked)).grant)
            grant = check_grant(raw, self._key, want, self._outside.trust().log, self._outside.clock())
        except Ours:
            raise
        except TiersError as error:
            _log.info("grant.not_given", jti=claims.jti, giver=str(giver.identity), code=error.code)
            return NoGrant(error.code)
        self._store.keep_grant(claims.jti, raw, self._outside.clock())
        return grant

    def _signers(self, giver: Peer) -> Keys:
        """Return who may sign a giver's grants: the carrier, or for the court any judge that is pinned."""
        if giver.identity.role is Role.COURT:
            return self._outside.trust().judges
        return {str(self._carrier): self._carrier_key()}

    def _carrier_key(self) -> VerifyKey:
        key = self._outside.trust().carriers.get(str(self._carrier))
        if key is None:
            raise Yours("settings.trust", f"Put carriers/{self._carrier.name}.jwk into the trust folder.")
        return key

    def _count(self, found: Inspection) -> None:
        opened = sum(one.content is not None for one in found.findings)
        sealed, third = len(found.findings) - opened, len(found.third_parties)
        self._messages.labels("opened").inc(opened)
        self._messages.labels("sealed").inc(sealed)
        self._third.inc(third)
        _log.info("inspection.done", jti=found.jti, opened=opened, sealed=sealed, lost=found.lost, third_parties=third)

    async def _list(self, caller: Identity, _request: web.Request) -> Inspections:
        self._check_own(caller)
        return Inspections(self._store.inspections())


def build(auditor: Auditor, outside: Outside) -> web.Application:
    app = application(auditor.routes(), outside.metrics, auditor.ready)
    app.cleanup_ctx.append(auditor.refusals.keep_telling)
    return app
