"""What a court may do with a warrant, and when. Pure: no clock, no randomness, no I/O. It knows no message key.

The states are those of an Authorisation in ETSI TS 103 120. `TRANSITIONS` is the whole law: what is not in it is
refused. Expiry is nobody's decision: it is read off the clock (`status_at`) and recorded afterwards.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from tiers.wire.encoding import unb64u
from tiers.wire.errors import Conflict, Forbidden, Policy, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, SigningKey, peek_header
from tiers.wire.lawful.warrant import (
    Application,
    Claims,
    Keys,
    Status,
    StatusStatement,
    approve,
    sign_status,
    verify_application,
)
from tiers.wire.log.leaf import Leaf, LeafType, Seal

REASON_ON_FILE: Final = "judge.reason_on_file"
"""A leaf's `detail` for a judge's words: the log says that there is a reason, the register holds it."""


class Verb(StrEnum):
    """What happens to a warrant: five acts of a judge, and the clock's."""

    APPROVAL = "approval"
    REJECTION = "rejection"
    SUSPENSION = "suspension"
    RESUMPTION = "resumption"
    CANCELLATION = "cancellation"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal step, the leaf that says so, and whether the carrier is told at once."""

    before: Status
    verb: Verb
    after: Status
    leaf: LeafType
    tell_carrier: bool = False


TRANSITIONS: Final = (
    Transition(Status.AWAITING_APPROVAL, Verb.APPROVAL, Status.APPROVED, "warrant.approved"),
    Transition(Status.AWAITING_APPROVAL, Verb.REJECTION, Status.REJECTED, "warrant.rejected"),
    Transition(Status.AWAITING_APPROVAL, Verb.EXPIRY, Status.EXPIRED, "warrant.expired"),
    Transition(Status.APPROVED, Verb.SUSPENSION, Status.SUSPENDED, "warrant.suspended", tell_carrier=True),
    Transition(Status.APPROVED, Verb.CANCELLATION, Status.CANCELLED, "warrant.cancelled", tell_carrier=True),
    Transition(Status.APPROVED, Verb.EXPIRY, Status.EXPIRED, "warrant.expired"),
    Transition(Status.SUSPENDED, Verb.RESUMPTION, Status.APPROVED, "warrant.resumed", tell_carrier=True),
    Transition(Status.SUSPENDED, Verb.CANCELLATION, Status.CANCELLED, "warrant.cancelled", tell_carrier=True),
    Transition(Status.SUSPENDED, Verb.EXPIRY, Status.EXPIRED, "warrant.expired"),
)
_STEPS = {(step.before, step.verb): step for step in TRANSITIONS}


@dataclass(frozen=True, slots=True)
class Record:
    """One warrant in the register. `serial` counts the statements made to the carrier.

    `approved_leaf` is where its approval stands in the log; `opened` says that its seal has been broken there.
    """

    claims: Claims
    jws: GeneralJws
    seal: Seal
    status: Status
    serial: int = 0
    reason: str = ""
    approved_leaf: int | None = None
    opened: bool = False

    @property
    def open_after(self) -> int:
        """When the public learns what was sealed (ms): the day on which the warrant expires."""
        return self.claims.exp * 1000

    def __repr__(self) -> str:
        return f"<Record {self.claims.jti} {self.status}>"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a judge, signed in with her own certificate, asks for. `reason` stays in the register."""

    verb: Verb
    judge: Identity
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Which court this is, for which carrier, and whose signature counts."""

    court: Identity
    carrier: Identity
    judge: Identity

    @property
    def jurisdiction(self) -> str:
        """The two letters that every leaf of this court carries."""
        return self.court.name.upper()


def apply(jws: GeneralJws, applicants: Keys, caller: Identity, place: Place, now: int) -> Application:
    """Take an application; raises `Yours` or `Policy`.

    1. One signature, by a pinned applicant, over well-formed claims. 2. Made by whoever hands it in, for his own
    agency. 3. To this court, for its carrier. 4. Not over yet, and for minutes to come.
    """
    application = verify_application(jws, applicants)  # 1
    claims = application.claims
    if applicant_of(jws) != caller or claims.agency != caller.name:  # 2
        raise Forbidden("court.applicant", "Hand in your own application, for your own agency.")
    if claims.iss != place.court.name:  # 3
        raise Policy("court.jurisdiction", f"Set iss to {place.court.name}, this court, or apply to the court meant.")
    if claims.aud != place.carrier.name:
        raise Policy("warrant.carrier", f"Set aud to {place.carrier.name}: no other carrier is in this jurisdiction.")
    if now >= claims.exp * 1000:  # 4
        raise Policy("warrant.expired", "Apply for a warrant that has not expired.")
    if now >= claims.window.until:
        raise Policy("court.past", "Name a window that is not over: a warrant reaches nothing that has passed.")
    return application


def applicant_of(jws: GeneralJws) -> Identity:
    """Name the person whose `kid` stands on the first signature; raises `Yours`."""
    role, _, name = peek_header(jws.signatures[0].protected, "warrant.applicant").kid.partition("/")
    if role != Role.APPLICANT:
        raise Yours("warrant.applicant", "Have the first signature made by an applicant.")
    return Identity(Role.APPLICANT, name)


def seal_for(application: Application, salt: bytes) -> Seal:
    """Seal a warrant: the digest is of the signed payload, the same for the application and the warrant."""
    payload = unb64u(application.jws.payload, "warrant.malformed")
    return Seal(salt, application.claims.jti, hashlib.sha256(payload).digest())


def refused_seal(jws: GeneralJws, salt: bytes) -> Seal:
    """Seal an application that was refused: nobody vouches for a word of it, so the digest is of the whole."""
    return Seal(salt, "refused", hashlib.sha256(msgspec.json.encode(jws)).digest())


def status_at(record: Record, now: int) -> Status:
    """Return what the warrant is at `now` (ms), whether or not its expiry has been recorded yet."""
    if now >= record.claims.exp * 1000 and (record.status, Verb.EXPIRY) in _STEPS:
        return Status.EXPIRED
    return record.status


def step(status: Status, verb: Verb) -> Transition:
    """Return the legal step; raises `Conflict("court.transition")` for every other one."""
    found = _STEPS.get((status, verb))
    if found is None:
        legal = ", ".join(sorted(each.verb for each in TRANSITIONS if each.before is status)) or "nothing"
        raise Conflict("court.transition", f"A warrant that is {status} allows {legal}, not {verb}.")
    return found


def decide(record: Record, decision: Decision, place: Place, now: int) -> Transition:
    """Return the step that this decision takes at `now` (ms); raises `Yours`.

    1. The configured judge. 2. Not the applicant himself. 3. A legal step from what the warrant is now. 4. A
    rejection gives its reason.
    """
    judge = decision.judge
    if judge != place.judge:  # 1
        raise Forbidden("court.judge", f"Sign in as {place.judge}: nobody else's signature counts here.")
    if applicant_of(record.jws).name == judge.name:  # 2
        raise Forbidden("warrant.four_eyes", "Have somebody other than the applicant decide.")
    taken = step(status_at(record, now), decision.verb)  # 3
    if decision.verb is Verb.REJECTION and not decision.reason:  # 4
        raise Yours("court.reason", "Give the reason for which the application is rejected.")
    return taken


def signed(record: Record, decision: Decision, applicants: Keys, key: SigningKey) -> GeneralJws:
    """Return the warrant after a decision: an approval checks the application again and adds the judge's signature.

    Raises `Yours` if the applicant's key is pinned no longer, or is the judge's own.
    """
    if decision.verb is not Verb.APPROVAL:
        return record.jws
    return approve(verify_application(record.jws, applicants), key, str(decision.judge))


def leaf_for(record: Record, kind: LeafType, place: Place, now: int) -> Leaf:
    """Write the leaf for a change of state. Only an approval carries a date: what was never approved stays sealed."""
    return Leaf(
        type=kind,
        ts=now,
        jurisdiction=place.jurisdiction,
        agency=record.claims.agency,
        party=place.court.uri,
        commitment=record.seal.commit(),
        detail=REASON_ON_FILE if kind == "warrant.rejected" else None,
        open_after=record.open_after if kind == "warrant.approved" else None,
    )


def opening_for(record: Record, place: Place, now: int) -> Leaf:
    """Write the leaf that breaks the seal of an approved warrant; raises `Conflict` before its date."""
    if record.approved_leaf is None or now < record.open_after:
        raise Conflict("court.sealed", "Open the seal of an approved warrant, after it has expired.")
    return Leaf(
        type="seal.opened",
        ts=now,
        jurisdiction=place.jurisdiction,
        agency=record.claims.agency,
        party=place.court.uri,
        commitment=record.seal.commit(),
        opens=record.seal.opening(record.approved_leaf),
    )


def refusal_for(seal: Seal, code: str, agency: str, place: Place, now: int) -> Leaf:
    """Write the leaf for an application that was refused."""
    return Leaf(
        type="warrant.refused",
        ts=now,
        jurisdiction=place.jurisdiction,
        agency=agency,
        party=place.court.uri,
        commitment=seal.commit(),
        detail=code,
    )


def statement_for(record: Record, taken: Transition, key: SigningKey, judge: Identity, now: int) -> str:
    """Sign what the carrier is told after this step, under the next serial of this warrant."""
    return sign_status(StatusStatement(record.claims.jti, taken.after, record.serial + 1, now), key, str(judge))
