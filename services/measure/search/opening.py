"""Opens what is packed: compressed streams, base64, hex or lists in text, also one within the other. Pure.

A stream that was cut off is opened as far as it goes.
"""

import base64
import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from itertools import chain
from typing import Any

from tiers.measure.search.apart import apart, framed

_MOST = 1 << 26
"""Bytes that are taken out of one stream."""
_MEMORY = 1 << 27
"""Bytes that a stream may claim for its dictionary."""
_FIRST = 1 << 12
_DEEPEST = 3
_LEAST = 12
_FAILS: list[type[Exception]] = [zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError]
"""What is raised for bytes that are no stream of a kind."""


Open = Callable[[memoryview, int], bytes]
"""Returns at most so many bytes of what a stream holds, and raises one of `_FAILS`."""


def _library(name: str, error: str, make: Callable[[Any], Open]) -> Open | None:
    """Return how to open a stream with a library that may not be there."""
    try:
        library = import_module(name)
    except ImportError:
        return None
    _FAILS.append(getattr(library, error))
    return make(library)


def _zlib(bits: int) -> Open:
    def inflated(data: memoryview, most: int) -> bytes:
        stream = zlib.decompressobj(bits)
        out = stream.decompress(data[:_FIRST], most)  # it copies what it leaves, also of what turns out to be no stream
        return out if stream.eof or len(out) == most else out + stream.decompress(data[_FIRST:], most - len(out))

    return inflated


_DEFLATE = _zlib(-15)
_BROTLI = _library(
    "brotli", "error", lambda it: lambda data, most: it.Decompressor().process(data, output_buffer_limit=most)[:most]
)
_ZSTD = _library(
    "zstandard", "ZstdError", lambda it: lambda data, most: it.ZstdDecompressor().stream_reader(data).read(most)
)
_ZLIB = b"|".join(
    re.escape(bytes([first, level + 31 - (256 * first + level) % 31]))
    for first in range(0x18, 0x88, 16)
    for level in range(0, 256, 64)
)
"""How a stream begins: its window, how hard it was compressed, and a check of both (RFC 1950)."""
_STREAMS: dict[bytes, tuple[str, Open | None]] = {
    rb"\x1f\x8b\x08": ("gzip", _zlib(31)),
    _ZLIB: ("zlib", _zlib(15)),
    rb"BZh[1-9]1AY&SY": ("bzip2", lambda data, most: bz2.BZ2Decompressor().decompress(data, most)),
    rb"\xfd7zXZ\0": ("xz", lambda data, most: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY).decompress(data, most)),
    rb"\x5d\0\0[\0-\xff]{3}": (
        "lzma", lambda data, most: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _MEMORY).decompress(data, most),
    ),
    rb"\x28\xb5\x2f\xfd": ("zstd", _ZSTD),
    rb"PK\x03\x04[\0-\xff]{26}": ("zip", _DEFLATE),
}  # fmt: skip
_RUN = re.compile(rb"[A-Za-z0-9+/_\\-]{24,}(?:(?<=[A-Za-z0-9+/_-]{60})\r?\n[A-Za-z0-9+/_-]+)*")
"""Base64: with what JSON has escaped, and over lines of sixty characters or more."""
_BREAK = re.compile(rb"\\[rn]|[\r\n\\]")
_ESCAPED = re.compile(
    rb"(?i:\\x1f\\x8b|%1f%8b|\\u001f\\u008b|x(?:\\x|%|\\u00)(?:01|9c|da)|x\^\S{0,12}?(?:\\x|\\u00|%))"
)
_LATIN = [re.compile(rb"\x1f\xc2\x8b\x08"), re.compile(rb"x\xc2\x9c(?:[\0-\x7f]|[\xc2\xc3][\x80-\xbf]){9}")]
"""Streams that were taken for text in Latin-1 and written as UTF-8."""
_BYTE = rb"([0-9a-fA-F]{2})|\\([nrtbf\\'\"/])"
_ESCAPES = {
    sign: re.compile(byte + rb"|\xc2([\x80-\xbf])|\xc3([\x80-\xbf])")
    for sign, byte in (
        (b"\xc2", rb"(?!)()()"), (rb"\x", rb"\\x" + _BYTE), (rb"\u", rb"\\u00" + _BYTE), (b"%", b"%" + _BYTE),
    )
}  # fmt: skip
"""What stands for a byte where a stream begins with such a sign: by chance it has the other escapes, too."""
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_HEX = re.compile(rb"[0-9A-Fa-f]{24,}")
_LISTS = [
    *(
        re.compile(begins + rb"(?:[\s,]{1,2}\d{1,3}){9,}")
        for begins in (rb"31[\s,]{1,2}139", rb"120[\s,]{1,2}(?:1|94|156|218)")
    ),
    *(
        re.compile(begins + rb"(?:[\s:,]{1,2}(?:0x)?[0-9A-Fa-f]{2}){9,}", re.IGNORECASE)
        for begins in (rb"1f[\s:,]{1,2}(?:0x)?8b", rb"78[\s:,]{1,2}(?:0x)?(?:01|5e|9c|da)")
    ),
]
"""A list of numbers, decimal or in hex, that is a compressed stream; another list is found as it is."""
_URL = bytes.maketrans(b"-_", b"+/")


