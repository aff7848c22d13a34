"""Leaves of the public log and the seals on them. Pure; salts come from outside.

A leaf is RFC 8785 canonical JSON: one spelling, so the same fact has one leaf hash. It says that something
happened, when, and by whose order, and it names no target: the warrant is a salted commitment. After the
warrant's `open_after` date a `seal.opened` leaf reveals the salt, and anybody can check what was sealed.
Specification: docs/spec/ledger.md.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal, TypedDict, Unpack

import msgspec
import rfc8785
from msgspec import Meta

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TooLarge, Yours
from tiers.wire.identity import Identity, Role

MAX_LEAF = 1_024  # bytes of canonical JSON
MAX_TIME_MS = 2**53 - 1  # RFC 8785 numbers are exact up to here
MAX_JTI = 64
SALT_BYTES = 32
DIGEST_BYTES = 32

LeafType = Literal[
    "warrant.applied", "warrant.approved", "warrant.rejected", "warrant.suspended", "warrant.resumed",
    "warrant.cancelled", "warrant.expired", "warrant.served", "warrant.refused",
    "task.activated", "task.deactivated", "task.refused",
    "grant.released", "grant.refused", "order.answered", "loss.recorded", "seal.opened",
]  # fmt: skip

_COURT, _CARRIER, _GATEWAY = (frozenset({role}) for role in (Role.COURT, Role.CARRIER, Role.GATEWAY))
WRITERS: Mapping[LeafType, frozenset[Role]] = {
    "warrant.applied": _COURT,
    "warrant.approved": _COURT,
    "warrant.rejected": _COURT,
    "warrant.suspended": _COURT,
    "warrant.resumed": _COURT,
    "warrant.cancelled": _COURT,
    "warrant.expired": _COURT | _CARRIER,
    "warrant.served": _CARRIER,
    "warrant.refused": _COURT | _CARRIER | {Role.AUDITOR},
    "task.activated": _GATEWAY,
    "task.deactivated": _GATEWAY,
    "task.refused": _GATEWAY,
    "grant.released": _CARRIER | _COURT,
    "grant.refused": _CARRIER | _COURT,
    "order.answered": _GATEWAY | {Role.CUSTOMER},
    "loss.recorded": _GATEWAY,
    "seal.opened": _COURT | _CARRIER,
}
"""Which role may append which type: nobody logs what is another's to do."""

# Facts about an interception that begins: the public must learn one day what was sealed here.
MUST_OPEN = frozenset({"warrant.approved", "warrant.served"})
# Facts that mean nothing without their reason.
MUST_GIVE_REASON = frozenset({"warrant.rejected", "warrant.refused", "task.refused", "grant.refused", "order.answered"})

_B64U_32 = r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z"  # the two unused bits are zero
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
Index = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
Jurisdiction = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
Jti = Annotated[str, Meta(pattern=rf"^[!-~]{{1,{MAX_JTI}}}\Z")]
# `area.what` in letters: no digit fits, so no number of a subscriber does.
Detail = Annotated[str, Meta(pattern=r"^[a-z_]{1,24}\.[a-z_]{1,39}\Z")]


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What breaks a seal: the index of the sealed leaf, the salt, and the two things that were committed to."""

    index: Index
    salt: Annotated[str, Meta(pattern=_B64U_32)]
    jti: Jti
    digest: Annotated[str, Meta(pattern=_B64U_32)]


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One fact in the public log. Times are milliseconds since 1970; docs/spec/ledger.md gives each member."""

    type: LeafType
    ts: Milliseconds
    jurisdiction: Jurisdiction
    agency: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
    party: Annotated[str, Meta(pattern=r"^spiffe://tiers\.example/[a-z]{1,20}/[A-Za-z0-9-]{1,40}\Z")]
    commitment: Annotated[str, Meta(pattern=_B64U_32)]
    detail: Detail | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_TIME_MS)] | None = None
    open_after: Milliseconds | None = None
    opens: Opening | None = None
    terms: Annotated[str, Meta(pattern=_B64U_32)] | None = None

    def __post_init__(self) -> None:
        """Hold the members against the type; raises `Yours("leaf.members")`."""
        for member, fits in (
            ("detail", self.detail is not None or self.type not in MUST_GIVE_REASON),
            ("count", self.count is not None or self.type != "loss.recorded"),
            ("count", self.count is None or self.type == "loss.recorded" or self.type.endswith(".refused")),
            ("terms", (self.terms is not None) == (self.type == "grant.released")),
            ("open_after", self.open_after is not None or self.type not in MUST_OPEN),
            ("open_after", self.open_after is None or self.type.startswith("warrant.")),
            ("opens", (self.opens is not None) == (self.type == "seal.opened")),
        ):
            if not fits:
                raise Yours("leaf.members", f"Look up which leaf types carry {member} in docs/spec/ledger.md.")


