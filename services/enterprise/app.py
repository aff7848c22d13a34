"""The key server's request table: the customer's own process, on the customer's own premises.

It holds the customer's root, the key that opens its mail, its employees' directory and the journal of its traffic,
and no key and no store of the provider.

    a device         activates, looks up, journals
    the administrator  lets devices in, shuts them out, reads, rotates, exchanges roots
    a partner        looks up
    a court          orders; the customer's policy answers
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter, Gauge

from tiers.chassis.client import Peer
from tiers.chassis.outside import Outside
from tiers.chassis.web import Handler, Route, application, body, in_path, raw_body
from tiers.enterprise import activation, directory, journal
from tiers.enterprise.clerk import Clerk
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.orders import OrderPolicy
from tiers.enterprise.partners import Partners
from tiers.enterprise.reader import Reader
from tiers.enterprise.store import Store
from tiers.wire.api.enterprise import (
    Activate,
    Activated,
    AddPartner,
    Journal,
    Lookup,
    NewPassword,
    Opened,
    OrderAnswer,
    Password,
    Read,
    Revoke,
    Roots,
    Rotate,
    Rotated,
)
from tiers.wire.api.gateway import Done, RegisterDevice
from tiers.wire.encoding import parse_json
from tiers.wire.enterprise.activation import PASSWORD_BYTES, activation_key, answer, format_password
from tiers.wire.enterprise.directory import ENTRY_TYP, Entry, sign_statement, verify_entry
from tiers.wire.errors import Conflict, Forbidden, Missing, Unauthenticated
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.keys.secret import KEY_BYTES
from tiers.wire.message.envelope import Org, Pin, format_envelope, parse_envelope
from tiers.wire.message.proof import Proofs, Request, claimed_pin
from tiers.wire.message.sealing import HpkePrivateKey

_log = structlog.get_logger()
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_DEVICE = frozenset({Role.ANYONE})  # a device has no certificate: it signs each request
_COURT = frozenset({Role.COURT})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a key server is put together from; `policy` reads the file each time."""

    outside: Outside
    keys: KeyStore
    store: Store
    partners: Partners
    gateway: Peer
    policy: Callable[[], OrderPolicy]


