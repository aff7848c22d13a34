"""What the relay may be asked: its request table.

    -> GET    /v1/session          a device      the conversation of gateway/path/session.py
    -> POST   /v1/messages         a device      one envelope with a proof: the same as `send`, for curl
    -> PUT    /v1/devices/{pin}       carrier: it is my subscriber; customer: it is my employee's device
    -> PUT    /v1/reservations/{pin}  customer: it will be my employee's device
    -> DELETE /v1/devices/{pin}       carrier, customer: it is not any more; operator: it is nobody's

Interception and regulators' orders add their own rows (gateway/interception/administration.py, gateway/orders.py).
"""

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from tiers.chassis.web import Route, application, body, in_path, problem, raw_body
from tiers.gateway.devices import Changed
from tiers.gateway.path.delivery import Submission
from tiers.gateway.path.session import SessionContext
from tiers.gateway.path.sessions import Sessions
from tiers.wire.api.gateway import AcceptedMessage, Done, RegisterDevice
from tiers.wire.errors import Suspended, TiersError, Unauthenticated
from tiers.wire.identity import Identity, Role
from tiers.wire.message.envelope import Pin
from tiers.wire.message.proof import Proofs, Request, claimed_pin

_DEVICES = frozenset({Role.ANYONE})
_RELEASE = frozenset({Role.CARRIER, Role.CUSTOMER, Role.OPERATOR})


class Handlers:
    def __init__(self, context: SessionContext, sessions: Sessions) -> None:
        self._context = context
        self._sessions = sessions
        self._proofs = Proofs(context.identity, context.clock())

    def build(self, more: Sequence[Route]) -> web.Application:
        """Return the application, with the rows that interception and orders add."""
        routes = [
            Route("GET", "/v1/session", _DEVICES, self._session, "open a session (WebSocket)"),
            Route("POST", "/v1/messages", _DEVICES, self._message, "send one message"),
            Route("PUT", "/v1/devices/{pin}", {Role.CARRIER, Role.CUSTOMER}, self._register, "register a device"),
            Route("PUT", "/v1/reservations/{pin}", {Role.CUSTOMER}, self._reserve, "keep a PIN for a device to come"),
            Route("DELETE", "/v1/devices/{pin}", _RELEASE, self._revoke, "revoke one's own device, or release a PIN"),
        ]
        return application([*routes, *more], self._context.metrics.registry, self._context.mailboxes.check)

    async def _session(self, _caller: Identity, request: web.Request) -> web.StreamResponse:
        return await self._sessions.open(request)

    async def _message(self, _caller: Identity, request: web.Request) -> msgspec.Struct | web.StreamResponse:
        try:
            return await self._accept(request)
        except Suspended as error:
            answer = problem(error)
            answer.headers["Link"] = f'<{self._context.identity.uri}>; rel="blocked-by"'  # RFC 7725, section 4
            return answer

    async def _accept(self, request: web.Request) -> AcceptedMessage:
        raw = await raw_body(request)
        pin = await self._prove(request, raw)
        posted = PostedMessage()
        try:
            await self._context.intake.take(pin, raw, posted)
        except TiersError as error:
            self._context.metrics.refused.labels(error.code).inc()
            raise
        return AcceptedMessage(await posted.mid)

    async def _prove(self, request: web.Request, raw: bytes) -> str:
        """Return the PIN whose key signed the request; raises `Yours`."""
        authorization = request.headers.get("Authorization")
        pin = claimed_pin(authorization)
        key = await self._context.registry.key(pin)
        signed = Request(request.method, request.path, raw)
        return self._proofs.verify(authorization or "", pin, key, signed, self._context.clock())

    async def _register(self, caller: Identity, request: web.Request) -> Done:
        pin, asked = in_path(request, "pin", Pin), await body(request, RegisterDevice)
        return await self._tell(pin, await self._context.registry.register(pin, asked.sign, caller))

    async def _reserve(self, caller: Identity, request: web.Request) -> Done:
        pin = in_path(request, "pin", Pin)
        return await self._tell(pin, await self._context.registry.reserve(pin, caller))

    async def _revoke(self, caller: Identity, request: web.Request) -> Done:
        pin = in_path(request, "pin", Pin)
        return await self._tell(pin, await self._context.registry.revoke(pin, caller))

    async def _tell(self, pin: str, changed: Changed) -> Done:
        """Tell the other processes what changed, and end the session of a device that lost something."""
        if changed.before not in {None, changed.after}:
            await self._context.bus.tell("changed", pin)
        if changed.after is None or changed.after.sign is None:
            self._sessions.end(pin, Unauthenticated("device.unknown", "This device has been revoked."))
        elif changed.rekeyed:
            self._sessions.changed(pin)
        return Done()


class PostedMessage:
    """Waits for what becomes of one message (delivery.Submitter)."""

    def __init__(self) -> None:
        self.mid: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def accepted(self, item: Submission) -> None:
        if not self.mid.done():
            self.mid.set_result(item.parsed.header.mid)

    def refused(self, _item: Submission, error: TiersError) -> None:
        if not self.mid.done():
            self.mid.set_exception(error)
