"""What an attack found out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tiers.measure.derive.closure import Forge


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured at one vantage point of one message. `reads` is `None` where it cannot be measured here."""

    reads: bool | None
    forge: Forge
    metadata: tuple[str, ...]
    derivation: tuple[str, ...]
    forged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A positive control: what had to be found, and where it was."""

    source: str
    says: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Attacked:
    """Everything that was measured; `sizes` are the bytes of each capture."""

    outcomes: Mapping[tuple[str, str], Outcome]
    controls: tuple[Checked, ...]
    sizes: Mapping[str, int]
