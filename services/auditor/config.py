"""Settings of an auditor: a TOML file or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tiers.chassis.settings import AuthorSettings, HttpsUrl, Name, PerhapsUrl
from tiers.wire.identity import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AuthorSettings):
    """`name` is the agency; `carrier` the one whose product and grants it may receive.

    `court_url`: the court whose half of an escrow it asks for, where the custody is `split` (docs/custody.md).
    """

    role: ClassVar = Role.AUDITOR
    state: Path
    carrier_url: HttpsUrl
    name: Name = "cbi"
    carrier: Name = "in"
    court_url: PerhapsUrl = ""
    court: Name = "in"
