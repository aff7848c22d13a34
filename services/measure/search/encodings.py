r"""One table of the ways in which bytes are written down, by programs, logs and people. Pure.

What is looked for and what is looked through are both *squeezed* first: letters in lower case, and what stands between
them left out (blanks, line ends, punctuation, NUL, the `x` of `0x`). So one row stands for hex in either case, with
colons, in a dump, as `\x..`, and in UTF-16 or UTF-32; a list of numbers may have any form; base64 stands for base64url,
base85 for Z85, and crypt's base64 for xxencode.
"""

import base64
import binascii
import codecs
import hashlib
import html
import json
import quopri
import string
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache, partial
from urllib.parse import quote, quote_plus

_BETWEEN = b"\0\t\n\v\f\r xX\x7f" + string.punctuation.encode()
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_LONGEST_NUMBER = 64
"""Bytes that somebody would write as one number: keys, not texts."""
_BASE32 = string.ascii_uppercase + "234567"
_BASE32S = {
    "base32hex": "0123456789ABCDEFGHIJKLMNOPQRSTUV",
    "Crockford's base32": "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    "z-base-32": "ybndrfg8ejkmcpqxot1uwisza345h769",
    "Bech32": "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
    "Geohash": "0123456789bcdefghjkmnpqrstuvwxyz",
}
_BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_BASE64S = {
    "base64 of crypt": "./" + string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "base64 of bcrypt": "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits,
}
_BASE45 = string.digits + string.ascii_uppercase + " $%*+-./:"
_BASES = {
    "base 32": string.digits + string.ascii_lowercase[:22],
    "base 36": string.digits + string.ascii_lowercase,
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base62": string.digits + string.ascii_uppercase + string.ascii_lowercase,
}
_CHARSETS = ("utf-7", "latin-1", "cp1251", "koi8-r", "cp866", "shift_jis", "gb18030")
Encoding = Callable[[bytes], Iterable[bytes]]


def squeeze(data: bytes) -> bytes:
    """Leave out what stands between letters and digits, and their case."""
    return data.translate(_LOWER, _BETWEEN)


