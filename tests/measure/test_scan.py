"""The scanner: a secret is found wherever it lies, however it is written, also in part, and nothing else is."""

import base64
import binascii
import bz2
import codecs
import gzip
import hashlib
import html
import io
import ipaddress
import json
import lzma
import os
import pickle
import struct
import textwrap
import tracemalloc
import unicodedata
import uuid
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import quote

import brotli
import msgspec
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tiers.measure.errors import Misused
from tiers.measure.search import opening
from tiers.measure.search.anchors import ANCHOR, Anchors
from tiers.measure.search.encodings import ENCODINGS, encodings, squeeze
from tiers.measure.search.scan import BLOCK, SLICE, Chunk, Evidence, Found, Scanner, Source, merge, unlike
from tiers.measure.search.spelling import PART, SHORTEST, Known, Needle, needles, spell, trace

FACT = ("cek", "bbm")
KEYS = st.binary(max_size=8).map(lambda seed: sha256(seed).digest())  # a key looks random, as this does
HAY = st.binary(max_size=64)
NOISE = sha256(b"noise").digest() * 4
Z85 = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)
XXENCODE = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
)
FEW = settings(max_examples=8)  # of each row, and the rows are many
TEXT = "Bring the blue folder to platform nine at six o'clock"


def scanned(data: bytes, *found: Needle) -> Found:
    return Scanner(found).scan(Source("hay", (Chunk("hay", 1000, data),)))


def finds(data: bytes | str, raw: bytes | str, *, words: bool = False) -> bool:
    known = Known(FACT, raw.encode() if isinstance(raw, str) else raw, words)
    return bool(scanned(data.encode() if isinstance(data, str) else data, *spell(known)).facts)


def dump(raw: bytes) -> str:
    """Print bytes as hexdump -C does."""
    rows = [raw[at : at + 16] for at in range(0, len(raw), 16)]
    shown = ("".join(chr(one) if 32 <= one < 127 else "." for one in row) for row in rows)
    return "\n".join(
        f"{16 * at:08x}  {row.hex(' ')}  |{said}|" for at, (row, said) in enumerate(zip(rows, shown, strict=True))
    )


def xxd(raw: bytes) -> str:
    return "\n".join(f"{at:08x}: {raw[at : at + 16].hex(' ', 2)}  ......" for at in range(0, len(raw), 16))


def base58(raw: bytes) -> str:
    letters, number, said = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        said = letters[digit] + said
    return said


def small(data: bytes) -> bytes:
    """Compress as for a device with little memory."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 10)
    return stream.compress(data) + stream.flush()


def chunked(body: bytes, size: int) -> bytes:
    """Write an HTTP answer in chunks."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    said = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: s\r\n\r\n" + said + b"0\r\n\r\n"


def framed(text: bytes, mask: bytes, *, deflated: bool = False) -> bytes:
    """Write what a client says to a WebSocket (RFC 6455, RFC 7692): two messages, each of one frame."""
    out, packer = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: aaaa\r\nHost: h\r\n\r\n", zlib.compressobj(wbits=-15)
    for one in (b"hello there, all of you", text * 3):
        said = (packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4] if deflated else one
        size = bytes([128 | len(said)]) if len(said) < 126 else b"\xfe" + len(said).to_bytes(2, "big")
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(said))
        out += (b"\xc1" if deflated else b"\x81") + size + mask + masked
    return out


