"""What the relay may be asked: its whole request table but for interception's rows, which come from there.

    -> GET    /v1/session          a device      the conversation of gateway/sessions.py
    -> POST   /v1/messages         a device      one envelope with a proof: the same as `send`, for curl
    -> PUT    /v1/devices/{pin}    carrier: it is my subscriber; customer: it is my employee's device
    -> DELETE /v1/devices/{pin}    customer: it is not any more
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from gateway.delivery import Submission
from gateway.devices import Registry
from gateway.intake import Intake
from gateway.mailbox import Mailboxes
from gateway.metrics import Metrics
from gateway.sessions import Sessions
from services.wire.api.gateway import AcceptedMessage, Done, RegisterDevice
from services.wire.chassis.web import Route, application, body, raw_body
from services.wire.envelope import Pin
from services.wire.errors import Forbidden, TiersError, Unauthenticated, Yours
from services.wire.identity import Identity, Role
from services.wire.jose import VerifyKey
from services.wire.proof import Request, claimed_pin, verify_request

_DEVICES = frozenset({Role.ANYONE})


class Relay:
    """The handlers."""

    def __init__(
        self,
        registry: Registry,
        intake: Intake,
        sessions: Sessions,
        mailboxes: Mailboxes,
        clock: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._registry = registry
        self._intake = intake
        self._sessions = sessions
        self._mailboxes = mailboxes
        self._clock = clock
        self._metrics = metrics

    def build(self, interception: Sequence[Route]) -> web.Application:
        """Return the application, with the rows that interception adds."""
        routes = [
            Route("GET", "/v1/session", _DEVICES, self._session, "open a session (WebSocket)"),
            Route("POST", "/v1/messages", _DEVICES, self._message, "send one message"),
            Route("PUT", "/v1/devices/{pin}", {Role.CARRIER, Role.CUSTOMER}, self._register, "register a device"),
            Route("DELETE", "/v1/devices/{pin}", {Role.CUSTOMER}, self._revoke, "revoke one's own device"),
        ]
        return application([*routes, *interception], self._metrics.registry, self._mailboxes.check)

    async def _session(self, _caller: Identity, request: web.Request) -> web.StreamResponse:
        return await self._sessions.open(request)

    async def _message(self, _caller: Identity, request: web.Request) -> AcceptedMessage:
        raw = await raw_body(request)
        pin = await self._prove(request, raw)
        outcome = Outcome()
        try:
            await self._intake.take(pin, raw, outcome)
        except TiersError as error:
            self._metrics.refused(error.code)
            raise
        return AcceptedMessage(await outcome.mid)

    async def _prove(self, request: web.Request, raw: bytes) -> str:
        """Return the PIN whose key signed the request; raises `Yours`."""
        authorization = request.headers.get("Authorization")
        device = await self._intake.device(_pin(claimed_pin(authorization)))
        signed = Request(request.method, request.path, raw)
        return verify_request(authorization or "", device.pin, VerifyKey.from_jwk(device.sign), signed, self._clock())

    async def _register(self, caller: Identity, request: web.Request) -> Done:
        pin, asked = _pin(request.match_info["pin"]), await body(request, RegisterDevice)
        before = await self._registry.find(pin)
        device = await self._registry.register(pin, asked.sign, caller)
        if before is not None and before.sign != device.sign:
            self._sessions.end(pin, Forbidden("session.rekeyed", "Open a session with the key that is registered now."))
        return Done()

    async def _revoke(self, caller: Identity, request: web.Request) -> Done:
        device = await self._registry.revoke(_pin(request.match_info["pin"]), caller)
        if device.carrier is None:
            self._sessions.end(device.pin, Unauthenticated("device.unknown", "This device has been revoked."))
        return Done()


class Outcome:
    """Waits for what becomes of one message (delivery.Sender)."""

    def __init__(self) -> None:
        self.mid: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def accepted(self, item: Submission) -> None:
        """It is on disk."""
        if not self.mid.done():
            self.mid.set_result(item.parsed.header.mid)

    def refused(self, _item: Submission, error: TiersError) -> None:
        """It is not taken."""
        if not self.mid.done():
            self.mid.set_exception(error)


def _pin(text: str) -> str:
    try:
        return msgspec.convert(text, Pin)
    except msgspec.ValidationError:
        raise Yours("device.pin", "Write a PIN as 8 lower-case hex digits.") from None