def encodings(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (how, written) for every way to write `raw`, twice encoded and backwards included; not squeezed."""
    for how, encode in ENCODINGS.items():
        yield from ((how, written) for written in encode(raw))
    for inner, encode_whole in _INNER.items():
        for outer in _OUTER:
            yield from ((f"{inner} in {outer}", twice) for twice in ENCODINGS[outer](encode_whole(raw)))
    for how in _BACKWARDS:
        yield from ((f"{how}, of the bytes backwards", written) for written in ENCODINGS[how](raw[::-1]))
        yield from ((f"{how}, backwards", written[::-1]) for written in ENCODINGS[how](raw))


def _shifted(encode: Callable[[bytes], bytes], bits: int, group: int) -> Encoding:
    """Encode at each place in a group of bytes, and keep the characters that `raw` alone decides."""

    def at_each(raw: bytes) -> Iterator[bytes]:
        for before in range(group):
            whole = encode(bytes(before) + raw + bytes(-(before + len(raw)) % group))
            yield whole[-(-before * 8 // bits) : (before + len(raw)) * 8 // bits]

    return at_each


def _once(encode: Callable[[bytes], bytes | str]) -> Encoding:
    def wrapped(raw: bytes) -> Iterator[bytes]:
        with suppress(UnicodeError):  # what is no text is not written as one
            written = encode(raw)
            yield written.encode() if isinstance(written, str) else written

    return wrapped


def _text(encode: Callable[[str], bytes | str]) -> Encoding:
    return _once(lambda raw: encode(raw.decode()))


def _each(form: str, *, signed: bool = False) -> Encoding:
    """Write one number for each byte."""
    table = [form.format(abs((byte ^ 128) - 128) if signed else byte).encode() for byte in range(256)]
    return _once(lambda raw: b" ".join(map(table.__getitem__, raw)))


def _escaped(form: str, names: str = "") -> Encoding:
    """Write what can be printed as it is, and the other bytes by number; from 7 on by `names`, as in C."""
    table = [chr(byte) if 32 <= byte < 127 else form.format(byte) for byte in range(256)]  # noqa: PLR2004 - ASCII
    table[7 : 7 + len(names)] = names
    return _once(lambda raw: "".join(map(table.__getitem__, raw)))


def _marked(mark: bytes, from_: int) -> Encoding:
    """Write each byte with a mark before it if it is so large, as packed numbers are written."""
    return _once(lambda raw: b"".join(mark + bytes([byte]) if byte >= from_ else bytes([byte]) for byte in raw))


def _words(form: str, width: int, *, signed: bool = False) -> Encoding:
    """Write one number for each word of so many bytes, in either order of bytes."""

    def written(raw: bytes) -> Iterator[bytes]:
        words = [raw[at : at + width] for at in range(0, len(raw), width)]
        for order in ("big", "little"):
            yield " ".join(form.format(int.from_bytes(word, order, signed=signed)) for word in words).encode()

    return written


def _swapped(width: int) -> Encoding:
    return _once(lambda raw: b"".join(raw[at : at + width][::-1] for at in range(0, len(raw), width)))


def _numbers(raw: bytes) -> Iterator[int]:
    """Yield all bytes as one number, in either order; nothing of a text."""
    for order in ("big", "little") if len(raw) <= _LONGEST_NUMBER else ():
        yield int.from_bytes(raw, order)


def _digits(number: int, base: int) -> list[int]:
    """Return the digits of a number, the highest first."""
    digits = list[int]()
    while number:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits[::-1]


def _number(alphabet: str) -> Encoding:
    return lambda raw: (_written(number, alphabet) for number in _numbers(raw))


def _written(number: int, alphabet: str) -> bytes:
    two = _pairs(alphabet)  # two digits at a time are half the divisions
    return "".join([two[digit] for digit in _digits(number, len(two))]).lstrip(alphabet[0]).encode()


@cache
def _pairs(alphabet: str) -> list[str]:
    return [one + other for one in alphabet for other in alphabet]


def _big_integer(raw: bytes) -> Iterable[bytes]:
    """Write the digits of Python's own integers: 30 bits in four bytes each, the lowest first."""
    for number in _numbers(raw):
        yield b"".join(digit.to_bytes(4, "little") for digit in reversed(_digits(number, 1 << 30)))


def _base58(raw: bytes) -> Iterator[bytes]:
    """Write a key as a wallet does, with kind and check, and as did:key and multicodec do, with kind."""
    if len(raw) <= _LONGEST_NUMBER:
        wholes = (raw, b"\x80" + raw, b"\x80" + raw + b"\1")
        checked = (one + hashlib.sha256(hashlib.sha256(one).digest()).digest()[:4] for one in wholes)
        for whole in (*checked, b"\xed\1" + raw, b"\x80\x26" + raw):
            yield _written(int.from_bytes(whole), _BASES["base58"])


def _negative(raw: bytes) -> str:
    """Write a number as Java does, whose first bit is its sign."""
    return str(int.from_bytes(raw, "big", signed=True)) if len(raw) <= _LONGEST_NUMBER else ""


def _base45(raw: bytes) -> str:
    """RFC 9285."""
    numbers = (int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw) & ~1, 2))
    return "".join(_BASE45[n % 45] + _BASE45[n // 45 % 45] + _BASE45[n // 2025] for n in numbers)


def _septets(text: str) -> bytes:
    """Pack seven bits a character, as an SMS does (3GPP TS 23.038; the letters are those of ASCII)."""
    packed = sum((ord(letter) & 127) << 7 * at for at, letter in enumerate(text))
    return packed.to_bytes(-(-7 * len(text) // 8), "little")


_base32 = lru_cache(maxsize=1)(base64.b32encode)
"""As many times as it has alphabets, one after the other."""


def _lettered(encode: Callable[[bytes], bytes], letters: str, others: str) -> Callable[[bytes], bytes]:
    """Encode, and put others in the place of its letters."""
    table = bytes.maketrans(letters.encode(), others.encode())
    return lambda raw: encode(raw).translate(table)


ENCODINGS: Mapping[str, Encoding] = {
    "raw": _once(bytes),
    "hex": _once(lambda raw: raw.hex()),
    "base64": _shifted(base64.b64encode, 6, 3),
    "base64, quoted": _once(lambda raw: quote_plus(base64.b64encode(raw))),
    **{how: _shifted(_lettered(base64.b64encode, _BASE64, letters), 6, 3) for how, letters in _BASE64S.items()},
    "base32": _shifted(base64.b32encode, 5, 5),
    **{how: _once(_lettered(_base32, _BASE32, letters)) for how, letters in _BASE32S.items()},
    "base85": _once(base64.b85encode),
    "base45": _once(_base45),
    "Ascii85": _once(base64.a85encode),
    "base 8": lambda raw: (f"{number:o}".encode() for number in _numbers(raw)),
    "base 10": lambda raw: (f"{number}".encode() for number in _numbers(raw)),
    **{how: _number(alphabet) for how, alphabet in _BASES.items()},
    "base58 with kind and check": _base58,
    "base 10, signed": _once(_negative),
    "list of integers": _each("{}"),
    "list of signed integers": _each("{}", signed=True),
    "list of integers, three digits": _each("{:03}"),
    "list of decimals": _each("{}.0"),
    **{f"list of integers, {name}": _each(f"{name}{{}}") for name in ("chr", "npuint8", "uint8", "byte")},
    **{f"list of integers and {name}": _each(f"{{}}{name}") for name in ("u", "u8")},
    "list of integers, by place": _once(lambda raw: " ".join(f"{at}:{byte}" for at, byte in enumerate(raw))),
    "packed integers of MessagePack": _marked(b"\xcc", 128),
    "packed integers of CBOR": _marked(b"\x18", 24),
    "packed integers of pickle": _marked(b"K", 0),
    "packed integers of pickle, protocol 0": _each("I{}a"),
    "packed integers of BSON": _once(lambda raw: b"".join(b"\x10%d%c" % (at, byte) for at, byte in enumerate(raw))),
    "packed integers of Avro": _once(
        lambda raw: b"".join(bytes([2 * b & 127 | 128, b >> 6]) if b & 64 or b & 128 else bytes([2 * b]) for b in raw)
    ),
    "floats of 32 bits": _once(lambda raw: struct.pack(f"<{len(raw)}f", *raw)),
    "floats of 64 bits": _once(lambda raw: struct.pack(f"<{len(raw)}d", *raw)),
    "packed integers of protobuf": _once(
        lambda raw: b"".join(bytes([b | 128, 1]) if b & 128 else bytes([b]) for b in raw)
    ),
    "hex, 0x": _each("0{:02x}"),
    "hex, without leading zeros": _each("{:x}"),
    "hex, 0x without leading zeros": _each("0{:x}"),
    "hex, \\u": _each("u00{:02x}"),
    "hex, \\u{}": _each("u{:x}"),
    "hex, (byte)0x": _each("byte0{:02x}"),
    "hex, 0x and u8": _each("0{:02x}u8"),
    "hex, 16#": _each("16{:02x}"),
    "hex, 0 and h": _each("0{:02x}h"),
    "octal": _each("{:03o}"),
    "octal, without leading zeros": _each("{:o}"),
    "octal, 0o": _each("0o{:o}"),
    "bits": _each("{:08b}"),
    "bits, 0b": _each("0b{:b}"),
    "bits, lowest first": _once(lambda raw: "".join(f"{byte:08b}"[::-1] for byte in raw)),
    **{f"words of {8 * width} bits": _words("{}", width) for width in (2, 4, 8, 16)},
    **{f"words of {8 * width} bits, signed": _words("{}", width, signed=True) for width in (2, 4, 8)},
    "words of 16 bits, octal": _words("{:06o}", 2),
    "words of 16 bits, bare hex": _words("{:04x}", 2),
    "words of 32 bits, bare hex": _words("{:08x}", 4),
    "words of 32 bits, hex": _words("0{:08x}", 4),
    "words of 32 bits, hex and u": _words("0{:08x}u", 4),
    "words of 64 bits, hex": _words("0{:016x}", 8),
    **{f"bytes in words of {8 * width} bits": _swapped(width) for width in (2, 4, 8)},
    "digits of a Python integer": _big_integer,
    "inverted": _once(lambda raw: bytes(byte ^ 255 for byte in raw)),
    "yEnc": _once(lambda raw: bytes((byte + 42) % 256 for byte in raw)),
    "uuencode": _once(lambda raw: b"".join(binascii.b2a_uu(raw[at : at + 45])[1:] for at in range(0, len(raw), 45))),
    "quoted-printable": _once(quopri.encodestring),
    "percent": _once(quote),
    "percent, as in forms": _once(quote_plus),
    "percent, twice": _once(lambda raw: quote(quote(raw))),
    "C literal": _escaped("{:03o}"),
    "C literal, named": _escaped("{:03o}", "abtnvfr"),
    "Go literal": _escaped("{:02x}", "abtnvfr"),
    "C literal, without leading zeros": _escaped("{:o}"),
    "hex, halves of a byte swapped": _once(lambda raw: "".join(f"{byte:02x}"[::-1] for byte in raw)),
    "Python literal": _once(lambda raw: repr(raw)[2:-1]),
    "Latin-1": _once(lambda raw: raw.decode("latin-1")),
    "backslashreplace": _once(lambda raw: raw.decode("utf-8", "backslashreplace")),
    **{f"taken for {one}": _once(partial(bytes.decode, encoding=one)) for one in ("cp1251", "cp1252")},
    "Latin-1, twice": _once(lambda raw: raw.decode("latin-1").encode().decode("latin-1")),
    "JSON of what is no text": _once(lambda raw: json.dumps(raw.decode("utf-8", "surrogateescape"))),
    "Latin-1 in JSON": _once(lambda raw: json.dumps(raw.decode("latin-1"))),
    "Latin-1 in JSON, not escaped": _once(lambda raw: json.dumps(raw.decode("latin-1"), ensure_ascii=False)),
    "JSON": _text(json.dumps),
    "HTML": _text(html.escape),
    "HTML, by number": _text(lambda text: text.encode("ascii", "xmlcharrefreplace")),
    "lower case": _text(str.lower),
    "upper case": _text(str.upper),
    "composed": _text(lambda text: unicodedata.normalize("NFC", text)),
    "decomposed": _text(lambda text: unicodedata.normalize("NFD", text)),
    "UTF-16": _text(lambda text: text.encode("utf-16-le")),
    "UTF-32": _text(lambda text: text.encode("utf-32-be")),
    "SMS": _text(_septets),
    "EBCDIC": _text(lambda text: text.encode("cp037")),
    **{charset: _text(partial(str.encode, encoding=charset)) for charset in _CHARSETS},
    "HTML, by hex number": _text(lambda text: "".join(f"&#{ord(letter):x};" for letter in text)),
    "rot13": _text(lambda text: codecs.encode(text, "rot13")),
}
_INNER: Mapping[str, Callable[[bytes], bytes]] = {
    "hex": binascii.hexlify,
    "HEX": lambda raw: binascii.hexlify(raw).upper(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
}
_OUTER = ("hex", "base64", "base32", "base85", "list of integers", "EBCDIC")
_BACKWARDS = ("raw", "hex", "base64", "list of integers")