KEY_WRITERS: dict[str, Callable[[bytes], bytes | str]] = {
    "raw": lambda raw: raw,
    "HEX with colons": lambda raw: raw.hex(":").upper(),
    "hexdump": dump,
    "xxd": xxd,
    "xxd -i": lambda raw: "unsigned char k[] = {\n" + ", ".join(f"0x{one:02x}" for one in raw) + "\n};",
    "Python literal": lambda raw: f"key={raw!r}",
    "Python literal in JSON": lambda raw: json.dumps({"event": repr(raw)}),
    "bytearray": lambda raw: repr(bytearray(raw)),
    "Latin-1 in JSON": lambda raw: json.dumps({"event": raw.decode("latin-1")}),
    "Latin-1 in JSON, by msgspec": lambda raw: msgspec.json.encode({"event": raw.decode("latin-1")}),
    "list": lambda raw: str(list(raw)),
    "list in JSON": lambda raw: json.dumps({"key": list(raw)}, indent=2),
    "three digits each": lambda raw: "".join(f"{one:03d}" for one in raw),
    "one number a line": lambda raw: "\n".join(map(str, raw)),
    "signed, as Java does": lambda raw: str([one - 256 if one > 127 else one for one in raw]),
    "integer": lambda raw: str(int.from_bytes(raw, "big")),
    "integer in hex, little-endian": lambda raw: hex(int.from_bytes(raw, "little")),
    "words": lambda raw: str([int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)]),
    "octal escapes": lambda raw: "".join(f"\\{one:03o}" for one in raw),
    "bits": lambda raw: " ".join(f"{one:08b}" for one in raw),
    "percent signs": lambda raw: "".join(f"%{one:02X}" for one in raw),
    "quoted": quote,
    "base64 with line ends": lambda raw: base64.encodebytes(b"kkkk" * 3 + raw + b"kkkk" * 20),
    "base64 in a URL": lambda raw: quote(base64.b64encode(raw).decode()),
    "base64url": lambda raw: base64.urlsafe_b64encode(b"kkk" + raw),
    "base32": base64.b32encode,
    "base32, lower case, in groups": lambda raw: " ".join(textwrap.wrap(base64.b32encode(raw).decode().lower(), 4)),
    "base32hex": base64.b32hexencode,
    "base85": base64.b85encode,
    "Z85": lambda raw: base64.b85encode(raw).translate(Z85),
    "xxencode": lambda raw: base64.b64encode(raw).translate(XXENCODE),
    "Ascii85": lambda raw: base64.a85encode(raw, adobe=True),
    "uuencode": binascii.b2a_uu,
    "base64 of hex": lambda raw: base64.b64encode(raw.hex().encode()),
    "hex of base64": lambda raw: base64.b64encode(raw).hex(),
    "base64 of base64 of hex": lambda raw: base64.b64encode(base64.b64encode(b"k=" + raw.hex().encode())),
    "UTF-16": lambda raw: raw.hex().encode("utf-16"),
    "UTF-32": lambda raw: base64.b64encode(raw).decode().encode("utf-32-be"),
    "one byte in each word": lambda raw: b"".join(one.to_bytes(4, "little") for one in raw),
    "words the other way round": lambda raw: b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)),
    "backwards": lambda raw: raw[::-1],
    "hex backwards": lambda raw: raw.hex()[::-1],
    "two halves on two lines": lambda raw: f"first: {raw[:16].hex()}\nsecond: {raw[16:].hex()}\n",
    "half": lambda raw: base64.b64encode(raw[:16]),
    "gzip": gzip.compress,
    "zlib": lambda raw: zlib.compress(b"{'key': '" + raw.hex().encode() + b"'}"),
    "raw deflate": lambda raw: zlib.compress(raw.hex().encode(), wbits=-15),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "base64 of gzip in JSON": lambda raw: json.dumps({"blob": base64.b64encode(gzip.compress(raw)).decode()}),
    "hex of zlib": lambda raw: zlib.compress(raw).hex(),
    "gzip as Python shows it": lambda raw: f"body={gzip.compress(raw)!r}",
    "gzip with percent signs": lambda raw: quote(gzip.compress(raw)),
    "base64 of gzip, its slashes escaped": lambda raw: (
        base64.b64encode(gzip.compress(raw)).decode().replace("/", "\\/")
    ),
    "base64 of gzip over lines, as in mail": lambda raw: base64.encodebytes(gzip.compress(NOISE + raw, 0)),
    "base64 of gzip over lines, as in OpenSSL": lambda raw: "\r\n".join(
        textwrap.wrap(base64.b64encode(gzip.compress(NOISE + raw, 0)).decode(), 64)
    ),
    "signed words, as Java and Go do": lambda raw: str(struct.unpack(">4q", raw)),
    "signed short words": lambda raw: str(struct.unpack("<16h", raw)),
    "u128": lambda raw: f"{int.from_bytes(raw[:16], 'big')}, {int.from_bytes(raw[16:], 'big')}",
    "u64 in C": lambda raw: ", ".join(f"0x{one:016X}ULL" for one in struct.unpack(">4Q", raw)),
    "Uint8Array in JSON": lambda raw: json.dumps({str(at): one for at, one in enumerate(raw)}),
    "Rust": lambda raw: ", ".join(f"{one}u8" for one in raw),
    "Java": lambda raw: ", ".join(f"(byte) 0x{one:02X}" for one in raw),
    "Erlang": lambda raw: ",".join(f"16#{one:02X}" for one in raw),
    "assembler": lambda raw: "db " + ", ".join(f"0{one:02X}h" for one in raw),
    "JavaScript": lambda raw: "".join(f"\\u{{{one:x}}}" for one in raw),
    "hexdump without -C": lambda raw: "\n".join(
        f"{at:07x} " + " ".join(f"{one:04x}" for one in struct.unpack("<8H", raw[at : at + 16])) for at in (0, 16)
    ),
    "od": lambda raw: "\n".join(
        f"{at:07o} " + " ".join(f"{one:06o}" for one in struct.unpack("<8H", raw[at : at + 16])) for at in (0, 16)
    ),
    "quarters on four lines": lambda raw: "\n".join(f"part {at}: {raw[8 * at : 8 * at + 8].hex()}" for at in range(4)),
    "two UUIDs": lambda raw: f"{uuid.UUID(bytes=raw[:16])} {uuid.UUID(bytes=raw[16:])}",
    "two addresses": lambda raw: f"{ipaddress.IPv6Address(raw[:16]).exploded} {ipaddress.IPv6Address(raw[16:])}",
    "a pickled list": lambda raw: pickle.dumps(list(raw)),
    "a list in MessagePack": lambda raw: msgspec.msgpack.encode(list(raw)),
    "a list in BSON": lambda raw: b"".join(b"\x10%d\0%c\0\0\0" % (at, one) for at, one in enumerate(raw)),
    "a list pickled as text": lambda raw: pickle.dumps([*raw], 0),
    "floats": lambda raw: struct.pack("<32d", *raw),
    "a negative number, as Java has it": lambda raw: str(int.from_bytes(raw, "big", signed=True)),
    "a wallet's key": lambda raw: base58(b"\x80" + raw + sha256(sha256(b"\x80" + raw).digest()).digest()[:4]),
    "did:key": lambda raw: "did:key:z" + base58(b"\xed\1" + raw),
    "bytea of PostgreSQL": lambda raw: "".join(chr(one) if 32 <= one < 127 else f"\\{one:03o}" for one in raw),
    "quoted twice": lambda raw: quote(quote(raw)),
    "Latin-1 taken for UTF-8 twice": lambda raw: raw.decode("latin-1").encode().decode("latin-1"),
    "base32 of hex": lambda raw: base64.b32encode(raw.hex().encode()),
    "HEX in EBCDIC": lambda raw: raw.hex().upper().encode("cp500"),
    "halves of bytes swapped": lambda raw: " ".join(f"{one:02x}"[::-1] for one in raw),
    "list of gzip": lambda raw: json.dumps({"type": "Buffer", "data": [*gzip.compress(raw)]}),
    "hex of gzip with colons": lambda raw: gzip.compress(raw).hex(":"),
    "gzip as Latin-1 in JSON": lambda raw: json.dumps(gzip.compress(raw).decode("latin-1")),
    "gzip as Latin-1 in UTF-8": lambda raw: gzip.compress(raw).decode("latin-1"),
    "bits, the lowest first": lambda raw: "".join(f"{one:08b}"[::-1] for one in raw),
    "zlib of a small window": lambda raw: small(NOISE + raw),
    **{f"repr of zlib, {level}": lambda raw, level=level: repr(zlib.compress(raw * 9, level)) for level in (1, 5, 9)},
    "list of zlib": lambda raw: json.dumps([*zlib.compress(NOISE + raw, 9)]),
}
LINE_WRITERS: dict[str, Callable[[bytes], str]] = {
    "a column of a table": lambda raw: "\n".join(f"{at},key,{one},x" for at, one in enumerate(raw)),
    "a byte a log line": lambda raw: "\n".join(f"12:00:{at:02} DEBUG byte {one:02x}" for at, one in enumerate(raw)),
    "an assignment for each byte": lambda raw: "\n".join(f"key[{at}] = 0x{one:02x};" for at, one in enumerate(raw)),
    "an object for each byte": lambda raw: json.dumps([{"at": at, "value": one} for at, one in enumerate(raw)]),
    "eighths on eight lines": lambda raw: "\n".join(f"part {at}: {raw[4 * at : 4 * at + 4].hex()}" for at in range(8)),
    "base64 in pieces": lambda raw: "\n".join(
        f"part: {one}" for one in textwrap.wrap(base64.b64encode(raw).decode(), 9)
    ),
    "eight numbers a line": lambda raw: "\n".join(f"part {list(raw[at : at + 8])}" for at in range(0, 32, 8)),
    "with a label": lambda raw: "\n".join(f"time={at} level=debug byte={one}" for at, one in enumerate(raw)),
    "at fractions of a second": lambda raw: "\n".join(
        f"17643216{at:02}.123 part {raw[4 * at : 4 * at + 4].hex()}" for at in range(8)
    ),
    "with other lines between": lambda raw: "\n".join(
        f"12:00 T1 said {one}\n12:00 T2 is idle" + "\ntick" * (at % 3 == 0) for at, one in enumerate(raw)
    ),
    "under another id each time": lambda raw: "\n".join(
        f"{uuid.UUID(int=at << 64)} byte {one}" for at, one in enumerate(raw)
    ),
    "records of three lines": lambda raw: "\n".join(
        f"record:\n  index: {at}\n  value: {one}" for at, one in enumerate(raw)
    ),
    "pretty JSON": lambda raw: json.dumps([{"index": at, "value": one} for at, one in enumerate(raw)], indent=2),
    "as a debugger shows it": lambda raw: "\n".join(
        f"0x7ffe{at:04x}:\t" + "\t".join(f"0x{one:02x}" for one in raw[at : at + 8]) for at in range(0, 32, 8)
    ),
    "in long lines": lambda raw: "\n".join(f"12:00 byte {one} context={'abcdefgh' * 40}" for one in raw),
    "pretty JSON in JSON": lambda raw: json.dumps({"log": json.dumps(list(raw), indent=1)}),
    "numpy": lambda raw: str([f"np.uint8({one})" for one in raw]),
    "Java": lambda raw: ", ".join(f"(byte) {one}" for one in raw),
}
TEXT_WRITERS: dict[str, Callable[[str], bytes | str]] = {
    "plain": lambda text: text,
    "a word a line": lambda text: text.replace(" ", "\n"),
    "other case": lambda text: text.swapcase(),
    "pieces of 15 on lines of their own": lambda text: "\n".join(
        f"2026-11-28 part: {piece}" for piece in textwrap.wrap(text, 15)
    ),
    "a word a log line": lambda text: "\n".join(f"12:00 said {word}" for word in text.split()),
    "pieces of 8, as they come": lambda text: "".join(
        f"data: {text[at : at + 8]}\n\n" for at in range(0, len(text), 8)
    ),
    "one key pressed after the other": lambda text: "\n".join(json.dumps({"type": "key", "is": one}) for one in text),
    "each word marked": lambda text: "".join(f"<em class='hit'>{word}</em> " for word in text.split()),
    "in colours": lambda text: "".join(f"\x1b[3{at % 8}m{one}" for at, one in enumerate(text)),
    "with blanks of no width": "\u200b".join,
    "struck out": lambda text: "".join(f"{one}\u0336" for one in text),
    "blanks that do not break": lambda text: text.replace(" ", "\u00a0"),
    "blanks of HTML": lambda text: text.replace(" ", "&nbsp;"),
    "in chunks": lambda text: chunked(text.encode(), 6),
    "a list of MessagePack": lambda text: msgspec.msgpack.encode(text.split()),
    "brotli, sent by HTTP": lambda text: (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(packed := brotli.compress(text.encode())), packed)
    ),
    "gzip in chunks": lambda text: chunked(gzip.compress(text.encode()), 6),
    "a WebSocket, masked": lambda text: framed(text.encode(), b"mask"),
    "a WebSocket, deflated": lambda text: framed(text.encode(), b"\0\1\2\3", deflated=True),
    "URL": quote,
    "form": lambda text: quote(text).replace("%20", "+"),
    "HTML": html.escape,
    "a word a log line of a program": lambda text: (
        "2026-11-28 begun\n"
        + "\n".join(f"2026-11-28 12:00:0{at},000 DEBUG word {word}" for at, word in enumerate(text.split()))
    ),
    "a word a log line, cut while it is written": lambda text: (
        bytes(1 << 16) + "\n".join(f"12:00 said {word}" for word in text.split()).encode()
    ),
    "a word a log line, in UTF-16": lambda text: "\n".join(f"12:00 said {word}" for word in text.split()).encode(
        "utf-16"
    ),
    "as a model streams it": lambda text: "\n\n".join(
        "data: " + json.dumps({"c": [{"d": {"t": f"{word} "}, "f": None}]}) for word in text.split()
    ),
    "lines in JSON": lambda text: json.dumps({"log": text.replace(" ", "\n")}),
    "colours in JSON": lambda text: json.dumps([f"\x1b[3{at % 8}m{one}" for at, one in enumerate(text)]),
    "tags, escaped": lambda text: html.escape("".join(f"<b>{one}</b>" for one in text)),
    "narrow blanks": lambda text: text.replace(" ", "\u202f"),
    "titles of a terminal": lambda text: "".join(f"{word} \x1b]0;x\x07" for word in text.split()),
    "backwards": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "UTF-16": lambda text: text.encode("utf-16-be"),
    "base64": lambda text: base64.b64encode(text.encode()),
    "hex": lambda text: text.encode().hex(),
    "code points": lambda text: " ".join(str(ord(one)) for one in text),
    "HTML, all of it": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "JSON escapes": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "EBCDIC": lambda text: text.encode("cp500"),
    "spaced out": " ".join,
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "seven bits a letter, as in an SMS": lambda text: sum(ord(one) << 7 * at for at, one in enumerate(text)).to_bytes(
        -(-7 * len(text) // 8), "little"
    ),
}


