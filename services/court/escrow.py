"""The court's half of an escrow: a key tree of its own, where an arrangement splits a key between carrier and court.

A handset enrols here as with its carrier (tiers.wire.enrolment): keys from this minute on, never the past.

What an auditor gets of it is release.py's to say. One half opens nothing. A court that keeps no escrow has no such
request and no such key.
"""

from collections.abc import Callable

from aiohttp import web

from tiers.chassis.state import StateDir
from tiers.chassis.web import Route, raw_body
from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.encoding import parse_json
from tiers.wire.enrolment import seal_keys, verify_enrolment
from tiers.wire.errors import Conflict
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.keys.keytree import EPOCHS, Master, Node, epoch_of, subscriber_root, window
from tiers.wire.message.proof import Proofs, Request

KEY = "escrow.key"


class Escrow:
    """Hands each subscriber its own part of the court's tree. First come, first served; then only by the same key."""

    def __init__(self, state: StateDir, court: Identity, clock: Callable[[], int]) -> None:
        """Load the tree's master, or draw it; raises `Yours` if others can read it. `clock` is ms since 1970."""
        self._state = state
        self._court = court
        self._clock = clock
        self._proofs = Proofs(court, clock())
        self._master = state.key(KEY, Master)

    def routes(self) -> list[Route]:
        """Return the one more row of the request table."""
        return [Route("POST", "/v1/subscribers", {Role.ANYONE}, self._enrol, "take one's part of the court's tree")]

    def half(self, pin: str, start: int, end: int) -> list[Node]:
        """Derive the minimal cover of the epochs [start, end) of somebody's tree."""
        return window(subscriber_root(self._master, pin), start, end)

    async def _enrol(self, _caller: Identity, request: web.Request) -> Enrolled:
        raw, now = await raw_body(request), self._clock()
        enrol = parse_json(Enrol, raw, "request.malformed")
        signed = Request(request.method, request.path, raw)
        key = verify_enrolment(request.headers.get("Authorization"), enrol, signed, self._proofs, now)
        self._check_same(enrol.pin, key)
        return seal_keys(self._court, enrol, self.half(enrol.pin, epoch_of(now) - 1, EPOCHS))

    def _check_same(self, pin: str, key: VerifyKey) -> None:
        known = self._state.read(f"subscribers/{pin}")
        if known is None:
            self._state.write(f"subscribers/{pin}", key.raw)
        elif known != key.raw:
            raise Conflict("subscriber.key_conflict", "Enrol this PIN with the key that it was first enrolled with.")
