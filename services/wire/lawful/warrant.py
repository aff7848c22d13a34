"""A warrant: a JWS with two signatures, the applicant's and the judge's (docs/spec/warrant.md). Pure.

    application  = 1 signature     verify_application
    warrant      = 2 signatures    verify_warrant -> VerifiedWarrant
    its state    = the court's word, signed by the same judge and good for a while   verify_word, check_standing

Nothing here is taken on trust: the keys are the caller's own, pinned ones. Terms after ETSI TS 103 120.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import b64u, parse_json, unb64u
from tiers.wire.errors import Forbidden, Policy, TooLarge, Yours
from tiers.wire.keys.jose import GeneralJws, SigningKey, VerifyKey, peek_header, verify_compact, verify_signature
from tiers.wire.keys.keytree import EPOCH_MS, epoch_of
from tiers.wire.log.leaf import Seal
from tiers.wire.message.envelope import Pin, Service

TYP = "warrant+jws"
STATUS_TYP = "warrant-status+jws"
MAX_WARRANT = 8192
MAX_WINDOW_MS = 90 * 24 * 3600 * 1000
MAX_AFTER_MS = 30 * 24 * 3600 * 1000
"""How long after its window a warrant may hold: on that day its seal is opened."""
SKEW_MS = 300_000
"""How far two parties' clocks may be apart, and how late a paper may come: the ledger takes no leaf that is later."""
MAX_WORD_MS = 24 * 3600 * 1000
"""How long a court's word may hold."""
_SALT = b"tiers/v1 seal salt"

Keys = Mapping[str, VerifyKey]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]


class Delivery(StrEnum):
    """What is delivered: metadata (IRI), content (CC), or both."""

    IRI = "iri"
    CC = "cc"
    BOTH = "iri+cc"


class Status(StrEnum):
    """States of an Authorisation (ETSI TS 103 120)."""

    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    SUSPENDED = "Suspended"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


NO_LONGER = {
    Status.AWAITING_APPROVAL: ("warrant.unapproved", "Have a judge approve it first."),
    Status.REJECTED: ("warrant.unapproved", "Apply for a new warrant: the court has rejected this one."),
    Status.SUSPENDED: ("warrant.suspended", "Wait until the court has resumed this warrant."),
    Status.CANCELLED: ("warrant.cancelled", "Apply for a new warrant: the court has cancelled this one."),
    Status.EXPIRED: ("warrant.expired", "Apply for a new warrant: this one has expired."),
}


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """Which minutes a warrant reaches: [from, until), ms since 1970, whole minutes."""

    start: int
    until: int


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a warrant says (RFC 7519 names where there are some). `nbf` and `exp` are seconds since 1970.

    `iss` is the court's name and `aud` the carrier's (both `in` for `court/in` and `carrier/in`), `sub` the target's
    PIN, `agency` the auditor who may receive, `liid` the lawful interception identifier (TS 103 120: 1 to 25 printable
    ASCII characters). `salt`, 32 random bytes in base64url, keeps the claims from being guessed: no log ever shows it.
    """

    jti: Uuid
    iss: str
    aud: str
    sub: Pin
    nbf: int
    exp: int
    window: Window
    services: Annotated[tuple[Service, ...], Meta(min_length=1, max_length=2)]
    delivery: Delivery
    agency: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,19}\Z")]
    legal_basis: Annotated[str, Meta(min_length=1, max_length=200)]
    liid: Annotated[str, Meta(pattern=r"^[!-~]{1,25}\Z")]
    salt: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]


@dataclass(frozen=True, slots=True)
class Application:
    """A warrant that waits for a judge: made by `verify_application` only."""

    claims: Claims
    jws: GeneralJws
    applicant: VerifyKey


@dataclass(frozen=True, slots=True)
class VerifiedWarrant:
    """A warrant with both signatures checked: made by `verify_warrant` only."""

    claims: Claims
    jws: GeneralJws

    def covers(self, ts: int, service: Service) -> bool:
        """Whether a message of this time (ms) and service falls inside."""
        return self.claims.window.start <= ts < self.claims.window.until and service in self.claims.services


class StatusStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A court's word on what a warrant now is: `serial` counts up from 1 for each warrant.

    `commitment` is the warrant's in the log, so a word is about one warrant and no other of its `jti`. It was said at
    `at` and holds until `until` (ms since 1970).
    """

    jti: Uuid
    commitment: str
    status: Status
    serial: Annotated[int, Meta(ge=1)]
    at: int
    until: int

    @property
    def holds_until(self) -> int:
        """Until when it holds at most (ms), whatever date the judge wrote."""
        return min(self.until, self.at + MAX_WORD_MS)


