"""A device's HTTP request, signed: `Authorization: Device <compact JWS>`. Pure, but for what `Proofs` remembers.

The idea of DPoP (RFC 9449), with the party that is asked and the body bound as well: what was signed for a carrier
is no request to a court, and one proof is one request.
"""

import hashlib
import os
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import b64u, parse_json
from tiers.wire.errors import Ours, Unauthenticated, Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import SigningKey, VerifyKey, peek_header, verify_compact
from tiers.wire.message.envelope import Pin

TYP = "request+jws"
GOOD_FOR_MS = 120_000
_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `path` without host and query."""

    method: str
    path: str
    body: bytes


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device signs. `aud` is the SPIFFE id of the party that it asks, `sha256` of the body, base64url.

    `ts` is ms since 1970; `nonce`, 16 random bytes in base64url, makes one proof one request.
    """

    aud: str
    method: str
    path: str
    sha256: str
    ts: int
    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]


def sign_request(key: SigningKey, pin: str, to: Identity, request: Request, now: int) -> str:
    """Return the `Authorization` value of a device's request to one party. Its nonce is drawn here."""
    said = _claims(to, request, now, b64u(os.urandom(_NONCE_BYTES)))
    return "Device " + key.sign_compact({"typ": TYP, "kid": pin}, msgspec.json.encode(said))


def claimed_pin(authorization: str | None) -> str:
    """Read which PIN a request claims, to find its key; raises `Yours`."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme != "Device" or not token:
        raise Unauthenticated("request.proof", "Sign the request with the device's key: Authorization: Device <JWS>.")
    kid = peek_header(token.partition(".")[0], "request.proof").kid
    try:
        return msgspec.convert(kid, Pin)
    except msgspec.ValidationError:
        raise Yours("request.proof", "Sign as a PIN: 8 lower-case hex digits in kid.") from None


@dataclass(slots=True)
class Proofs:
    """Checks requests to one party, and remembers what it has seen for as long as a proof holds.

    A party that starts at `since` (ms) has forgotten what it saw before: what was signed before counts no more. What
    was dated ahead could come again then, so what asks with a proof comes to one thing, however often: an enrolment
    is answered to the handset's own key, messages and copies are kept once by `mid`, a look-up changes nothing.
    """

    party: Identity
    since: int
    _seen: dict[str, int] = field(default_factory=dict)

    def verify(self, authorization: str, pin: str, key: VerifyKey, request: Request, now: int) -> str:
        """Check a device's request at `now` (ms) and return its PIN; raises `Yours`, or `Ours` if it has just started.

        1. Signed by the key of `pin`. 2. For this party, method, path and body. 3. Within the last two minutes, and
        since this party started. 4. Not seen before.
        """
        stranger = Yours("request.proof", "Sign with the kid of the device that asks.")
        done = verify_compact(authorization.partition(" ")[2], TYP, {pin: key}, "request.proof", stranger)  # 1
        said = parse_json(Claims, done.payload, "request.proof")
        if said != _claims(self.party, request, said.ts, said.nonce):  # 2
            raise Yours("request.proof", f"Sign the method, path and body that you send, and {self.party} as aud.")
        self.since = min(self.since, now)  # a clock that was ahead at the start has come back
        if abs(now - said.ts) > GOOD_FOR_MS:  # 3
            raise Yours("request.stale", f"Set the clock and sign again: a proof holds for {GOOD_FOR_MS // 1000} s.")
        if said.ts < self.since:
            raise Ours("request.restarted", "Sign again in a moment: by its own clock, this party started after that.")
        self._take(f"{pin} {said.nonce}", said.ts, now)  # 4
        return pin

    def _take(self, proof: str, ts: int, now: int) -> None:
        if proof in self._seen:
            raise Yours("request.replayed", "Sign each request anew: this proof has been used.")
        self._seen[proof] = ts
        while (oldest := next(iter(self._seen))) != proof and self._seen[oldest] < now - 2 * GOOD_FOR_MS:
            del self._seen[oldest]


def _claims(to: Identity, request: Request, ts: int, nonce: str) -> Claims:
    digest = b64u(hashlib.sha256(request.body).digest())
    return Claims(to.uri, request.method, request.path, digest, ts, nonce)
