"""What a carrier may do with a warrant, and what it must do next. Pure: no clock, no randomness, no socket.

    verify_warrant -> authorise -> [warrant.served logged] -> [task at the relay] -> [task.activated logged]
    suspension, cancellation, expiry        -> [no task at the relay] -> [task.deactivated logged]
    the end, and the date in open_after     -> [seal.opened logged]

An `Authorisation` (ETSI TS 103 120) is the carrier's whole memory of one warrant. It is written down before anything
is done, and `next_step` says what is still to do, so a crash between any two steps is finished later.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tiers.wire.api.carrier import AskGrant
from tiers.wire.api.gateway import ActivateTask
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Conflict, Forbidden, Missing, Policy
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import GeneralJws, HpkeJwk
from tiers.wire.lawful.evidence import Evidence, LoggedWarrant
from tiers.wire.lawful.grant import granted_epochs
from tiers.wire.lawful.warrant import Claims, Status, StatusStatement, VerifiedWarrant, check_in_force
from tiers.wire.log.checkpoint import LoggedLeaf
from tiers.wire.log.leaf import Leaf, LeafType, Opening, Seal
from tiers.wire.message.sealing import HpkePublicKey

JURISDICTION = "IN"
_MAY_BECOME = {
    Status.APPROVED: {Status.APPROVED, Status.SUSPENDED, Status.CANCELLED, Status.EXPIRED},
    Status.SUSPENDED: {Status.SUSPENDED, Status.APPROVED, Status.CANCELLED, Status.EXPIRED},
}
_NO_LONGER = {
    Status.SUSPENDED: ("warrant.suspended", "Wait until the court has resumed this warrant."),
    Status.CANCELLED: ("warrant.cancelled", "Apply for a new warrant: the court has cancelled this one."),
    Status.EXPIRED: ("warrant.expired", "Apply for a new warrant: this one has expired."),
}


class Authorisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One warrant that was served here.

    `outbox` are the facts that are still to be logged, oldest first. `xid` is a task that may stand at the relay,
    `active` that it does; `refused` that the relay said no. `opening` that the seal's opening is logged, or on its way.
    """

    jws: GeneralJws
    claims: Claims
    digest: str
    salt: str
    outbox: tuple[Leaf, ...]
    evidence: Evidence | None = None
    status: Status = Status.APPROVED
    serial: int = 0
    xids: tuple[str, ...] = ()
    xid: str | None = None
    active: bool = False
    refused: bool = False
    opening: bool = False

    def __repr__(self) -> str:
        return f"<Authorisation {self.claims.jti} {self.status}>"

    @property
    def seal(self) -> Seal:
        """What the log's commitments to this warrant are made of."""
        return Seal(unb64u(self.salt, "leaf.seal"), self.claims.jti, unb64u(self.digest, "leaf.seal"))

    @property
    def finished(self) -> bool:
        """Whether nothing will ever be left to do."""
        return self.opening and not self.outbox and self.xid is None


@dataclass(frozen=True, slots=True)
class Activate:
    """Set a task at the relay."""

    xid: str


@dataclass(frozen=True, slots=True)
class Deactivate:
    """Take a task from the relay."""

    xid: str


def check_new(known: Authorisation | None, warrant: VerifiedWarrant) -> Authorisation | None:
    """Return what is known of a warrant that is served again and not yet carried out; raises `Conflict`."""
    if known is None:
        return None
    if known.digest != b64u(warrant.digest):
        raise Conflict("warrant.other_jti", "Apply for a warrant with a jti of its own: this one names another.")
    if known.active or known.status is not Status.APPROVED:
        raise Conflict("warrant.already_served", "Go on: this warrant was served before.")
    return msgspec.structs.replace(known, refused=False)


def authorise(warrant: VerifiedWarrant, said: StatusStatement | None, salt: bytes, now: int) -> Authorisation:
    """Take on a warrant at its first serving; `said` is the court's last word on it, if it had one. Raises `Policy`."""
    claims = warrant.claims
    if said is not None and said.status in _NO_LONGER:
        raise Policy(*_NO_LONGER[said.status])
    auth = Authorisation(
        jws=warrant.jws,
        claims=claims,
        digest=b64u(warrant.digest),
        salt=b64u(salt),
        outbox=(),
        serial=said.serial if said else 0,
    )
    return _with(auth, fact(auth, "warrant.served", now, open_after=claims.exp * 1000))


def heed(auth: Authorisation, said: StatusStatement) -> Authorisation:
    """Let a court's statement take effect; the last one again changes nothing. Raises `Conflict`.

    Statements may be missing: the court sends the latest word only.
    """
    if (said.serial, said.status) == (auth.serial, auth.status):
        return auth
    if said.serial <= auth.serial:
        raise Conflict("warrant.serial", "Number each statement on a warrant one higher than the last.")
    if said.status not in _MAY_BECOME.get(auth.status, ()):
        raise Conflict("warrant.transition", f"This warrant is {auth.status}: it cannot become {said.status}.")
    return msgspec.structs.replace(auth, status=said.status, serial=said.serial, refused=False)


def advance(auth: Authorisation, now: int) -> Authorisation:
    """Let the clock take effect: a warrant expires, and a while later its seal is to be opened."""
    over = now >= auth.claims.exp * 1000
    if over and auth.status in _MAY_BECOME:
        auth = _with(msgspec.structs.replace(auth, status=Status.EXPIRED), fact(auth, "warrant.expired", now))
    if over and auth.evidence is not None and not auth.opening:
        opens = auth.seal.opening(auth.evidence.proof.index)
        auth = _with(msgspec.structs.replace(auth, opening=True), fact(auth, "seal.opened", now, opens=opens))
    return auth