def apply_for(claims: Claims, key: SigningKey, kid: str) -> GeneralJws:
    """Sign an application. `kid` is the applicant's identity, such as `applicant/cbi`."""
    payload = msgspec.json.encode(claims)
    one = key.add_signature(payload, {"typ": TYP, "kid": kid})
    return GeneralJws(b64u(payload), (one,))


def approve(application: Application, key: SigningKey, kid: str) -> GeneralJws:
    """Add the judge's signature. `kid` is the judge's identity; raises `Forbidden` for the applicant's own key."""
    if key.public == application.applicant:
        raise Forbidden("warrant.four_eyes", "Have somebody other than the applicant approve.")
    two = key.add_signature(msgspec.json.encode(application.claims), {"typ": TYP, "kid": kid})
    return GeneralJws(application.jws.payload, (*application.jws.signatures, two))


def verify_application(jws: GeneralJws, applicants: Keys) -> Application:
    """Check an application: one signature, by a known applicant, over well-formed claims; raises `Yours`."""
    _check_size(jws)
    if len(jws.signatures) != 1:
        raise Yours("warrant.signatures", "An application carries one signature, the applicant's.")
    key = _signer(jws, 0, applicants, "warrant.applicant")
    return Application(_claims(verify_signature(jws, 0, key, "warrant.applicant")), jws, key)


def verify_warrant(jws: GeneralJws, applicants: Keys, judges: Keys, audience: str, now: int) -> VerifiedWarrant:
    """Check a warrant with pinned keys, for the carrier `audience` at `now` (ms); raises `Yours` or `Policy`.

    1. Two signatures, and two different ones. 2. The first by a known applicant. 3. The second not by the same key,
    but by a known judge. 4. Claims well formed. 5. Addressed to this carrier. 6. In force now.
    """
    _check_size(jws)
    if len(jws.signatures) != 2:  # 1  # noqa: PLR2004 - four eyes
        raise Yours("warrant.signatures", "A warrant carries two signatures: the applicant's, then the judge's.")
    if jws.signatures[0] == jws.signatures[1]:
        raise Forbidden("warrant.same_signature", "Have a judge sign beside the applicant: one signature counts once.")
    applicant = _signer(jws, 0, applicants, "warrant.applicant")  # 2
    payload = verify_signature(jws, 0, applicant, "warrant.applicant")
    _refuse_own_hand(jws, applicant)  # 3
    verify_signature(jws, 1, _signer(jws, 1, judges, "warrant.judge"), "warrant.judge")
    claims = _claims(payload)  # 4
    if claims.aud != audience:  # 5
        raise Policy("warrant.carrier", f"Serve this warrant on {claims.aud}: it is not addressed to {audience}.")
    check_in_force(claims, now)  # 6
    return VerifiedWarrant(claims, jws)


def seal_of(claims: Claims) -> Seal:
    """Return the one seal of a warrant: who holds the warrant can name its leaves, and nobody else can.

    The digest is of the payload, for claims have one spelling. Opening the seal shows a salt that is derived from the
    claims' own and does not lead back to it: the public learns `jti` and digest, and still cannot guess the target.
    """
    salt = hmac.digest(unb64u(claims.salt, "warrant.malformed"), _SALT, "sha256")
    return Seal(salt, claims.jti, hashlib.sha256(msgspec.json.encode(claims)).digest())


def check_in_force(claims: Claims, now: int) -> Claims:
    """Return the claims if `now` (ms) lies between `nbf` and `exp`; raises `Policy`."""
    if now < claims.nbf * 1000:
        raise Policy("warrant.not_yet", "Wait until the date from which the warrant holds.")
    if now >= claims.exp * 1000:
        raise Policy("warrant.expired", "Apply for a new warrant: this one has expired.")
    return claims


