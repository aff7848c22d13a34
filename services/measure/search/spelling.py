"""Every spelling in which a program, a log or a debugger would write a secret down. Pure.

A needle carries the fact that finding it proves, and never shows its bytes.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tiers.measure.derive.rules import Fact

PIECE = 16
"""Characters of a plaintext that are enough to say that it was there."""
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """One secret of the world, and what holding it means."""

    fact: Fact
    raw: bytes

    def __repr__(self) -> str:
        return f"<Known {' '.join(self.fact)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Needle:
    """One spelling of a secret. `how` says which."""

    fact: Fact
    how: str
    spelled: bytes

    def __repr__(self) -> str:
        return f"<Needle {' '.join(self.fact)} {self.how}>"


def needles(known: Iterable[Known]) -> Iterator[Needle]:
    """Spell every secret in every way."""
    for one in known:
        yield from spell(one.fact, one.raw)


def text_needles(fact: Fact, text: str) -> Iterator[Needle]:
    """Spell a plaintext in pieces, so that one that was cut is found as well."""
    raw = text.encode()
    starts = {*range(0, max(len(raw) - PIECE, 0) + 1, PIECE), max(len(raw) - PIECE, 0)}
    for start in sorted(starts):
        yield from spell(fact, raw[start : start + PIECE])


def spell(fact: Fact, raw: bytes) -> Iterator[Needle]:
    """Spell bytes in every way that the system, a log or a debugger writes them, each once."""
    seen = set[bytes]()
    for how, spelled in _spellings(raw):
        if spelled not in seen and len(spelled) >= PIECE:  # a shorter one would be found by chance
            seen.add(spelled)
            yield Needle(fact, how, spelled)


def _spellings(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", raw
    if raw.isascii() and raw.decode("ascii").isprintable():
        yield "UTF-16", raw.decode("ascii").encode("utf-16-le")
    for how, text in _texts(raw):
        yield how, text.encode("ascii")
        yield f"{how}, UTF-16", text.encode("utf-16-le")
    for how, text in _printed(raw):
        yield how, text.encode()
        yield f"{how}, in JSON", json.dumps(text, ensure_ascii=False)[1:-1].encode()
        yield f"{how}, in JSON", json.dumps(text)[1:-1].encode()
    inner = base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield from (("base64url in base64", piece) for piece in _shifted(inner, base64.urlsafe_b64encode))


def _texts(raw: bytes) -> Iterator[tuple[str, str]]:
    digits = binascii.hexlify(raw).decode("ascii")
    yield "hex", digits
    yield "HEX", digits.upper()
    for how, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        yield from ((how, piece.decode("ascii")) for piece in _shifted(raw, encode))


def _printed(raw: bytes) -> Iterator[tuple[str, str]]:
    """Write bytes as a careless line of Python does."""
    yield "Latin-1", raw.decode("latin-1")
    yield "Python literal", repr(raw)[2:-1]
    yield "list of integers", ", ".join(map(str, raw))
    yield "list of integers", ",".join(map(str, raw))
    yield "hex with colons", raw.hex(":")
    yield "hex with spaces", raw.hex(" ")
    if len(raw) <= _LONGEST_KEY:
        yield "integer", str(int.from_bytes(raw, "big"))
        yield "integer, little-endian", str(int.from_bytes(raw, "little"))


def _shifted(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Return the characters that `raw` alone decides, at each of the three offsets within base64."""
    for before in range(3):
        whole = encode(bytes(before) + raw)
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        yield whole[first:last]