def opened(data: bytes, depth: int = 0) -> Iterator[tuple[str, int, bytes]]:
    """Yield (how, offset in `data`, what was inside) for everything that is packed."""
    for how, at, inside in _compressed(data):
        yield from _and_within(how, at, inside, depth)
    if depth + 1 < _DEEPEST:
        yield from apart(data)
        for how, at, inside in framed(data) if not depth else ():
            yield from _and_within(how, at, inside, depth)
    for pattern, decoded in ((_HEX, _from_hex), (_RUN, _from_base64)):
        for match in pattern.finditer(data):
            yield from ((how, match.start() + at, inside) for how, at, inside in decoded(match[0], depth))
    for match in chain(*(pattern.finditer(data) for pattern in _LISTS)):
        yield from ((how, match.start(), inside) for how, _, inside in _from_list(match[0], depth))


def _and_within(how: str, at: int, inside: bytes, depth: int) -> Iterator[tuple[str, int, bytes]]:
    yield how, at, inside
    if depth + 1 < _DEEPEST:
        yield from ((f"{deeper} in {how}", at, more) for deeper, _, more in opened(inside, depth + 1))


@lru_cache(maxsize=1 << 9)  # one envelope lies in many places
def _from_hex(run: bytes, depth: int) -> tuple[tuple[str, int, bytes], ...]:
    each = ((at, binascii.unhexlify(run[at : len(run) - (len(run) - at) % 2])) for at in range(2))
    return tuple(one for at, inside in each for one in _and_within("hex", at, inside, depth))


@lru_cache(maxsize=1 << 9)
def _from_base64(run: bytes, depth: int) -> tuple[tuple[str, int, bytes], ...]:
    whole = _BREAK.sub(b"", run).translate(_URL)
    runs = (whole[at : len(whole) - ((len(whole) - at) % 4 == 1)] for at in range(4))  # a letter over is no byte
    each = enumerate(base64.b64decode(run + b"==") for run in runs)
    return tuple(one for at, inside in each for one in _and_within("base64", at, inside, depth))


def _from_list(run: bytes, depth: int) -> tuple[tuple[str, int, bytes], ...]:
    numbers = re.split(rb"[\s,:]+", run)
    base = 10 if run[:2] in {b"31", b"12"} else 16
    try:
        return tuple(_and_within("list", 0, bytes(int(one, base) for one in numbers), depth))
    except ValueError:
        return ()


def _compressed(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    for pattern, (name, unpack) in _STREAMS.items():
        for match in re.finditer(pattern, data, re.DOTALL):
            begin = match.start()
            if name == "zip":
                begin += 30 + int.from_bytes(data[begin + 26 : begin + 28], "little")
                begin += int.from_bytes(data[match.start() + 28 : match.start() + 30], "little")
            yield from _inflated(name, unpack, data, begin)
    yield from _inflated("deflate", _DEFLATE, data, 0)
    yield from _inflated("brotli", _BROTLI, data, 0)
    for match in chain(*(pattern.finditer(data) for pattern in (_ESCAPED, *_LATIN))):
        escapes = next(_ESCAPES[sign] for sign in _ESCAPES if sign in match[0].lower())
        yield "escapes", match.start(), escapes.sub(_unescaped, data[match.start() : match.start() + _MOST])


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes.fromhex(match[1].decode())
    if match[2]:
        return _LETTERS.get(match[2], match[2])
    return match[3] or bytes([match[4][0] + 64])


def _inflated(name: str, unpack: Open | None, data: bytes, begin: int) -> Iterator[tuple[str, int, bytes]]:
    if unpack is None:
        return
    with suppress(*_FAILS):
        inside = unpack(memoryview(data)[begin : begin + _MOST], _MOST)
        if len(inside) >= _LEAST:
            yield name, begin, inside
