"""A carrier's request table: what it may be asked, and by whom.

It admits messages without seeing their content, and hands out keys under a logged warrant only.
"""

from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from prometheus_client import Counter

from tiers.carrier import admission, lawful
from tiers.carrier.administration import Administration
from tiers.carrier.admission import Admission
from tiers.carrier.mediation import Mediation
from tiers.carrier.register import Register
from tiers.carrier.release import Releases
from tiers.carrier.subscribers import Subscribers
from tiers.chassis.outside import Outside
from tiers.chassis.refusals import Refusals, sealed_request
from tiers.chassis.web import Route, application, body, in_path, raw_body
from tiers.wire.api.carrier import (
    Admissions,
    Admitted,
    Enrol,
    Enrolled,
    Granted,
    IssueVoucher,
    Product,
    Refusal,
    Served,
    ServeWarrant,
    Voucher,
    WarrantStatus,
)
from tiers.wire.api.gateway import Done
from tiers.wire.encoding import parse_json
from tiers.wire.enrolment import verify_enrolment
from tiers.wire.errors import Policy, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.lawful.release import AskGrant, dated
from tiers.wire.log.leaf import Seal
from tiers.wire.message.envelope import Pin
from tiers.wire.message.proof import Proofs, Request

_CERTIFIED = frozenset(Role) - {Role.ANYONE}

MAX_ADMISSIONS = 4 * 1024 * 1024
"""Octets of the largest batch that a relay asks about."""


@dataclass(slots=True)
class Carrier:
    """Everything that the request table needs, and a method for each of its rows."""

    subscribers: Subscribers
    admission: Admission
    administration: Administration
    releases: Releases
    refusals: Refusals
    register: Register
    mediation: Mediation
    proofs: Proofs
    outside: Outside
    ready: Callable[[], Awaitable[None]]
    _admissions: Counter = field(init=False)
    _grants: Counter = field(init=False)

    def __post_init__(self) -> None:
        metrics, outcome = self.outside.metrics, "Messages, by what became of them."
        self._admissions = Counter("tiers_carrier_admissions", outcome, ["outcome"], registry=metrics)
        self._grants = Counter("tiers_carrier_grants", "Grants released.", registry=metrics)

    async def enrol(self, _caller: Identity, request: web.Request) -> Enrolled:
        raw, now = await raw_body(request), self.outside.clock()
        enrol = parse_json(Enrol, raw, "request.malformed")
        signed = Request(request.method, request.path, raw)
        key = verify_enrolment(request.headers.get("Authorization"), enrol, signed, self.proofs, now)
        return await self.subscribers.enrol(enrol, key, now)

    async def voucher(self, _caller: Identity, request: web.Request) -> Voucher:
        return await self.subscribers.voucher((await body(request, IssueVoucher)).pin)

    async def revoke(self, _caller: Identity, request: web.Request) -> Done:
        await self.subscribers.revoke(in_path(request, "pin", Pin))
        return Done()

    async def admit(self, _caller: Identity, request: web.Request) -> Admitted:
        batch = admission.read(parse_json(Admissions, await raw_body(request), "request.malformed").asks)
        known = await self.subscribers.known(admission.pins(batch))
        answers = self.admission.admit(batch, known, epoch_of(self.outside.clock()))
        outcomes = Tally(answer.code if isinstance(answer, Refusal) else "admitted" for answer in answers)
        for outcome, count in outcomes.items():
            self._admissions.labels(outcome).inc(count)
        return Admitted(tuple(answers))

    async def serve(self, caller: Identity, request: web.Request) -> Served:
        raw = await raw_body(request)
        async with self.refusals.logged("warrant.refused", caller.name, sealed_request(raw)):
            return await self.administration.serve(parse_json(ServeWarrant, raw, "warrant.malformed").warrant)

    async def status(self, caller: Identity, request: web.Request) -> Done:
        raw, jti = await raw_body(request), request.match_info["jti"]
        async with self.refusals.logged("warrant.refused", caller.name, self._seal(jti, raw)):
            statement = parse_json(WarrantStatus, raw, "warrant.malformed").statement
            return await self.administration.heed(jti, statement)

    async def product(self, caller: Identity, request: web.Request) -> Product:
        jti, after = request.match_info["jti"], request.query.get("after", "0")
        async with self.refusals.logged("warrant.refused", caller.name, self._seal(jti, request.path_qs.encode())):
            served = lawful.check_product(self.register.get(jti), caller.name, self.outside.clock())
        if not (after.isascii() and after.isdecimal() and len(after) <= 15):  # noqa: PLR2004 - digits of a count
            raise Yours("product.after", "Say how many PDUs you have: 0 or more.")
        page = await self.mediation.product(served.auth.claims.liid, int(after))
        return msgspec.structs.replace(page, since=dated(served.evidence))

    async def grant(self, caller: Identity, request: web.Request) -> Granted:
        raw = await raw_body(request)
        ask = parse_json(AskGrant, raw, "request.malformed")
        async with self.refusals.logged("grant.refused", caller.name, self._seal(ask.jti, raw)):
            granted = await self.releases.grant(ask, caller.name)
        self._grants.inc()
        return granted

    async def list_warrants(self, caller: Identity, request: web.Request) -> Done:
        """Refuse, and log that somebody asked."""
        async with self.refusals.logged("warrant.refused", caller.name, sealed_request(request.path_qs.encode())):
            raise Policy("warrant.listing", "Ask about one warrant by its jti: nobody lists targets here.")

    def _seal(self, jti: str, asked: bytes) -> Seal:
        """Seal what is refused with the warrant, if it is known here; else with the request."""
        known = self.register.get(jti)
        return known.seal if known else sealed_request(asked)


def build(carrier: Carrier) -> web.Application:
    one = "/v1/warrants/{jti}"
    applicant, court, auditor = (frozenset({role}) for role in (Role.APPLICANT, Role.COURT, Role.AUDITOR))
    warrant, grant = carrier.refusals.knock("warrant.refused"), carrier.refusals.knock("grant.refused")
    routes = [
        Route("POST", "/v1/subscribers", {Role.ANYONE}, carrier.enrol, "enrol a subscriber's device"),
        Route("POST", "/v1/vouchers", {Role.OPERATOR}, carrier.voucher, "make a PIN's voucher, as the shop does"),
        Route("DELETE", "/v1/subscribers/{pin}", {Role.OPERATOR}, carrier.revoke, "shut a lost handset out"),
        Route(
            "POST",
            "/v1/admissions",
            {Role.GATEWAY},
            carrier.admit,
            "re-wrap content keys for receivers",
            limit=MAX_ADMISSIONS,
        ),
        Route("POST", "/v1/warrants", applicant, carrier.serve, "serve a warrant", warrant),
        Route("POST", f"{one}/status", court, carrier.status, "suspend, resume or cancel a warrant", warrant),
        Route("GET", f"{one}/product", auditor, carrier.product, "fetch the product of a warrant", warrant),
        Route("POST", "/v1/grants", auditor, carrier.grant, "ask for the keys of elapsed minutes", grant),
        Route("GET", "/v1/warrants", _CERTIFIED, carrier.list_warrants, "refused and logged: nobody lists targets"),
    ]
    return application(routes, carrier.outside.metrics, carrier.ready)