def check_prospective(claims: Claims, at: int) -> Claims:
    """Return the claims if their window does not begin before `at` (ms), when the paper was signed or logged.

    Raises `Policy`: a warrant reaches nothing that had passed.
    """
    if claims.window.start < at - SKEW_MS or claims.window.until <= at:
        raise Policy(
            "warrant.past", "Apply anew, for a window from now or later on: a warrant reaches nothing of the past."
        )
    return claims


def sign_status(statement: StatusStatement, key: SigningKey, kid: str) -> str:
    return key.sign_compact({"typ": STATUS_TYP, "kid": kid}, msgspec.json.encode(statement))


def verify_status(token: str, judges: Keys, judge: str | None = None) -> StatusStatement:
    """Check whose word it is: a pinned judge's, the one called `judge` if that is given; raises `Yours`."""
    known = {kid: key for kid, key in judges.items() if kid == (judge or kid)}
    stranger = Yours("warrant.judge", "Have it signed by the judge of this warrant, whose key is pinned here.")
    done = verify_compact(token, STATUS_TYP, known, "warrant.judge", stranger)
    return parse_json(StatusStatement, done.payload, "warrant.malformed")


def verify_word(token: str, jws: GeneralJws, claims: Claims, judges: Keys) -> StatusStatement:
    """Check a court's word on a warrant; raises `Yours`.

    1. By the judge who signed this warrant. 2. On this very warrant.
    """
    said = verify_status(token, judges, peek_header(jws.signatures[1].protected, "warrant.judge").kid)  # 1
    if (said.jti, said.commitment) != (claims.jti, seal_of(claims).commit()):  # 2
        raise Yours("warrant.statement", "Show the statement that is about this warrant.")
    return said


def check_standing(said: StatusStatement, now: int) -> StatusStatement:
    """Return the court's word if by it a warrant stands at `now` (ms); raises `Policy`.

    1. It was neither suspended, cancelled nor expired. 2. The word still holds, for a day at most, and was not said in
    the future.
    """
    if said.status in NO_LONGER:  # 1
        raise Policy(*NO_LONGER[said.status])
    if not (said.at - SKEW_MS <= now < said.holds_until):  # 2
        raise Policy("warrant.stale", "Have the court say again that this warrant stands: its last word holds no more.")
    return said


def _check_size(jws: GeneralJws) -> None:
    if len(msgspec.json.encode(jws)) > MAX_WARRANT:
        raise TooLarge("warrant.too_large", f"Send a warrant of at most {MAX_WARRANT} bytes.")


def _signer(jws: GeneralJws, at: int, known: Keys, code: str) -> VerifyKey:
    header = peek_header(jws.signatures[at].protected, code)
    if header.typ != TYP or header.kid not in known:
        raise Yours(code, f"Signature {at + 1} is by nobody whose key is pinned here.")
    return known[header.kid]


def _refuse_own_hand(jws: GeneralJws, applicant: VerifyKey) -> None:
    """Raise `Forbidden` if the applicant's key made the second signature too, whatever name it signed under."""
    try:
        verify_signature(jws, 1, applicant, "warrant.judge")
    except Yours:
        return
    raise Forbidden("warrant.four_eyes", "Have somebody other than the applicant approve.")


def _claims(payload: bytes) -> Claims:
    claims = parse_json(Claims, payload, "warrant.malformed")
    if msgspec.json.encode(claims) != payload:  # else two readers could see two warrants in the same signed bytes
        raise Yours("warrant.spelling", "Write the claims compact, each member once, in the order specified.")
    window = claims.window
    whole = window.start % EPOCH_MS == window.until % EPOCH_MS == 0
    if not (whole and 0 < window.until - window.start <= MAX_WINDOW_MS):
        raise Yours("warrant.window", "Name a window of whole minutes, from before until, of at most 90 days.")
    epoch_of(window.start)
    epoch_of(window.until)
    if not (claims.nbf * 1000 <= window.start and window.until <= claims.exp * 1000 <= window.until + MAX_AFTER_MS):
        raise Yours("warrant.dates", "Let the warrant hold (nbf to exp) for its window, and 30 days longer at most.")
    if len(set(claims.services)) != len(claims.services):
        raise Yours("warrant.services", "Name each service once.")
    unb64u(claims.salt, "warrant.malformed")
    return claims
