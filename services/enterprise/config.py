"""Settings of a customer's key server: a TOML file (`TIERS_CONFIG`) or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tiers.chassis.settings import AuthorSettings, HttpsUrl
from tiers.wire.identity import Role
from tiers.wire.message.envelope import Org


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AuthorSettings):
    """`listen` is host:port; `state`, `tls` and `trust` are folders; `name` is the customer's SRP id."""

    role: ClassVar = Role.CUSTOMER
    state: Path
    name: Org
    gateway_url: HttpsUrl