ELSEWHERE = (
    "Der grüne Koffer steht um sechs Uhr früh am Gleis",
    "青いかばんは六時に九番線のホームへ",
    "Синий чемодан стоит у девятого пути",
)
ELSEWHERE_WRITERS: dict[str, Callable[[str], bytes | str]] = {
    "plain": lambda text: text,
    "other case": lambda text: text.swapcase(),
    "HTML, by number": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "JSON escapes": json.dumps,
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "URL": quote,
    "base64": lambda text: base64.b64encode(text.encode()),
    "HTML, by hex number": lambda text: "".join(f"&#x{ord(one):X};" for one in text),
    "in an older charset": lambda text: text.encode(
        next(one for one in ("latin-1", "shift_jis", "koi8-r") if text.encode(one, "ignore").decode(one) == text)
    ),
}


@pytest.mark.parametrize("how", LINE_WRITERS)
@FEW
@given(KEYS, KEYS)
def test_a_key_is_found_that_lies_in_pieces_on_many_lines(how: str, raw: bytes, other: bytes) -> None:
    log = "2026-11-28 the service has begun\n{}\n2026-11-28 the service has ended\n"
    assert finds(log.format(LINE_WRITERS[how](raw)), raw)
    assert raw == other or not finds(log.format(LINE_WRITERS[how](other)), raw)


