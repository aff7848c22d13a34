"""What a court may do with a warrant, and when. Pure: no clock, no randomness, no I/O. It knows no message key.

The states are those of an Authorisation in ETSI TS 103 120. `TRANSITIONS` is the whole law: what is not in it is
refused. Expiry is nobody's decision: it is read off the clock (`status_at`) and recorded afterwards.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tiers.wire.errors import Conflict, Forbidden, Policy, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, SigningKey, peek_header
from tiers.wire.lawful.warrant import (
    MAX_WORD_MS,
    Application,
    Claims,
    Keys,
    Status,
    StatusStatement,
    approve,
    check_prospective,
    seal_of,
    sign_status,
    verify_application,
)
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Author, Leaf, LeafType, Seal

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
    Transition(Status.AWAITING_APPROVAL, Verb.APPROVAL, Status.APPROVED, "warrant.approved", tell_carrier=True),
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
    """One warrant in the register. `serial` counts the statements made to the carrier, the last of them at `said` (ms).

    `approved` shows its approval in the log; `opened` says that its seal has been broken there.
    """

    claims: Claims
    jws: GeneralJws
    status: Status
    serial: int = 0
    said: int = 0
    reason: str = ""
    approved: ProofOfLogging | None = None
    opened: bool = False

    @property
    def seal(self) -> Seal:
        return seal_of(self.claims)

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
    """Which court this is, for which carrier, whose signature counts, and how long its word holds (ms)."""

    author: Author
    carrier: Identity
    judge: Identity
    word_ms: int = MAX_WORD_MS

    @property
    def court(self) -> Identity:
        return self.author.party


def apply(jws: GeneralJws, applicants: Keys, caller: Identity, place: Place, now: int) -> Application:
    """Take an application; raises `Yours` or `Policy`.

    1. One signature, by a pinned applicant, over well-formed claims. 2. Made by whoever hands it in, for his own
    agency. 3. To this court, for its carrier. 4. For minutes to come.
    """
    application = verify_application(jws, applicants)  # 1
    claims = application.claims
    if applicant_of(jws) != caller or claims.agency != caller.name:  # 2
        raise Forbidden("court.applicant", "Hand in your own application, for your own agency.")
    if claims.iss != place.court.name:  # 3
        raise Policy("court.jurisdiction", f"Set iss to {place.court.name}, this court, or apply to the court meant.")
    if claims.aud != place.carrier.name:
        raise Policy("warrant.carrier", f"Set aud to {place.carrier.name}: no other carrier is in this jurisdiction.")
    check_prospective(claims, now)  # 4
    return application


def applicant_of(jws: GeneralJws) -> Identity:
    """Name the person whose `kid` stands on the first signature; raises `Yours`."""
    role, _, name = peek_header(jws.signatures[0].protected, "warrant.applicant").kid.partition("/")
    if role != Role.APPLICANT:
        raise Yours("warrant.applicant", "Have the first signature made by an applicant.")
    return Identity(Role.APPLICANT, name)


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


def signed(record: Record, decision: Decision, applicants: Keys, key: SigningKey, now: int) -> GeneralJws:
    """Return the warrant after a decision: an approval checks the application again and adds the judge's signature.

    Raises `Yours` if the applicant's key is pinned no longer, or is the judge's own; `Policy` if the window has begun.
    """
    if decision.verb is not Verb.APPROVAL:
        return record.jws
    check_prospective(record.claims, now)
    return approve(verify_application(record.jws, applicants), key, str(decision.judge))


def leaf_for(record: Record, kind: LeafType, place: Place, now: int) -> Leaf:
    """Write the leaf for a change of state. Only an approval carries a date: what was never approved stays sealed."""
    return place.author.leaf(
        kind,
        now,
        record.claims.agency,
        record.seal.commit(),
        detail=REASON_ON_FILE if kind == "warrant.rejected" else None,
        open_after=record.open_after if kind == "warrant.approved" else None,
    )


def opening_for(record: Record, place: Place, now: int) -> Leaf:
    """Write the leaf that breaks the seal of an approved warrant; raises `Conflict` before its date."""
    if record.approved is None or now < record.open_after:
        raise Conflict("court.sealed", "Open the seal of an approved warrant, after it has expired.")
    opens = record.seal.opening(record.approved.index)
    return place.author.leaf("seal.opened", now, record.claims.agency, record.seal.commit(), opens=opens)


def due(record: Record, place: Place, now: int) -> bool:
    """Whether a warrant that stands must be spoken for again: a quarter of the last word's time is over.

    Or it was said by a clock that was ahead, and nobody takes it now.
    """
    spoken_for = record.said <= now < record.said + place.word_ms // 4
    return status_at(record, now) is Status.APPROVED and not spoken_for


def word_on(record: Record, status: Status, place: Place, key: SigningKey, now: int) -> str:
    """Sign what the carrier is told: what the warrant is now, under the next serial, and how long that holds.

    What ends or suspends a warrant holds until the warrant would have expired.
    """
    exp = record.claims.exp * 1000
    until = min(now + place.word_ms, exp) if status is Status.APPROVED else exp
    said = StatusStatement(record.claims.jti, record.seal.commit(), status, record.serial + 1, now, until)
    return sign_status(said, key, str(place.judge))
