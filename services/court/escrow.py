"""The court's half of an escrow: a key tree of its own, where an arrangement splits a key between carrier and court.

A handset enrols here as with its carrier (tiers.wire.enrolment): keys from this minute on, never the past.

What an auditor gets of it is release.py's to say. One half opens nothing. A court that keeps no escrow has no such
request and no such key.
"""

from collections.abc import Callable

from aiohttp import web

from tiers.chassis.state import StateDir
from tiers.chassis.web import Route, body, in_path, raw_body
from tiers.wire.api.carrier import Enrol, Enrolled, IssueVoucher, Voucher
from tiers.wire.api.gateway import Done
from tiers.wire.encoding import parse_json
from tiers.wire.enrolment import (
    admit_key,
    is_enrolled,
    new_voucher,
    seal_keys,
    taken,
    unknown,
    verify_enrolment,
    voucher_record,
)
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.keys.keytree import EPOCHS, Master, Node, epoch_of, subscriber_root, window
from tiers.wire.message.envelope import Pin
from tiers.wire.message.proof import Proofs, Request

KEY = "escrow.key"


class Escrow:
    """Hands each subscriber its own part of the court's tree: by a voucher of the court, then to the same key."""

    def __init__(self, state: StateDir, court: Identity, clock: Callable[[], int]) -> None:
        """Load the tree's master, or draw it; raises `Yours` if others can read it. `clock` is ms since 1970."""
        self._state = state
        self._court = court
        self._clock = clock
        self._proofs = Proofs(court, clock())
        self._master = state.key(KEY, Master)

    def routes(self) -> list[Route]:
        """Return the rows that an escrow adds to the request table. Vouchers are its own."""
        judge = frozenset({Role.JUDGE})
        return [
            Route("POST", "/v1/subscribers", {Role.ANYONE}, self._enrol, "take one's part of the court's tree"),
            Route("POST", "/v1/vouchers", judge, self._voucher, "let a PIN take its part once"),
            Route("DELETE", "/v1/subscribers/{pin}", judge, self._revoke, "shut a lost handset out"),
        ]

    def half(self, pin: str, start: int, end: int) -> list[Node]:
        """Derive the minimal cover of the epochs [start, end) of somebody's tree."""
        return window(subscriber_root(self._master, pin), start, end)

    async def _enrol(self, _caller: Identity, request: web.Request) -> Enrolled:
        raw, now = await raw_body(request), self._clock()
        enrol = parse_json(Enrol, raw, "request.malformed")
        signed = Request(request.method, request.path, raw)
        key = verify_enrolment(request.headers.get("Authorization"), enrol, signed, self._proofs, now)
        self._admit(enrol.pin, enrol.voucher, key)
        return seal_keys(self._court, enrol, self.half(enrol.pin, epoch_of(now) - 1, EPOCHS))

    def _admit(self, pin: str, voucher: str, key: VerifyKey) -> None:
        known = self._state.read(_record(pin)) or b""
        if (record := admit_key(known, voucher, key)) != known:
            self._state.write(_record(pin), record)

    async def _voucher(self, _caller: Identity, request: web.Request) -> Voucher:
        pin = (await body(request, IssueVoucher)).pin
        if is_enrolled(self._state.read(_record(pin)) or b""):
            raise taken()
        voucher = new_voucher()
        self._state.write(_record(pin), voucher_record(voucher))
        return Voucher(pin, voucher)

    async def _revoke(self, _caller: Identity, request: web.Request) -> Done:
        pin = in_path(request, "pin", Pin)
        if not self._state.read(_record(pin)):
            raise unknown()
        self._state.write(_record(pin), b"")
        return Done()


def _record(pin: str) -> str:
    return f"subscribers/{pin}"
