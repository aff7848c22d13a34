"""Settings of the court: a TOML file or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from tiers.wire.identity import Identity, Role


@dataclass(frozen=True, slots=True)
class Settings:
    """`judge` is the name in the judge's certificate; `carrier` the one that is told of suspensions.

    `escrow`: the court keeps a key tree of its own, for the custody `split` (docs/custody.md).
    """

    listen: str
    state: Path
    tls: Path
    trust: Path
    carrier_url: str
    ledger_url: str
    name: str = "in"
    judge: str = "delhi"
    carrier: str = "in"
    escrow: bool = False

    @property
    def party(self) -> Identity:
        """Who this process is."""
        return Identity(Role.COURT, self.name)
