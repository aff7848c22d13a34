"""Settings of the relay: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path

from tiers.gateway.channels import CONSUMER_READERS, ENTERPRISE_READERS, Arrangement, parse_readers
from tiers.wire.identity import Identity, Role


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen` and `mediation` are host:port; `state`, `tls` and `trust` are folders; the rest are URLs.

    Without a `store_url` (`redis://`, `rediss://`, `unix://`; for any node of a cluster `redis+cluster://` or
    `rediss+cluster://`) the relay runs a Valkey of its own in its state folder.
    `jurisdiction` is where regulators' orders hold. `…_readers` are the patterns of `kid` that a channel's messages
    name: the arrangement (docs/custody.md). `workers` are the processes that share the port; they need a `store_url`.
    """

    listen: str
    state: Path
    tls: Path
    trust: Path
    carrier_url: str
    ledger_url: str
    mediation: str
    store_url: str = ""
    workers: int = 1
    name: str = "1"
    carrier: str = "in"
    jurisdiction: str = "IN"
    consumer_readers: str = CONSUMER_READERS
    enterprise_readers: str = ENTERPRISE_READERS

    @property
    def identity(self) -> Identity:
        """Who this relay is."""
        return Identity(Role.GATEWAY, self.name)

    @property
    def arrangement(self) -> Arrangement:
        """Whose keys each channel's messages name; raises `Yours`."""
        return Arrangement(parse_readers(self.consumer_readers), parse_readers(self.enterprise_readers))
