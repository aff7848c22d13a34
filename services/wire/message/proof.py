"""A device's HTTP request, signed: `Authorization: Device <compact JWS>`. Pure.

The idea of DPoP (RFC 9449) with the body bound as well, so a request cannot be sent again with another one.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from tiers.wire.encoding import b64u, parse_json
from tiers.wire.errors import Unauthenticated, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey, peek_header, verify_compact

TYP = "request+jws"
GOOD_FOR_MS = 120_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `path` without host and query."""

    method: str
    path: str
    body: bytes


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device signs. `sha256` is of the body, base64url; `ts` is ms since 1970."""

    method: str
    path: str
    sha256: str
    ts: int


def sign_request(key: SigningKey, pin: str, request: Request, now: int) -> str:
    """Return the `Authorization` value of a device's request."""
    return "Device " + key.sign_compact({"typ": TYP, "kid": pin}, msgspec.json.encode(_claims(request, now)))


def claimed_pin(authorization: str | None) -> str:
    """Read which PIN a request claims, to find its key; raises `Yours`."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme != "Device" or not token:
        raise Unauthenticated("request.proof", "Sign the request with the device's key: Authorization: Device <JWS>.")
    return peek_header(token.partition(".")[0], "request.proof").kid


def verify_request(authorization: str, pin: str, key: VerifyKey, request: Request, now: int) -> str:
    """Check a device's request and return its PIN; raises `Yours`.

    1. Signed by the key of `pin`. 2. For this method, path and body. 3. Within the last two minutes.
    """

    def find(kid: str) -> VerifyKey:
        if kid != pin:
            raise Yours("request.proof", "Sign with the kid of the device that asks.")
        return key

    token = authorization.partition(" ")[2]
    said = parse_json(Claims, verify_compact(token, TYP, find, "request.proof").payload, "request.proof")  # 1
    if said != _claims(request, said.ts):  # 2
        raise Yours("request.proof", "Sign the method, path and body that you send.")
    if abs(now - said.ts) > GOOD_FOR_MS:  # 3
        raise Yours("request.stale", f"Set the clock and sign again: a proof holds for {GOOD_FOR_MS // 1000} s.")
    return pin


def _claims(request: Request, ts: int) -> Claims:
    return Claims(request.method, request.path, b64u(hashlib.sha256(request.body).digest()), ts)
