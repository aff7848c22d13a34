"""Who gets keys, and for which minutes: what carrier and court both check before they release any. Pure.

AskGrant -> check_release -> Release -> [grant.released, logged with `terms`] -> the grant (grant.py)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import b64u
from tiers.wire.errors import Forbidden, Policy, Yours
from tiers.wire.identity import Role
from tiers.wire.keys.jose import HpkeJwk
from tiers.wire.keys.keytree import EPOCH_MS, epoch_of
from tiers.wire.lawful.warrant import Claims, Delivery, check_in_force, seal_of
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Author, Leaf, parse_leaf

_TERMS = b"tiers/v1 release"


class AskGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """`POST /v1/grants`: the keys for [from, until) (ms, whole minutes), sealed to the asking agency's pinned key.

    `nonce` makes one request one grant: the same one again is a replay.
    """

    jti: str
    start: int
    until: int
    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]


@dataclass(frozen=True, slots=True)
class Release:
    """A grant that may be released once that is logged: made by `check_release` only. Epochs [start, end)."""

    claims: Claims
    start: int
    end: int
    nonce: str
    kid: str
    to: HpkeJwk
    since: ProofOfLogging

    def leaf(self, author: Author, now: int) -> Leaf:
        """Write the leaf that must stand in the log first, and that serves this release alone."""
        committed = terms(self.claims, self.start, self.end, self.nonce)
        commitment = seal_of(self.claims).commit()
        return author.leaf("grant.released", now, self.claims.agency, commitment, terms=committed)


def check_release(  # noqa: PLR0913, PLR0917 - what is asked, of which warrant, by whom, when
    ask: AskGrant, claims: Claims, agency: str, auditors: Mapping[str, HpkeJwk], since: ProofOfLogging, now: int
) -> Release:
    """Decide on keys that the auditor of `agency` asks for at `now` (ms). The leaf `since` says when the warrant came.

    1. For this agency, whose key is pinned. 2. In force now. 3. The minutes lie in the warrant's window. 4. Whole
    minutes. 5. None before the minute in which the log says that the warrant came. 6. Elapsed minutes. 7. The warrant
    is for content. Raises `Yours` or `Policy`.
    """
    kid = f"{Role.AUDITOR}/{agency}/1"
    if claims.agency != agency:  # 1
        raise Forbidden("grant.agency", "Leave it to the agency that the warrant names.")
    if kid not in auditors:
        raise Policy("grant.key", f"Have the key {kid} pinned first, by whoever is to give the grant.")
    check_in_force(claims, now)  # 2
    if not claims.window.start <= ask.start < ask.until <= claims.window.until:  # 3
        raise Policy("grant.window", "Ask for minutes that lie in the window of the warrant.")
    if ask.start % EPOCH_MS or ask.until % EPOCH_MS:  # 4
        raise Yours("grant.minutes", "Ask for whole minutes.")
    start, end = epoch_of(ask.start), epoch_of(ask.until)
    check_since(start, dated(since))  # 5
    if end > epoch_of(now):  # 6
        raise Policy("grant.future", "Ask for minutes that have passed, or wait until they have.")
    if claims.delivery is Delivery.IRI:  # 7
        raise Policy("grant.metadata_only", "Apply for a warrant that delivers content: this one is for metadata.")
    return Release(claims, start, end, ask.nonce, kid, auditors[kid], since)


def check_since(start: int, since: int) -> int:
    """Return the epoch `start` if it is not before the minute of `since` (ms); raises `Policy`."""
    if start < epoch_of(since):
        raise Policy("grant.retroactive", "Ask for minutes from the one on in which the warrant stands in the log.")
    return start


def dated(proof: ProofOfLogging) -> int:
    """Return when a leaf that is at hand, and was verified before, was logged (ms)."""
    return parse_leaf(proof.leaf.encode()).ts


def terms(claims: Claims, start: int, end: int, nonce: str) -> str:
    """Commit to one release: base64url(SHA-256(label ‖ the seal's salt ‖ start ‖ end ‖ nonce)), epochs in 4 bytes each.

    Only who asked knows the nonce, so the public learns no window, even once the seal is open.
    """
    window = start.to_bytes(4, "big") + end.to_bytes(4, "big")
    return b64u(sha256(_TERMS + seal_of(claims).salt + window + nonce.encode("ascii")).digest())
