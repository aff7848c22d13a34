"""Settings of a carrier: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from tiers.wire.identity import Identity, Role
from tiers.wire.log.leaf import Author, Jurisdiction


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen` and `mediation_listen` are host:port; `state`, `tls` and `trust` are folders; the rest are URLs.

    `store_url` is `redis://`, `rediss://`, `unix://`, or for any node of a cluster `redis+cluster://`,
    `rediss+cluster://`; `store_may_lose` works with one that may lose what was accepted, and says so at every start.
    """

    listen: str
    mediation_listen: str
    state: Path
    tls: Path
    trust: Path
    store_url: str
    gateway_url: str
    ledger_url: str
    store_may_lose: bool = False
    name: str = "in"
    jurisdiction: Jurisdiction = "IN"

    @property
    def identity(self) -> Identity:
        """Who this carrier is."""
        return Identity(Role.CARRIER, self.name)

    @property
    def author(self) -> Author:
        """Who signs its leaves in the log, and for where."""
        return Author(self.identity, self.jurisdiction)
