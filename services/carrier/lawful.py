"""What a carrier may do with a warrant, and what it must do next. Pure: no clock, no randomness, no socket.

    verify_warrant, the court's word -> authorise -> [warrant.served logged] -> [task at the relay]
    the court's next word                         -> [the same task, for as long as that holds]
    suspension, cancellation, expiry, no word     -> [no task at the relay]
    the end, and the date in open_after           -> [seal.opened logged]

An `Authorisation` (ETSI TS 103 120) is the carrier's whole memory of one warrant. It is written down before anything
is done, and `next_step` says what is still to do, so a crash between any two steps is finished later.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tiers.wire.api.gateway import ActivateTask
from tiers.wire.errors import Conflict, Forbidden, Missing, Policy
from tiers.wire.keys.jose import GeneralJws, HpkeJwk
from tiers.wire.lawful.evidence import LoggedWarrant
from tiers.wire.lawful.release import AskGrant, Release, check_release
from tiers.wire.lawful.warrant import (
    NO_LONGER,
    Claims,
    Status,
    StatusStatement,
    VerifiedWarrant,
    check_in_force,
    check_prospective,
    check_standing,
    seal_of,
)
from tiers.wire.log.checkpoint import LoggedLeaf, ProofOfLogging
from tiers.wire.log.leaf import Author, Leaf, Seal

_MAY_BECOME = {
    Status.APPROVED: {Status.APPROVED, Status.SUSPENDED, Status.CANCELLED, Status.EXPIRED},
    Status.SUSPENDED: {Status.SUSPENDED, Status.APPROVED, Status.CANCELLED, Status.EXPIRED},
}


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The court's latest word on a warrant: what it says, and the statement as the judge signed it."""

    said: StatusStatement
    token: str


class Authorisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One warrant that was served here.

    `outbox` are the facts that are still to be logged, oldest first; `evidence` shows the leaf `warrant.served`. `xid`
    is a task that may stand at the relay, `active` the serial of the court's word under which it does (0: it does
    not); `refused` that the relay said no. `opening` that the seal's opening is logged, or on its way.
    """

    jws: GeneralJws
    claims: Claims
    word: Word
    outbox: tuple[Leaf, ...] = ()
    evidence: ProofOfLogging | None = None
    status: Status = Status.APPROVED
    xids: tuple[str, ...] = ()
    xid: str | None = None
    active: int = 0
    refused: bool = False
    opening: bool = False

    def __repr__(self) -> str:
        return f"<Authorisation {self.claims.jti} {self.status}>"

    @property
    def seal(self) -> Seal:
        return seal_of(self.claims)

    @property
    def finished(self) -> bool:
        """Whether nothing will ever be left to do."""
        return self.opening and not self.outbox and self.xid is None


@dataclass(frozen=True, slots=True)
class Activate:
    """Set a task at the relay, or show it the court's newer word on one."""

    xid: str


@dataclass(frozen=True, slots=True)
class Deactivate:
    """Take a task from the relay."""

    xid: str


@dataclass(frozen=True, slots=True)
class Served:
    """A warrant that the log says was served here, with the proof."""

    auth: Authorisation
    evidence: ProofOfLogging


def check_new(known: Authorisation | None, warrant: VerifiedWarrant) -> Authorisation | None:
    """Return what is known of a warrant that is served again and not yet carried out; raises `Conflict`."""
    if known is None:
        return None
    if known.claims != warrant.claims:
        raise Conflict("warrant.other_jti", "Apply for a warrant with a jti of its own: this one names another.")
    if known.active or known.status is not Status.APPROVED:
        raise Conflict("warrant.already_served", "Go on: this warrant was served before.")
    return msgspec.structs.replace(known, refused=False)


def authorise(author: Author, warrant: VerifiedWarrant, word: Word | None, now: int) -> Authorisation:
    """Take on a warrant at its first serving, by the court's latest word on it. Raises `Conflict` or `Policy`.

    1. Its window does not begin before it is served. 2. The court has said that it stands, and that word holds.
    """
    claims = check_prospective(warrant.claims, now)  # 1
    if word is None:  # 2
        detail = "Serve it again once the court has told this carrier that it stands."
        raise Conflict("warrant.no_word", detail)
    check_standing(word.said, now)
    auth = Authorisation(jws=warrant.jws, claims=claims, word=word)
    served = author.leaf("warrant.served", now, claims.agency, auth.seal.commit(), open_after=claims.exp * 1000)
    return _with(auth, served)


def heed(auth: Authorisation, word: Word) -> Authorisation:
    """Let a court's word take effect; the last one again changes nothing. Raises `Conflict`.

    Words may be missing: the court sends the latest only.
    """
    said, last = word.said, auth.word.said
    if (said.serial, said.status) == (last.serial, last.status):
        return auth
    if said.serial <= last.serial:
        raise Conflict("warrant.serial", "Number each statement on a warrant one higher than the last.")
    if said.status not in _MAY_BECOME.get(auth.status, ()):
        raise Conflict("warrant.transition", f"This warrant is {auth.status}: it cannot become {said.status}.")
    return msgspec.structs.replace(auth, status=said.status, word=word, refused=False)


