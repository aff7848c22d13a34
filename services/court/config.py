"""Settings of the court: a TOML file or `TIERS_…` variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from tiers.chassis.settings import AuthorSettings, HttpsUrl, Name
from tiers.wire.identity import Role
from tiers.wire.lawful.warrant import MAX_WORD_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AuthorSettings):
    """`judge` is the name in the judge's certificate; `carrier` the one that is told what a warrant now is.

    `word_minutes`: how long the court's word that a warrant stands holds. It is said again after a quarter of that, so
    interception survives a court that is down for the other three quarters. `escrow`: the court keeps a key tree of its
    own, for the custody `split` (docs/custody.md).
    """

    role: ClassVar = Role.COURT
    state: Path
    carrier_url: HttpsUrl
    name: Name = "in"
    judge: Name = "delhi"
    carrier: Name = "in"
    escrow: bool = False
    word_minutes: Annotated[int, Meta(ge=1, le=MAX_WORD_MS // 60_000)] = MAX_WORD_MS // 60_000
