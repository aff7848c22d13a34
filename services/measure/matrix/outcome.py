"""What an attack found out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tiers.measure.derive.closure import Forge


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured at one vantage point of one message. `reads` is `None` where it cannot be measured here.

    `one_text`: no sender could have it read another text of such a message than the receiver; `None` if it reads none.
    """

    reads: bool | None
    forge: Forge
    metadata: tuple[str, ...]
    derivation: tuple[str, ...]
    forged: tuple[str, ...]
    one_text: bool | None = None


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
