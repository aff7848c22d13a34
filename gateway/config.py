"""Settings of the relay: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from services.wire.identity import Identity, Role


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen` and `mediation` are host:port; `state`, `tls` and `trust` are folders; the rest are URLs.

    Without a `store_url` (`redis://`, `rediss://`, `unix://`) the relay runs a Valkey of its own in its state folder.
    """

    listen: str
    state: Path
    tls: Path
    trust: Path
    carrier_url: str
    ledger_url: str
    mediation: str
    store_url: str = ""
    name: str = "1"
    carrier: str = "in"

    @property
    def identity(self) -> Identity:
        """Who this relay is."""
        return Identity(Role.GATEWAY, self.name)