@pytest.mark.parametrize("text", ELSEWHERE)
@pytest.mark.parametrize("how", ELSEWHERE_WRITERS)
def test_a_text_that_is_not_in_english_is_found(how: str, text: str) -> None:
    assert finds(ELSEWHERE_WRITERS[how](text), text, words=True)


@given(st.lists(st.binary(min_size=ANCHOR, max_size=ANCHOR), unique=True, max_size=6), HAY, st.data())
def test_an_anchor_is_found_wherever_it_stands(anchors: list[bytes], hay: bytes, draw: st.DataObject) -> None:
    for anchor in anchors:
        at = draw.draw(st.integers(0, len(hay)))
        hay = hay[:at] + anchor[: draw.draw(st.integers(ANCHOR - 1, ANCHOR))] + hay[at:]
    places = range(len(hay) - ANCHOR + 1)
    stands = [(at, anchors.index(hay[at : at + ANCHOR]), 0) for at in places if hay[at : at + ANCHOR] in anchors]
    each = [one for one in anchors if len(set(one)) > 1]  # one byte over and over stands everywhere
    assert [found for found in stands if anchors[found[1]] in each] == [
        (at, anchors.index(each[which]), where) for at, which, where in Anchors(each, [ANCHOR] * len(each)).find(hay)
    ]


