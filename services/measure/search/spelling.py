"""Secrets by value, and the needles to look for: every spelling of each, squeezed (`encodings.py`). Pure.

A needle carries the fact that finding it proves, and never shows its bytes.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tiers.measure.derive.rules import Fact
from tiers.measure.errors import Misused
from tiers.measure.search.encodings import encodings, squeeze

PART = 12
"""Characters of a secret that are enough to say that it was there: a part of a secret is a secret."""
RARE = 16
"""The same in a rare spelling, or in two: half of a key."""
WORDS = 20
"""The same of a text in plain words, of which a few occur together by chance."""
QUARTER = 8
"""Bytes of a key, in hex, of which two near each other are enough: a word of 64 bits, a quarter of a key on a line."""
SHORTEST = 8
"""Characters, squeezed, below which anything is found by chance."""
_COMMON = {"raw", "hex", "base64", "Latin-1", "UTF-16", "percent", "Python literal", "JSON"}
_ARMOUR = re.compile(rb"-----[^-]*-----")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_URL = bytes.maketrans(b"-_", b"+/")
_IN_HEX = {"hex", "words of 64 bits, hex"}


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """One secret, and what holding it means. `words`: it is a text in plain words, of which parts occur by chance."""

    fact: Fact
    raw: bytes
    words: bool = False

    def __repr__(self) -> str:
        return f"<Known {' '.join(self.fact)}>"


class Needle(NamedTuple):
    """One spelling of a secret, squeezed. `how` says which.

    `least` characters of it are enough by themselves; pieces of `piece` if two of them lie near each other.
    """

    fact: Fact
    how: str
    spelled: bytes
    least: int
    piece: int

    def __repr__(self) -> str:
        return f"<Needle {' '.join(self.fact)} {self.how}>"


def needles(known: Iterable[Known]) -> Iterator[Needle]:
    for one in known:
        yield from spell(one)


def spell(known: Known) -> Iterator[Needle]:
    """Spell a secret in every way, each once; raises `Misused` for one so short that it would be found by chance."""
    raw = known.raw
    if len(raw) < PART or len(squeeze(raw)) < (PART if known.words else SHORTEST):
        said = f"{PART} characters or more, not all of them punctuation"
        raise Misused(f"Take a secret of {said}: {' '.join(known.fact)} would be found by chance, or never.")
    seen = set[bytes]()
    for inside in () if known.words else _decoded(raw):
        yield from (one._replace(how=f"{one.how}, decoded") for one in spell(Known(known.fact, inside)))
    for how, written in encodings(raw):
        spelled = squeeze(written)
        if spelled not in seen and len(spelled) >= SHORTEST:
            seen.add(spelled)
            least, piece = _enough(how, len(spelled), len(raw), words=known.words)
            if how == "raw" and not known.words:
                least = piece = min(least, max(SHORTEST + 1, _thinnest(raw)))
            yield Needle(known.fact, how, spelled, least, piece)


@lru_cache(maxsize=1 << 14)
def _enough(how: str, size: int, whole: int, *, words: bool) -> tuple[int, int]:
    """Return `least` and `piece` of a needle of `size` characters, which spell `whole` bytes."""
    part = WORDS if words else PART if how in _COMMON else RARE
    least = piece = min(size, max(SHORTEST + 1, _share(size, part, whole)))
    if words and how in _COMMON:
        piece = min(least, _share(size, PART, whole))
    elif how in _IN_HEX:
        piece = min(least, _share(size, QUARTER, whole))
    return least, max(piece, SHORTEST)


def _decoded(raw: bytes) -> Iterator[bytes]:
    """Yield what a secret says that is itself hex, base64 or PEM: a program holds the key, and not how it was given."""
    text = b"".join(_ARMOUR.sub(b"", raw).splitlines()).translate(_URL)
    mixed = text.upper() != text != text.lower()  # else it may be a word
    with suppress(ValueError):
        inside = bytes.fromhex(text.decode()) if _HEX.fullmatch(text) else b""
        inside = inside or (base64.b64decode(text + b"=" * (-len(text) % 4), validate=True) if mixed else b"")
        if len(squeeze(inside)) >= PART:
            yield inside


def _share(size: int, part: int, whole: int) -> int:
    """Return how many of `size` characters stand for `part` of `whole` bytes."""
    return -(-size * part // max(part, whole))


def _thinnest(raw: bytes) -> int:
    """Return how many characters are left, squeezed, of that part of a key of which the fewest are."""
    return min(len(squeeze(raw[at : at + PART])) for at in range(max(1, len(raw) - PART + 1)))


def trace(fact: Fact, how: str, written: str | bytes) -> Needle:
    """Return a needle for what is no secret: it must stand there as a whole."""
    spelled = squeeze(written.encode() if isinstance(written, str) else written)
    return Needle(fact, how, spelled, len(spelled), len(spelled))