class KeyServer:
    def __init__(self, parts: Parts) -> None:
        outside, party, metrics = parts.outside, parts.outside.author.party, parts.outside.metrics
        self._org = party.name
        self._keys = parts.keys
        self._store = parts.store
        self._partners = parts.partners
        self._reader = Reader(parts.store, parts.keys, parts.partners)
        self._gateway = parts.gateway
        self._clerk = Clerk(outside, parts.store, self._reader, parts.policy)
        self._now = outside.clock
        self._proofs = Proofs(party, outside.clock())
        stranger = SigningKey(os.urandom(KEY_BYTES)).public.jwk()
        nobody = Entry(self._org, "0" * 8, 1, HpkePrivateKey.generate().public.jwk(), stranger, 0)
        self._nobodys = sign_statement(parts.keys.root, self._org, ENTRY_TYP, nobody)
        # Activations and revocations tell the relay first or last, and must not overtake each other on the way.
        self._changes = asyncio.Lock()
        self._activations = Counter("tiers_enterprise_activations", "Activations", ["outcome"], registry=metrics)
        self._journalled = Counter("tiers_enterprise_journalled", "Copies handed in", registry=metrics)
        self._orders = Counter("tiers_enterprise_orders", "Production orders answered", ["decision"], registry=metrics)
        gauge = Gauge("tiers_enterprise_devices", "Activated devices", registry=metrics)
        gauge.set_function(parts.store.devices)

    def routes(self) -> list[Route]:
        own = self._own_administrator
        look_up, root = _DEVICE | {Role.CUSTOMER}, _ADMINISTRATOR | {Role.CUSTOMER}
        return [
            Route("POST", "/v1/activations", _DEVICE, self._activate, "activate a device with a one-time password"),
            Route("GET", "/v1/directory/{pin}", look_up, self._look_up, "look up a device's signed keys"),
            Route("POST", "/v1/journal", _DEVICE, self._journal, "keep a sealed copy of a device's message"),
            Route("GET", "/v1/root", root, own(self._root), "this customer's root, to be exchanged"),
            Route("POST", "/v1/passwords", _ADMINISTRATOR, own(self._password), "issue a one-time password"),
            Route("POST", "/v1/revocations", _ADMINISTRATOR, own(self._revoke), "revoke a device"),
            Route("POST", "/v1/rotations", _ADMINISTRATOR, own(self._rotate), "rotate the key, destroy the old ones"),
            Route("PUT", "/v1/partners/{org}", _ADMINISTRATOR, own(self._partner), "pin a partner's root"),
            Route("POST", "/v1/read", _ADMINISTRATOR, own(self._read), "read a message of the customer's own"),
            Route("POST", "/v1/orders", _COURT, self._order, "serve a production order"),
        ]

    # ---- devices ----

    async def _activate(self, _caller: Identity, request: web.Request) -> Activated:
        asked = activation.check_keys(await body(request, Activate))
        async with self._changes:
            admitted = self._admit(asked)
            last = self._store.last_generation(self._org, asked.pin)
            entry = activation.next_entry(admitted, self._org, last, self._now())
            token = sign_statement(self._keys.root, self._org, ENTRY_TYP, entry)
            # The relay first: if it is out of reach the password stays good, and the device asks again.
            await self._gateway.ask_raw("PUT", f"/v1/devices/{entry.pin}", RegisterDevice(entry.sign))
            self._store.activate(entry, token)
        self._activations.labels("activated").inc()
        _log.info("device.activated", pin=entry.pin, generation=entry.generation)
        return answer(admitted.key, self._org, self._keys.root.public.jwk(), self._keys.statement, token)

    def _admit(self, asked: Activate) -> activation.Admitted:
        try:
            return activation.admit(asked, self._store.password(asked.pin), self._now())
        except Unauthenticated:
            self._store.count_try(asked.pin)
            self._activations.labels("refused").inc()
            raise

    async def _look_up(self, caller: Identity, request: web.Request) -> Lookup:
        partner = caller.role is Role.CUSTOMER
        if partner:
            directory.check_asks(caller, self._store.partners())
        else:
            self._device(request, b"")
        pin = in_path(request, "pin", Pin)
        token = self._store.device(pin)
        if token is not None:
            return Lookup(token, self._keys.statement)
        if partner:  # a partner gets our own employees only: nobody is asked in a circle
            raise directory.unknown()
        return await self._partners.look_up(pin)

    async def _journal(self, _caller: Identity, request: web.Request) -> Done:
        raw = await raw_body(request)
        pin = self._device(request, raw)
        envelope = parse_envelope(bytes(parse_json(Journal, raw, "request.malformed").envelope))
        journal.check_copy(envelope, pin, self._org, self._keys.generation)
        if self._store.copy(envelope.header.mid) is None:  # what is kept did open when it came
            journal.check_date(envelope, pin, self._now())
            journal.check_quota(*self._store.kept_today(pin, self._now()))
            journal.check_opens(envelope, self._org, self._keys.key)
        if self._store.add_copy(envelope, pin, self._now()) != format_envelope(envelope):
            _log.warning("journal.other_copy", mid=envelope.header.mid, pin=pin)
            raise Conflict("journal.other_copy", "Tell the administrator: another message with this mid is journalled.")
        self._journalled.inc()
        return Done()

    def _device(self, request: web.Request, raw: bytes) -> str:
        """Return the PIN of the activated device that signed this request; raises `Yours`."""
        authorization = request.headers.get("Authorization", "")
        pin = claimed_pin(authorization)
        token = self._store.device(pin) or self._nobodys  # the same work and the same refusal where there is none
        key = VerifyKey.from_jwk(verify_entry(token, self._org, self._keys.root.public).sign)
        return self._proofs.verify(authorization, pin, key, Request(request.method, request.path, raw), self._now())

    # ---- the administrator ----

    def _own_administrator(self, handler: Handler) -> Handler:
        async def check(caller: Identity, request: web.Request) -> msgspec.Struct | web.StreamResponse:
            if caller.role is Role.ADMINISTRATOR and caller.name != self._org:
                raise Forbidden("request.org", f"Ask the key server of {caller.name}: this one is of {self._org}.")
            return await handler(caller, request)

        return check

    async def _root(self, _caller: Identity, _request: web.Request) -> Roots:
        return Roots(self._org, self._keys.root.public.jwk())

    async def _password(self, _caller: Identity, request: web.Request) -> Password:
        pin = (await body(request, NewPassword)).pin
        await self._gateway.ask_raw("PUT", f"/v1/reservations/{pin}")  # nobody can take it before the device is there
        password = format_password(os.urandom(PASSWORD_BYTES))
        self._store.put_password(activation.OpenPassword(pin, activation_key(password), self._now(), tries=0))
        _log.info("password.issued", pin=pin)
        return Password(pin, password)

    async def _revoke(self, _caller: Identity, request: web.Request) -> Done:
        pin = (await body(request, Revoke)).pin
        async with self._changes:
            self._store.revoke(pin)
            # The directory first: if the relay is out of reach, nobody seals to the device any more; ask again.
            try:
                await self._gateway.ask_raw("DELETE", f"/v1/devices/{pin}")
            except Missing:  # the relay has forgotten it already
                if not self._store.last_generation(self._org, pin):
                    raise directory.unknown() from None
        _log.info("device.revoked", pin=pin)
        return Done()

    async def _rotate(self, _caller: Identity, request: web.Request) -> Rotated:
        asked = await body(request, Rotate)
        destroyed = self._keys.rotate(destroy=asked.destroy)
        _log.info("key.rotated", generation=self._keys.generation, destroyed=destroyed)
        return Rotated(self._keys.generation, self._keys.statement, destroyed)

    async def _partner(self, _caller: Identity, request: web.Request) -> Done:
        org = in_path(request, "org", Org)
        asked = await body(request, AddPartner)
        partner = directory.PinnedPartner(org, VerifyKey.from_jwk(asked.root), asked.url)
        self._store.put_partner(directory.check_partner(partner, self._org, self._keys.root.public))
        _log.info("partner.pinned", org=org, root=partner.root.thumbprint())
        return Done()

    async def _read(self, caller: Identity, request: web.Request) -> Opened:
        mid = (await body(request, Read)).mid
        opened = await self._reader.read(mid)
        _log.info("message.read", mid=mid, by=str(caller))
        return opened

    async def _order(self, court: Identity, request: web.Request) -> OrderAnswer:
        answered = await self._clerk.answer(court, await raw_body(request))
        self._orders.labels(answered.decision).inc()
        return answered


def build(parts: Parts) -> web.Application:
    async def ready() -> None:
        parts.store.devices()

    return application(KeyServer(parts).routes(), parts.outside.metrics, ready)