@pytest.mark.parametrize("how", KEY_WRITERS)
@FEW
@given(KEYS, HAY, HAY)
def test_a_key_is_found_however_it_is_written(how: str, raw: bytes, before: bytes, after: bytes) -> None:
    written = KEY_WRITERS[how](raw)
    data = written.encode() if isinstance(written, str) else written
    around = (b"", b"") if "deflate" in how else (before, after)
    assert finds(around[0] + data + around[1], raw)


@pytest.mark.parametrize("number", [b"3278", b"3299"])
def test_what_looks_like_an_escape_in_a_packed_key_is_none_where_others_are_written(number: bytes) -> None:
    raw = sha256(number).digest()
    packed = gzip.compress(raw, mtime=0)
    assert finds(packed.decode("latin-1"), raw)
    assert finds(json.dumps(packed.decode("latin-1")), raw)
    assert finds(repr(packed), raw)


@pytest.mark.parametrize("how", KEY_WRITERS)
@FEW
@given(KEYS, KEYS)
def test_another_key_is_not_found(how: str, raw: bytes, other: bytes) -> None:
    assert raw == other or not finds(KEY_WRITERS[how](other), raw)


@pytest.mark.parametrize("how", TEXT_WRITERS)
def test_a_text_is_found_however_it_is_written(how: str) -> None:
    assert finds(TEXT_WRITERS[how](TEXT), TEXT, words=True)
    assert not finds(TEXT_WRITERS[how]("Meet me under the station clock, platform nine, at noon"), TEXT, words=True)