def next_step(auth: Authorisation, now: int, fresh: str) -> Activate | Deactivate | None:
    """Say what is to be done at the relay; `fresh` is an XID for a new task. A task needs a logged warrant."""
    in_force = auth.claims.nbf * 1000 <= now < auth.claims.exp * 1000
    wanted = auth.status is Status.APPROVED and in_force and auth.evidence is not None and not auth.refused
    if wanted and not auth.active:
        return Activate(auth.xid or fresh)
    return Deactivate(auth.xid) if auth.xid and not wanted else None


def activation(logged: LoggedWarrant, shown: Evidence) -> ActivateTask:
    """Write the order to the relay: it takes a warrant that stands in the log."""
    return ActivateTask(logged.warrant.jws, shown)


def tasking(auth: Authorisation, xid: str) -> Authorisation:
    """Note that the relay is about to be asked for a task."""
    xids = auth.xids if xid in auth.xids else (*auth.xids, xid)
    return msgspec.structs.replace(auth, xid=xid, xids=xids)


def activated(auth: Authorisation, now: int) -> Authorisation:
    """Note that the task stands."""
    return _with(msgspec.structs.replace(auth, active=True), fact(auth, "task.activated", now))


def deactivated(auth: Authorisation, now: int, *, stood: bool) -> Authorisation:
    """Note that the task is gone; one that never stood leaves no trace in the log."""
    gone = msgspec.structs.replace(auth, active=False, xid=None)
    return _with(gone, fact(auth, "task.deactivated", now)) if stood or auth.active else gone


def turned_down(auth: Authorisation) -> Authorisation:
    """Note that the relay refused the task."""
    return msgspec.structs.replace(auth, active=False, xid=None, refused=True)


def logged(auth: Authorisation, done: LoggedLeaf) -> Authorisation:
    """Note that a fact stands in the log; the warrant's own leaf becomes the evidence to show."""
    outbox = tuple(leaf for leaf in auth.outbox if leaf != done.leaf)
    if done.leaf.type == "warrant.served" and auth.evidence is None:
        return msgspec.structs.replace(auth, outbox=outbox, evidence=Evidence(done.proof, auth.salt))
    return msgspec.structs.replace(auth, outbox=outbox)


def dated(auth: Authorisation, leaf: Leaf, now: int) -> Authorisation:
    """Date a fact anew that waited so long that the log no longer takes its time."""
    again = msgspec.structs.replace(leaf, ts=now)
    return msgspec.structs.replace(auth, outbox=tuple(again if one == leaf else one for one in auth.outbox))


def fact(
    auth: Authorisation,
    kind: LeafType,
    now: int,
    *,
    open_after: int | None = None,
    opens: Opening | None = None,
) -> Leaf:
    """Write a leaf about this warrant."""
    return Leaf(
        type=kind,
        ts=now,
        jurisdiction=JURISDICTION,
        agency=auth.claims.agency,
        party=Identity(Role.CARRIER, auth.claims.aud).uri,
        commitment=auth.seal.commit(),
        open_after=open_after,
        opens=opens,
    )


@dataclass(frozen=True, slots=True)
class GrantOrder:
    """A grant that may be released once that is logged: made by `check_grant` only. Epochs [start, end)."""

    auth: Authorisation
    start: int
    end: int
    kid: str
    to: HpkePublicKey


def check_grant(
    auth: Authorisation | None, ask: AskGrant, agency: str, auditors: Mapping[str, HpkeJwk], now: int
) -> GrantOrder:
    """Decide on a grant that the auditor of `agency` asks for at `now` (ms); raises `Yours` or `Policy`.

    1. The warrant was served here. 2. For this agency, whose key is pinned. 3. In force now. 4. The minutes asked for
    lie in the warrant's window. 5. Whole minutes. 6. Elapsed minutes. 7. The warrant is for content.
    (8. is the caller's: the nonce is new.)
    """
    auth = _for_agency(auth, agency, "grant")  # 1, 2
    kid = f"{Role.AUDITOR}/{agency}/1"
    if kid not in auditors:
        raise Policy("grant.key", f"Have the carrier pin the key {kid} first.")
    check_standing(auth, now)  # 3
    start, end = granted_epochs(ask, auth.claims, now)  # 4 to 7
    return GrantOrder(auth, start, end, kid, HpkePublicKey.from_jwk(auditors[kid]))


def check_product(auth: Authorisation | None, agency: str, now: int) -> Authorisation:
    """Decide who may fetch the product: the agency of a warrant in force; raises `Yours` or `Policy`."""
    return check_standing(_for_agency(auth, agency, "product"), now)


def check_standing(auth: Authorisation, now: int) -> Authorisation:
    """Return an authorisation that is in force at `now` (ms); raises `Policy`."""
    if auth.status in _NO_LONGER:
        raise Policy(*_NO_LONGER[auth.status])
    check_in_force(auth.claims, now)
    return auth


def _for_agency(auth: Authorisation | None, agency: str, area: str) -> Authorisation:
    if auth is None or auth.evidence is None:
        raise Missing(f"{area}.no_warrant", "Serve the warrant on this carrier first.")
    if auth.claims.agency != agency:
        raise Forbidden(f"{area}.agency", "Leave it to the agency that the warrant names.")
    return auth


def _with(auth: Authorisation, leaf: Leaf) -> Authorisation:
    return msgspec.structs.replace(auth, outbox=(*auth.outbox, leaf))