def advance(auth: Authorisation, author: Author, now: int) -> Authorisation:
    """Let the clock take effect: a warrant expires, and its seal is to be opened."""
    if now < auth.claims.exp * 1000:
        return auth
    agency, seal = auth.claims.agency, auth.seal
    if auth.status in _MAY_BECOME:
        expired = author.leaf("warrant.expired", now, agency, seal.commit())
        auth = _with(msgspec.structs.replace(auth, status=Status.EXPIRED), expired)
    if auth.evidence is not None and not auth.opening:
        opened = author.leaf("seal.opened", now, agency, seal.commit(), opens=seal.opening(auth.evidence.index))
        auth = _with(msgspec.structs.replace(auth, opening=True), opened)
    return auth


def next_step(auth: Authorisation, now: int, fresh: str) -> Activate | Deactivate | None:
    """Say what is to be done at the relay; `fresh` is an XID for a new task. A task needs a logged warrant."""
    in_force = auth.claims.nbf * 1000 <= now < min(auth.claims.exp * 1000, auth.word.said.holds_until)
    wanted = auth.status is Status.APPROVED and in_force and auth.evidence is not None and not auth.refused
    if wanted and auth.active != auth.word.said.serial:
        return Activate(auth.xid or fresh)
    return Deactivate(auth.xid) if auth.xid and not wanted else None


def activation(logged: LoggedWarrant, auth: Authorisation) -> ActivateTask:
    """Write the order to the relay: it takes a warrant that stands in the log, and the court's word."""
    return ActivateTask(logged.warrant.jws, logged.leaf.proof, auth.word.token)


def tasking(auth: Authorisation, xid: str) -> Authorisation:
    xids = auth.xids if xid in auth.xids else (*auth.xids, xid)
    return msgspec.structs.replace(auth, xid=xid, xids=xids)


def activated(auth: Authorisation) -> Authorisation:
    return msgspec.structs.replace(auth, active=auth.word.said.serial)


def deactivated(auth: Authorisation) -> Authorisation:
    return msgspec.structs.replace(auth, active=0, xid=None)


def turned_down(auth: Authorisation) -> Authorisation:
    return msgspec.structs.replace(auth, active=0, xid=None, refused=True)


def logged(auth: Authorisation, done: LoggedLeaf) -> Authorisation:
    """Note that a fact stands in the log; the warrant's own leaf becomes the evidence to show."""
    outbox = tuple(leaf for leaf in auth.outbox if leaf != done.leaf)
    if done.leaf.type == "warrant.served" and auth.evidence is None:
        return msgspec.structs.replace(auth, outbox=outbox, evidence=done.proof)
    return msgspec.structs.replace(auth, outbox=outbox)


def dated(auth: Authorisation, leaf: Leaf, now: int) -> Authorisation:
    """Date a fact anew that waited so long that the log no longer takes its time."""
    again = msgspec.structs.replace(leaf, ts=now)
    return msgspec.structs.replace(auth, outbox=tuple(again if one == leaf else one for one in auth.outbox))


def check_grant(
    auth: Authorisation | None, ask: AskGrant, agency: str, auditors: Mapping[str, HpkeJwk], now: int
) -> Release:
    """Decide on a grant that the auditor of `agency` asks for at `now` (ms); raises `Yours` or `Policy`.

    The warrant was served here, the court's word on it stands, and what carrier and court check alike
    (`check_release`). That the nonce is new is the caller's to check.
    """
    served = _for_agency(auth, agency, "grant")
    check_standing_here(served.auth, now)
    return check_release(ask, served.auth.claims, agency, auditors, served.evidence, now)


def check_product(auth: Authorisation | None, agency: str, now: int) -> Served:
    """Decide who may fetch the product: the agency of a warrant in force; raises `Yours` or `Policy`."""
    served = _for_agency(auth, agency, "product")
    check_standing_here(served.auth, now)
    return served


def check_standing_here(auth: Authorisation, now: int) -> Authorisation:
    """Return an authorisation that is in force at `now` (ms), and has not ended here before; raises `Policy`."""
    if auth.status in NO_LONGER:  # a clock may come back
        raise Policy(*NO_LONGER[auth.status])
    check_in_force(auth.claims, now)
    check_standing(auth.word.said, now)
    return auth


def _for_agency(auth: Authorisation | None, agency: str, area: str) -> Served:
    if auth is None or auth.evidence is None:
        raise Missing(f"{area}.no_warrant", "Serve the warrant on this carrier first.")
    if auth.claims.agency != agency:
        raise Forbidden(f"{area}.agency", "Leave it to the agency that the warrant names.")
    return Served(auth, auth.evidence)


def _with(auth: Authorisation, leaf: Leaf) -> Authorisation:
    return msgspec.structs.replace(auth, outbox=(*auth.outbox, leaf))