@pytest.mark.parametrize("how", ENCODINGS)
@FEW
@given(raw=KEYS)
def test_every_row_of_the_table_is_looked_for(how: str, raw: bytes) -> None:
    for written in ENCODINGS[how](raw):
        assert len(written) < PART or finds(b"<<" + written + b">>", raw)


@FEW
@given(KEYS)
def test_every_spelling_is_found_also_where_two_are_nested(raw: bytes) -> None:
    scanner = Scanner(spell(Known(FACT, raw)))
    for how, written in encodings(raw):
        assert len(written) < PART or scanner.scan(Source("hay", (Chunk("hay", 0, written),), packed=False)).facts, how


@given(KEYS, st.integers(0, 32 - PART), st.sampled_from(["raw", "hex", "base64"]))
def test_a_part_of_a_secret_is_a_secret(raw: bytes, start: int, how: str) -> None:
    part = raw[start : start + PART + 4]
    data = {"raw": part, "hex": part.hex().encode(), "base64": base64.b64encode(part)}[how]
    short = len(squeeze(part)) <= SHORTEST  # a few bytes of a key may be such as stand between words
    assert len(part) < PART + 4 or (how == "raw" and short) or finds(b"\xff\xee" + data + b"\xff\xee", raw)


@given(st.text("ab", min_size=SHORTEST, max_size=60), st.data())
def test_every_part_that_is_enough_is_looked_for_unless_it_is_one_byte_over_and_over(
    written: str, draw: st.DataObject
) -> None:
    spelled = written.encode()
    enough = draw.draw(st.integers(SHORTEST, len(spelled)))
    start = draw.draw(st.integers(0, len(spelled) - enough))
    part = spelled[start : start + enough]
    assume(len(set(part)) > 1)
    assert any(at - where == start for where, _, at in Anchors([spelled], [enough]).find(part))


