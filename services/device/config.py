"""Settings of a handset's command."""

from dataclasses import dataclass
from pathlib import Path

from tiers.chassis.settings import HttpsUrl, Name, PerhapsUrl


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the handset keeps its state, which CA it trusts, and where the parties answer.

    `consumer` and `enterprise` name the custody of each channel (docs/custody.md).
    """

    state: Path
    ca: Path
    gateway_url: HttpsUrl
    gateway: Name = "1"
    carrier_url: PerhapsUrl = ""
    carrier: Name = "in"
    bes_url: PerhapsUrl = ""
    org: str = ""
    consumer: str = "carrier"
    enterprise: str = "customer"
