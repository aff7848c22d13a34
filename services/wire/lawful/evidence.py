"""Log first, act second: what a carrier must show before anybody acts on a warrant. Pure.

    VerifiedWarrant + Evidence -> verify_logged_warrant -> LoggedWarrant

A task takes a `LoggedWarrant`, so it cannot be set without one. A grant brings the evidence of its own release.
"""

from dataclasses import dataclass

import msgspec

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Policy
from tiers.wire.lawful.warrant import Claims, VerifiedWarrant, digest_of
from tiers.wire.log.checkpoint import LoggedLeaf, PinnedLog, ProofOfLogging, verify_logged
from tiers.wire.log.leaf import Seal, verify_sealed


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That something about a warrant was logged: the proof for the leaf, and the salt of its seal (base64url)."""

    proof: ProofOfLogging
    salt: str

    def __repr__(self) -> str:
        return f"<Evidence {self.proof.index}>"


@dataclass(frozen=True, slots=True)
class LoggedWarrant:
    """A verified warrant that stands in a witnessed log: made by `verify_logged_warrant` only."""

    warrant: VerifiedWarrant
    leaf: LoggedLeaf


def evidence(proof: ProofOfLogging, seal: Seal) -> Evidence:
    """Make the evidence for a warrant that was logged under `seal`."""
    return Evidence(proof, b64u(seal.salt))


def verify_logged_warrant(warrant: VerifiedWarrant, shown: Evidence, pinned: PinnedLog) -> LoggedWarrant:
    """Check that this very warrant was logged as served; raises `Yours` or `Policy`.

    1. The leaf stands in a witnessed checkpoint of the pinned log. 2. It commits to this warrant. 3. It says
    `warrant.served`.
    """
    logged = verify_evidence(shown, warrant.claims, pinned)  # 1, 2
    if logged.leaf.type != "warrant.served":  # 3
        raise Policy("evidence.type", "Show the leaf that says that this warrant was served.")
    return LoggedWarrant(warrant, logged)


def verify_evidence(shown: Evidence, claims: Claims, pinned: PinnedLog) -> LoggedLeaf:
    """Check that a leaf about this very warrant stands in a witnessed checkpoint of the pinned log; raises `Yours`.

    What the leaf says of it (`warrant.served`, `grant.released`) is the caller's to check.
    """
    logged = verify_logged(shown.proof, pinned)
    verify_sealed(logged.leaf, Seal(unb64u(shown.salt, "leaf.seal"), claims.jti, digest_of(claims)))
    return logged
