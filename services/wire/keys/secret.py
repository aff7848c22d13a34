"""What every key type shares: it is 32 bytes, compares in constant time and never shows itself."""

import hmac
from typing import Self

KEY_BYTES = 32


class Secret:
    """Thirty-two secret bytes. `reveal()` is the one way out, easy to search for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError(f"{type(self).__name__} takes {KEY_BYTES} bytes, not {len(raw)}")
        self._raw = bytes(raw)

    def reveal(self) -> bytes:
        return self._raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and hmac.compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        return hash((type(self), self._raw))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        raise TypeError(f"a {type(self).__name__} is not pickled")
