"""Settings of an auditor: a TOML file or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from tiers.wire.identity import Identity, Role
from tiers.wire.log.leaf import Author, Jurisdiction


@dataclass(frozen=True, slots=True)
class Settings:
    """`name` is the agency; `carrier` the one whose product and grants it may receive.

    `court_url`: the court whose half of an escrow it asks for, where the custody is `split` (docs/custody.md).
    """

    listen: str
    state: Path
    tls: Path
    trust: Path
    carrier_url: str
    ledger_url: str
    name: str = "cbi"
    carrier: str = "in"
    court_url: str = ""
    court: str = "in"
    jurisdiction: Jurisdiction = "IN"

    @property
    def identity(self) -> Identity:
        """Who this process is."""
        return Identity(Role.AUDITOR, self.name)

    @property
    def author(self) -> Author:
        """Who signs its leaves in the log, and for where."""
        return Author(self.identity, self.jurisdiction)
