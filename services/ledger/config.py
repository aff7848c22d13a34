"""Settings of the ledger and of its witness: a TOML file or `TIERS_…` variables (docs/spec/ledger.md)."""

from dataclasses import dataclass
from pathlib import Path

from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, Role
from tiers.wire.log.policy import FILE, Policy, parse_policy


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """`trust` holds the policy, with the witnesses and where they answer; it may come after the ledger's own start."""

    listen: str
    state: Path
    tls: Path
    trust: Path
    name: str = "in"

    @property
    def identity(self) -> Identity:
        """Who this process is."""
        return Identity(Role.LEDGER, self.name)


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """`trust` holds the policy, with the log's key; it may come after the witness's own start."""

    listen: str
    state: Path
    tls: Path
    trust: Path
    name: str = "w1"

    @property
    def identity(self) -> Identity:
        """Who this process is."""
        return Identity(Role.WITNESS, self.name)


def read_policy(trust: Path) -> Policy:
    """Read the policy of a trust folder; raises `Ours` while there is none, `Yours` if it is bad."""
    try:
        text = (trust / FILE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise Ours("ledger.no_policy", f"Put {FILE} into {trust}: the keys of log and witnesses.") from None
    return parse_policy(text)
