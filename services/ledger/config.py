"""Settings of the ledger and of its witness: a TOML file or `TIERS_…` variables (docs/spec/ledger.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tiers.chassis.settings import Name, PartySettings
from tiers.wire.errors import Ours
from tiers.wire.identity import Role
from tiers.wire.log.policy import FILE, Policy, parse_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings(PartySettings):
    """`trust` holds the policy, with the witnesses and where they answer; it may come after the ledger's own start."""

    role: ClassVar = Role.LEDGER
    state: Path
    name: Name = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings(PartySettings):
    """`trust` holds the policy, with the log's key; it may come after the witness's own start."""

    role: ClassVar = Role.WITNESS
    state: Path
    name: Name = "w1"


def read_policy(trust: Path) -> Policy:
    """Read the policy of a trust folder; raises `Ours` while there is none, `Yours` if it is bad."""
    try:
        text = (trust / FILE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise Ours("ledger.no_policy", f"Put {FILE} into {trust}: the keys of log and witnesses.") from None
    return parse_policy(text)
