"""Settings of a carrier: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tiers.chassis.settings import AuthorSettings, HostPort, HttpsUrl, Name
from tiers.wire.identity import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AuthorSettings):
    """`listen` and `mediation_listen` are host:port; `state`, `tls` and `trust` are folders; the rest are URLs.

    `store_url` is `redis://`, `rediss://`, `unix://`, or for any node of a cluster `redis+cluster://`,
    `rediss+cluster://`; `store_may_lose` works with one that may lose what was accepted, and says so at every start.
    """

    role: ClassVar = Role.CARRIER
    mediation_listen: HostPort
    state: Path
    store_url: str
    gateway_url: HttpsUrl
    store_may_lose: bool = False
    name: Name = "in"