@dataclass(frozen=True, slots=True, repr=False)
class Seal:
    """A salted commitment to one warrant (its `jti` and the SHA-256 of its payload), or to one refused request.

    Whoever holds the seal can show what a leaf is about; nobody else can guess it. A warrant has one seal, whoever logs
    (`tiers.wire.lawful.warrant.seal_of`).
    """

    salt: bytes
    jti: str
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES or len(self.digest) != DIGEST_BYTES:
            raise Yours("leaf.seal", f"Seal with {SALT_BYTES} random bytes and a SHA-256 digest.")
        if not 1 <= len(self.jti) <= MAX_JTI or any(not "!" <= character <= "~" for character in self.jti):
            raise Yours("leaf.seal", f"Seal with the warrant's jti, 1 to {MAX_JTI} visible ASCII characters.")

    def __repr__(self) -> str:
        return "<Seal>"

    def commit(self) -> str:
        """Return the leaf's `commitment`: base64url(SHA-256(salt ‖ jti ‖ digest)); salt and digest are 32 bytes."""
        return b64u(sha256(self.salt + self.jti.encode("ascii") + self.digest).digest())

    def opening(self, index: int) -> Opening:
        """Return the `opens` member that breaks this seal on leaf `index`."""
        return Opening(index=index, salt=b64u(self.salt), jti=self.jti, digest=b64u(self.digest))


class _More(TypedDict, total=False):
    detail: str | None
    count: int | None
    open_after: int | None
    opens: Opening
    terms: str


@dataclass(frozen=True, slots=True)
class Author:
    """A party that logs, and the jurisdiction (ISO 3166-1) that stands on its leaves."""

    party: Identity
    jurisdiction: str

    def leaf(self, kind: LeafType, now: int, agency: str, commitment: str, **more: Unpack[_More]) -> Leaf:
        """Write a leaf of this party, dated `now` (ms)."""
        where, who = self.jurisdiction, self.party.uri
        return Leaf(type=kind, ts=now, jurisdiction=where, agency=agency, party=who, commitment=commitment, **more)


def encode_leaf(leaf: Leaf) -> bytes:
    """Return the canonical JSON (RFC 8785) that the log stores; raises `Yours` for a leaf that nobody could read."""
    entry = _canonical(leaf)
    parse_leaf(entry)
    return entry


def parse_leaf(entry: bytes) -> Leaf:
    """Read an entry of the log, in its one spelling only; raises `Yours` (`leaf.*`)."""
    if len(entry) > MAX_LEAF:
        raise TooLarge("leaf.too_large", f"Send a leaf of at most {MAX_LEAF} bytes.")
    try:
        leaf = msgspec.json.decode(entry, type=Leaf)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Yours("leaf.malformed", "Send a leaf as docs/spec/ledger.md describes it.") from None
    if _canonical(leaf) != entry:
        raise Yours("leaf.not_canonical", "Send the leaf as canonical JSON (RFC 8785), without optional nulls.")
    return leaf


def _canonical(leaf: Leaf) -> bytes:
    try:
        return rfc8785.dumps(msgspec.to_builtins(leaf))
    except rfc8785.CanonicalizationError:
        raise Yours("leaf.malformed", "Keep numbers below 2^53 and text free of lone surrogates.") from None


def verify_sealed(leaf: Leaf, seal: Seal) -> Leaf:
    """Return `leaf` if it commits to what `seal` holds; raises `Yours("leaf.wrong_commitment")`."""
    if not hmac.compare_digest(leaf.commitment.encode(), seal.commit().encode()):
        raise Yours("leaf.wrong_commitment", "Send the seal that was made for this warrant with this leaf.")
    return leaf


def verify_opening(opened: Leaf, sealed: Leaf) -> Seal:
    """Return the seal that the leaf `opened` (`seal.opened`) breaks on the leaf `sealed`, which stands at its index.

    1. `opened` carries an opening and `sealed` carries a date. 2. The date has passed. 3. Both leaves and the
    opening commit to the same thing. Raises `Yours` (`leaf.*`).
    """
    if opened.opens is None or sealed.open_after is None:  # 1
        raise Yours("leaf.not_sealed", "Open the index of a leaf that carries open_after.")
    if opened.ts < sealed.open_after:  # 2
        raise Yours("leaf.sealed_until", "Wait until the date in open_after before you open this seal.")
    opens = opened.opens
    seal = Seal(unb64u(opens.salt, "leaf.seal"), opens.jti, unb64u(opens.digest, "leaf.seal"))
    verify_sealed(sealed, seal)  # 3
    verify_sealed(opened, seal)
    return seal