@given(KEYS, st.integers(0, 24))
def test_a_few_bytes_are_no_part(raw: bytes, start: int) -> None:
    before, after = (b"\x80" if raw[at % 32] != 0x80 else b"\x81" for at in (start - 1, start + 8))
    hay, whole = b"\xff" + before + raw[start : start + 8] + after + b"\xff", squeeze(raw)
    # what is squeezed out may bring a ninth byte of the key beside the eight
    assume(not any(whole[at : at + 9] in squeeze(hay) for at in range(len(whole) - 8)))
    assert not finds(hay, raw)


def test_a_member_of_an_archive_is_opened() -> None:
    raw, file = os.urandom(32), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", raw.hex() * 3)
    assert finds(file.getvalue(), raw)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "brotli": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("how", PACKERS)
@given(raw=KEYS, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_stream_is_opened_whatever_packed_it(how: str, raw: bytes, before: bytes, after: bytes) -> None:
    begin = b"" if how == "brotli" else before  # it has no mark to begin with: only a file of it is opened
    assert finds(begin + PACKERS[how](b"key: " + raw.hex().encode()) + (b"" if how == "brotli" else after), raw)


@pytest.mark.parametrize("how", PACKERS)
def test_a_bomb_is_opened_up_to_a_bound(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_MOST", 1 << 18)
    packed = PACKERS[how](bytes(1 << 23))
    tracemalloc.start()
    try:
        sizes = [len(inside) for _, _, inside in opening.opened(packed)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes
    assert max(sizes) <= 1 << 18
    assert peak < 1 << 24


@pytest.mark.parametrize("how", PACKERS)
@given(st.data())
def test_a_stream_with_any_byte_altered_raises_nothing(how: str, data: st.DataObject) -> None:
    packed = bytearray(PACKERS[how](b"nothing to see here, nor here, nor there" * 3))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    assert sum(len(inside) for _, _, inside in opening.opened(bytes(packed))) >= 0


@pytest.mark.parametrize("begins", [b"x\x9c", b"BZh91AY&SY", b"\xfd7zXZ\0", b"PK\x03\x04"])
def test_a_large_file_is_not_copied_for_what_only_looks_like_a_stream(begins: bytes) -> None:
    data = begins + b"\xff" * (1 << 23)
    tracemalloc.start()
    try:
        assert list(opening.opened(data)) == []
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_key_far_down_in_a_rotated_log_is_found() -> None:
    raw = os.urandom(32)
    assert finds(gzip.compress(bytes(1 << 24) + raw), raw)


def test_a_stream_that_was_cut_off_is_opened_as_far_as_it_goes() -> None:
    raw = os.urandom(32)
    assert finds(gzip.compress(raw + os.urandom(4096))[:1000], raw)


def test_a_key_is_reported_with_its_place_its_offset_and_its_spelling() -> None:
    raw = hashlib.sha256(b"a key").digest()  # its base64 has no + or / to be squeezed out in front
    found = scanned(b"z" * 7 + base64.b64encode(raw), *spell(Known(FACT, raw)))
    assert found.facts[FACT][0] == Evidence("hay", 1007, "base64")
    assert str(Evidence("memory of gateway, [heap]", 4096, "raw")) == "memory of gateway, [heap], offset 0x1000, raw"


@given(st.integers(0, len(TEXT) - 24), st.integers(24, len(TEXT)))
def test_a_text_is_found_when_most_of_it_was_cut_off(start: int, length: int) -> None:
    assert finds(f"... {TEXT[start : start + length]} ...", TEXT, words=True) or len(TEXT[start : start + length]) < 24


def test_words_that_many_texts_have_are_no_part_of_one() -> None:
    assert not finds("we met at six o'clock. " * 40, TEXT, words=True)


def test_a_text_whose_letters_are_base64_is_no_key() -> None:
    text = "And the halves of this one open nothing"
    assert finds(f"I said: {text}", text, words=True)
    as_it_lies = b"d\0\0\0The halves of this key lie in two buildings"  # in a process of Python 3.13
    assert not finds(as_it_lies, text, words=True)


@pytest.mark.parametrize("raw", [b"", b"short", b"eleven char"])
def test_a_secret_that_is_too_short_is_refused(raw: bytes) -> None:
    with pytest.raises(Misused, match="12 characters"):
        list(spell(Known(FACT, raw)))


@pytest.mark.parametrize("raw", [bytes(32), b"!?!?!?!?!?!?!?!?"])
def test_a_secret_of_which_nothing_would_be_looked_for_is_refused(raw: bytes) -> None:
    with pytest.raises(Misused, match="or never"):
        list(spell(Known(FACT, raw)))


GIVEN: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda raw: raw.hex().encode(),
    "base64": base64.b64encode,
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
    "PEM": lambda raw: b"-----BEGIN A KEY-----\n" + base64.encodebytes(raw) + b"-----END A KEY-----\n",
}


@pytest.mark.parametrize("how", GIVEN)
@FEW
@given(KEYS, KEYS)
def test_a_key_that_was_given_as_text_is_found_as_the_program_holds_it(how: str, raw: bytes, other: bytes) -> None:
    assert finds(b"key: " + raw, GIVEN[how](raw))
    assert finds(json.dumps(list(raw)), GIVEN[how](raw))
    assert raw == other or not finds(other, GIVEN[how](raw))


def test_texts_that_begin_alike_are_told_apart() -> None:
    one, two = b"the same beginning, one end", b"the same beginning, another"
    both = [*spell(Known(("a",), one)), *spell(Known(("b",), two))]
    assert list(scanned(two, *both).facts) == [("b",)]
    assert set(scanned(two + one, *both).facts) == {("a",), ("b",)}


def test_a_trace_is_found_as_a_whole_only() -> None:
    mid = trace(("mid", "bbm"), "mid", "019a0000-0000-7000-8000-000000000001")
    assert scanned(b'"mid": "019A0000-0000-7000-8000-000000000001"', mid).facts
    assert not scanned(b'"mid": "019a0000-0000-7000-8000-000000000002"', mid).facts


@given(st.integers(1, 40_000), KEYS)
def test_what_lies_across_two_blocks_is_found(at: int, raw: bytes) -> None:
    assert finds(bytes(at) + raw.hex().encode() + bytes(40_000 - at), raw)


@given(st.integers(0, 5), st.integers(0, 200), st.integers(1, 4))
def test_leaving_out_what_was_there_before_loses_nothing(before: int, at: int, after: int) -> None:
    then = NOISE * (2 * (before + 1 + after))
    raw, lies = b"\x01" * 32, SLICE * before + at
    data = then[:lies] + raw + then[lies + 32 :]
    (chunk,) = unlike(Chunk("memory", 5000, data), then)
    assert len(chunk.data) <= 4 * SLICE
    found = chunk.data.index(raw)
    assert (chunk.offset(found), chunk.offset(found + 31)) == (5000 + lies, 5000 + lies + 31)
    assert not list(unlike(Chunk("memory", 5000, then), then))


def test_a_key_behind_much_that_was_left_out_is_reported_where_it_lay() -> None:
    raw, size = sha256(b"key").digest(), 4 * BLOCK
    data, then, lies = bytearray(os.urandom(size)), bytearray(size), size - 5 * SLICE + 100
    for at in range(0, size, 4 * SLICE):
        then[at : at + 3 * SLICE] = data[at : at + 3 * SLICE]
    data[lies : lies + 32] = raw
    (chunk,) = unlike(Chunk("memory", 5000, bytes(data)), bytes(then))
    assert BLOCK < len(chunk.data) < size
    (place,) = Scanner(spell(Known(FACT, raw))).scan(Source("memory", (chunk,), packed=False)).facts[FACT]
    assert 0 <= place.offset - (5000 + lies) < 8  # the key begins with what is left out between letters


def test_a_coalition_holds_what_each_of_it_holds() -> None:
    one, two = (Known(("cek", name), os.urandom(32)) for name in ("a", "b"))
    scanner = Scanner(needles([one, two]))
    parts = [scanner.scan(Source(name, (Chunk(name, 0, known.raw),))) for name, known in (("x", one), ("y", two))]
    assert set(merge(parts).facts) == {("cek", "a"), ("cek", "b")}
    assert merge(parts).size == 64


def test_a_secret_never_shows_itself() -> None:
    known = Known(FACT, b"a secret of 32 bytes, no more...")
    for shown in (repr(known), *(map(repr, spell(known)))):
        assert "secret" not in shown
        assert "c2Vj" not in shown
