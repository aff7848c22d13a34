"""Log first, act second: what a carrier must show before anybody acts on a warrant. Pure.

    VerifiedWarrant + Evidence -> verify_logged_warrant -> LoggedWarrant

A task takes a `LoggedWarrant`, so it cannot be set without one.
"""

from dataclasses import dataclass

import msgspec

from services.wire.checkpoint import LoggedLeaf, PinnedLog, ProofOfLogging, verify_logged
from services.wire.encoding import b64u, unb64u
from services.wire.errors import Policy
from services.wire.leaf import Seal, verify_sealed
from services.wire.warrant import VerifiedWarrant


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a warrant was logged: the proof for its `warrant.served` leaf, and the salt of its seal (base64url)."""

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

    1. The leaf stands in a witnessed checkpoint of the pinned log. 2. It says `warrant.served`. 3. It commits to this
    warrant.
    """
    logged = verify_logged(shown.proof, pinned)  # 1
    if logged.leaf.type != "warrant.served":  # 2
        raise Policy("evidence.type", "Show the leaf that says that this warrant was served.")
    seal = Seal(unb64u(shown.salt, "leaf.seal"), warrant.claims.jti, warrant.digest)
    verify_sealed(logged.leaf, seal)  # 3
    return LoggedWarrant(warrant, logged)
