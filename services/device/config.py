"""Settings of a handset's command."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the handset keeps its state, which CA it trusts, and where the parties answer.

    `consumer` and `enterprise` name the custody of each channel (docs/custody.md).
    """

    state: Path
    ca: Path
    gateway_url: str
    gateway: str = "1"
    carrier_url: str = ""
    carrier: str = "in"
    bes_url: str = ""
    org: str = ""
    consumer: str = "carrier"
    enterprise: str = "customer"
