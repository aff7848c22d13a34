"""Secrets to look for, by name: keys, texts, canaries. None shows its value."""

import secrets
import string
from dataclasses import dataclass, field

from tiers.measure.derive.rules import Fact
from tiers.measure.errors import Misused
from tiers.measure.search.spelling import Known

_CANARY = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """Something to look for: a key as bytes, or a text. `words`: it is in plain words, of which parts are common."""

    name: str
    value: bytes | str = field(repr=False)
    words: bool = False

    def __post_init__(self) -> None:
        """Raise `Misused` for what is no name, or no value that could lie anywhere."""
        said = "Write Secret('its name', its value), which is a key as bytes, or a text."
        if not isinstance(self.name, str) or not isinstance(self.value, bytes | str):  # type: ignore[redundant-expr]  # tests are seldom typed
            raise Misused(said)
        try:
            _ = self.raw
        except UnicodeEncodeError:  # half a character
            raise Misused(said) from None

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else self.value.decode()

    @property
    def raw(self) -> bytes:
        return self.value.encode() if isinstance(self.value, str) else self.value

    @property
    def fact(self) -> Fact:
        """What finding it proves."""
        return "secret", self.name

    def known(self) -> Known:
        """Return it as what a search looks for."""
        return Known(self.fact, self.raw, self.words)


def canary(name: str = "canary") -> Secret:
    """Return a text that nobody else has: 32 random letters and digits."""
    letters = string.ascii_lowercase + string.digits
    return Secret(name, "".join(secrets.choice(letters) for _ in range(_CANARY)))
