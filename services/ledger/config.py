"""Settings of the ledger and of its witness: a TOML file or `TIERS_…` variables (docs/spec/ledger.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, Role
from tiers.wire.log.checkpoint import LogKey, WitnessKey

K = TypeVar("K", LogKey, WitnessKey)


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """`trust` holds `witness.vkey`, which the witness wrote; it may come after the ledger's own start."""

    listen: str
    state: Path
    tls: Path
    trust: Path
    witness_url: str
    name: str = "in"
    witness: str = "w1"

    @property
    def party(self) -> Identity:
        """Who this process is."""
        return Identity(Role.LEDGER, self.name)


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """`trust` holds `log.vkey`, which the ledger wrote; it may come after the witness's own start."""

    listen: str
    state: Path
    tls: Path
    trust: Path
    name: str = "w1"

    @property
    def party(self) -> Identity:
        """Who this process is."""
        return Identity(Role.WITNESS, self.name)


def read_vkey(path: Path, kind: type[K]) -> K:
    """Read the verifier key that another party published; raises `Ours` while there is none, `Yours` if it is bad."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Ours("ledger.no_vkey", f"Put the other party's verifier key into {path}.") from None
    return kind.parse(text.removesuffix("\n"))
