"""Settings of a customer's key server: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from tiers.wire.identity import Identity, Role
from tiers.wire.log.leaf import Author, Jurisdiction
from tiers.wire.message.envelope import Org


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen` is host:port; `state`, `tls` and `trust` are folders; `name` is the customer's SRP id."""

    listen: str
    state: Path
    tls: Path
    trust: Path
    name: Org
    gateway_url: str
    ledger_url: str
    jurisdiction: Jurisdiction = "IN"

    @property
    def identity(self) -> Identity:
        """Who this key server is."""
        return Identity(Role.CUSTOMER, self.name)

    @property
    def author(self) -> Author:
        """Who signs its leaves in the log, and for where."""
        return Author(self.identity, self.jurisdiction)
