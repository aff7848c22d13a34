"""Settings of the relay: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from tiers.chassis.settings import AuthorSettings, HostPort, HttpsUrl, Name
from tiers.gateway.channels import CONSUMER_READERS, ENTERPRISE_READERS, Arrangement, parse_readers
from tiers.wire.identity import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AuthorSettings):
    """`listen` and `mediation` are host:port; `tls` and `trust` are folders; the rest are URLs.

    `store_url` is `redis://`, `rediss://`, `unix://`, or for any node of a cluster `redis+cluster://`,
    `rediss+cluster://`; `store_may_lose` works with one that may lose what was accepted, and says so at every start.
    `jurisdiction` is where regulators' orders hold, and stands on its leaves in the log. `…_readers` are the patterns
    of `kid` that a channel's messages name: the arrangement (docs/custody.md). `workers` are the processes that share
    the port.
    """

    role: ClassVar = Role.GATEWAY
    carrier_url: HttpsUrl
    mediation: HostPort
    store_url: str
    store_may_lose: bool = False
    workers: Annotated[int, Meta(ge=1, le=16)] = 1
    name: Name = "1"
    carrier: Name = "in"
    consumer_readers: str = CONSUMER_READERS
    enterprise_readers: str = ENTERPRISE_READERS

    @property
    def shared(self) -> bool:
        return self.workers > 1

    @property
    def arrangement(self) -> Arrangement:
        """Whose keys each channel's messages name; raises `Yours`."""
        return Arrangement(parse_readers(self.consumer_readers), parse_readers(self.enterprise_readers))
