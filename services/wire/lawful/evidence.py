"""Log first, act second: what a carrier must show before anybody acts on a warrant. Pure.

    VerifiedWarrant + ProofOfLogging -> verify_logged_warrant -> LoggedWarrant

A task takes a `LoggedWarrant`, so it cannot be set without one. A grant brings the proof of its own release.
"""

from dataclasses import dataclass

from tiers.wire.errors import Policy
from tiers.wire.lawful.warrant import Claims, VerifiedWarrant, check_prospective, seal_of
from tiers.wire.log.checkpoint import LoggedLeaf, PinnedLog, ProofOfLogging, verify_logged
from tiers.wire.log.leaf import verify_sealed


@dataclass(frozen=True, slots=True)
class LoggedWarrant:
    """A verified warrant that stands in a witnessed log: made by `verify_logged_warrant` only."""

    warrant: VerifiedWarrant
    leaf: LoggedLeaf


def verify_logged_warrant(warrant: VerifiedWarrant, shown: ProofOfLogging, pinned: PinnedLog) -> LoggedWarrant:
    """Check that this very warrant was logged as served; raises `Yours` or `Policy`.

    1. The leaf stands in a witnessed checkpoint of the pinned log. 2. It commits to this warrant. 3. It says
    `warrant.served`. 4. Its seal is to be opened on the day on which the warrant expires. 5. The warrant's window does
    not begin before it was served.
    """
    logged = verify_evidence(shown, warrant.claims, pinned)  # 1, 2
    if logged.leaf.type != "warrant.served":  # 3
        raise Policy("evidence.type", "Show the leaf that says that this warrant was served.")
    if logged.leaf.open_after != warrant.claims.exp * 1000:  # 4
        raise Policy("evidence.open_after", "Log a warrant with the date of its own exp in open_after.")
    check_prospective(warrant.claims, logged.leaf.ts)  # 5
    return LoggedWarrant(warrant, logged)


def verify_evidence(shown: ProofOfLogging, claims: Claims, pinned: PinnedLog) -> LoggedLeaf:
    """Check that a leaf about this very warrant stands in a witnessed checkpoint of the pinned log; raises `Yours`.

    What the leaf says of it (`warrant.served`, `grant.released`) is the caller's to check.
    """
    logged = verify_logged(shown, pinned)
    verify_sealed(logged.leaf, seal_of(claims))
    return logged
