"""The scanner and the spellings: a secret is found wherever it lies, however it is written, and nothing else is."""

import base64
import binascii
import json
import os
from hashlib import sha256

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tiers.measure.search.scan import Chunk, Evidence, Scanner, Source, merge, split
from tiers.measure.search.spelling import PIECE, Known, Needle, needles, spell, text_needles

FACT = ("cek", "bbm")
KEYS = st.binary(max_size=8).map(lambda seed: sha256(seed).digest())  # a key looks random, as this does
HAY = st.binary(max_size=64)


def places(data: bytes, *found: Needle) -> list[Evidence]:
    """Return where a scan for needles finds anything in `data`."""
    scanned = Scanner(found).scan(Source("hay", (Chunk("hay", 1000, data),)))
    return [place for all_of_it in scanned.facts.values() for place in all_of_it]


def spellings(raw: bytes, before: bytes, after: bytes) -> dict[str, bytes]:
    """Write a key as systems and debuggers do, in the middle of other bytes."""
    digits = binascii.hexlify(raw).decode()
    inner = base64.urlsafe_b64encode(raw).rstrip(b"=")
    return {
        "raw": before + raw + after,
        "hex": before + digits.encode() + after,
        "HEX": before + digits.upper().encode() + after,
        "hex with colons": before + raw.hex(":").encode() + after,
        "hex with spaces": before + raw.hex(" ").encode() + after,
        "base64": base64.b64encode(before + raw + after),
        "base64url": base64.urlsafe_b64encode(before + raw + after),
        "base64url in base64": base64.urlsafe_b64encode(before + b'{"key":"' + inner + b'"}' + after),
        "hex, UTF-16": digits.encode("utf-16-le"),
        "Python literal": repr(raw)[2:-1].encode(),
        "Python literal in JSON": json.dumps({"event": repr(raw)}).encode(),
        "Latin-1 in JSON": json.dumps({"event": raw.decode("latin-1")}).encode(),
        "Latin-1 in JSON, by msgspec": msgspec.json.encode({"event": raw.decode("latin-1")}),
        "list of integers": str(list(raw)).encode(),
        "list of integers in JSON": msgspec.json.encode({"event": list(raw)}),
        "integer": str(int.from_bytes(raw, "big")).encode(),
        "integer, little-endian": f"<{int.from_bytes(raw, 'little')}>".encode(),
    }


@given(KEYS, HAY, HAY)
def test_a_key_is_found_in_every_spelling_at_any_offset(raw: bytes, before: bytes, after: bytes) -> None:
    for how, data in spellings(raw, before, after).items():
        assert places(data, *spell(FACT, raw)), how


@given(KEYS, KEYS)
def test_another_key_is_not_found(raw: bytes, other: bytes) -> None:
    if raw == other:
        return
    for how, data in spellings(other, b"", b"").items():
        assert [] == places(data, *spell(FACT, raw)), how


def test_a_key_is_reported_with_its_place_its_offset_and_its_spelling() -> None:
    raw = os.urandom(32)
    assert places(b"x" * 7 + raw.hex().encode(), *spell(FACT, raw)) == [Evidence("hay", 1007, "hex")]
    assert str(Evidence("memory of gateway, [heap]", 4096, "raw")) == "memory of gateway, [heap], offset 0x1000, raw"


def test_a_key_that_lacks_one_byte_is_not_found() -> None:
    raw = os.urandom(32)
    assert [] == places(raw[:-1], *spell(FACT, raw))
    assert [] == places(raw[1:], *spell(FACT, raw))
    assert [] == places(raw[:31] + bytes([raw[31] ^ 1]), *spell(FACT, raw))


TEXT = "Bring the blue folder to platform nine at six o'clock"


@given(st.integers(0, len(TEXT) - 2 * PIECE), st.integers(2 * PIECE, len(TEXT)))
def test_a_text_is_found_when_most_of_it_was_cut_off(start: int, length: int) -> None:
    part = TEXT[start : start + length]
    assert places(b"... " + part.encode() + b" ...", *text_needles(FACT, TEXT))


def test_needles_that_begin_alike_are_told_apart() -> None:
    one, two = b"the same beginning, one end", b"the same beginning, another"
    found = Scanner([Needle(("a",), "raw", one), Needle(("b",), "raw", two)])
    assert list(found.scan(Source("hay", (Chunk("hay", 0, two),))).facts) == [("b",)]
    assert set(found.scan(Source("hay", (Chunk("hay", 0, two + one),))).facts) == {("a",), ("b",)}


def test_needles_that_overlap_are_all_found() -> None:
    one, two = b"0123456789abcdef", b"89abcdefghijklmn"
    found = Scanner([Needle(("a",), "raw", one), Needle(("b",), "raw", two)])
    assert set(found.scan(Source("hay", (Chunk("hay", 0, b"0123456789abcdefghijklmn"),))).facts) == {("a",), ("b",)}


@given(st.integers(0, 5), st.integers(0, 100), st.integers(0, 3))
def test_leaving_out_empty_blocks_loses_nothing(blocks: int, at: int, tail: int) -> None:
    raw = b"\x01" * 8 + os.urandom(24)
    data = bytes(64 * blocks + at) + raw + bytes(64 * tail)
    chunks = list(split("memory", data, 5000, block=64))
    whole = bytearray(len(data))
    for chunk in chunks:
        whole[chunk.start - 5000 : chunk.start - 5000 + len(chunk.data)] = chunk.data
    assert bytes(whole) == data
    assert sum(len(chunk.data) for chunk in chunks) <= 64 * 2 + 32


def test_a_coalition_holds_what_each_of_it_holds() -> None:
    one, two = (Known(("cek", name), os.urandom(32)) for name in ("a", "b"))
    scanner = Scanner(needles([one, two]))
    parts = [scanner.scan(Source(name, (Chunk(name, 0, known.raw),))) for name, known in (("x", one), ("y", two))]
    assert set(merge(parts).facts) == {("cek", "a"), ("cek", "b")}
    assert merge(parts).size == 64


def test_a_secret_never_shows_itself() -> None:
    raw = b"a secret of 32 bytes, no more..."
    for shown in (repr(Known(FACT, raw)), *(map(repr, spell(FACT, raw)))):
        assert "secret" not in shown
        assert msgspec.json.encode(shown)
