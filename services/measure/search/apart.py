"""Joins what lies apart: what changes from line to line, what marks part, what HTTP and WebSocket cut. Pure."""

import codecs
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from itertools import islice

Piece = tuple[str, int, bytes]
"""How it lay apart, where in the data, and the whole."""
_RECORD = re.compile(rb"[^\r\n}]+")
_LONGEST = 300
"""Characters of a line that are looked at: what is said piece by piece is said near its beginning."""
_SHORTEST, _LARGEST = 20, 1 << 22
"""Letters that may be a text, and bytes that are looked through for them."""
_FEWEST = 4
"""Lines of one kind, whatever stands between them."""
_BATCH, _OVERLAP = 1 << 12, 1 << 7
"""Lines that are looked at together, and how far one batch reaches into the next."""
_WORDS = re.compile(rb"([^0-9A-Za-z+/=_.-]+|=(?=[0-9A-Za-z]))")
_TELLING = 8
"""Words of a line that say of what kind it is."""
_FROM = 6
"""Columns from each of which on the rest of the lines is put together."""
_NUMBER = re.compile(
    rb"\d+(?:[.,]\d+)*Z?|(?:0x)?[0-9A-Fa-f]{4,16}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
)
"""What counts: a number, the time of day, an address, a UUID."""
_MARKS = re.compile(
    rb"(?:&lt;|%3C|\\+u003c)[^<>]{0,200}?(?:&gt;|%3E|\\+u003e)"  # tags, escaped
    rb"|<[^<>]{0,1000}>|\x1b\[[0-9;:?]*[@-~]|\x1b\][^\x07\x1b]{0,200}\x07|[^\n]\x08"  # and as they are; colours, titles
    rb"|&#?\w{1,8};|\xc2[\xa0\xad\xb7]|\xe2\x80[\x80-\xaf]|\xe3\x80\x80|\xe2\x81[\xa0-\xa9]|\xef\xbb\xbf"  # blanks
    rb"|\xcc[\x80-\xbf]|\xcd[\x80-\xaf]|\xef\xb8[\x80-\x8f]|\xf3\xa0[\x80-\x87][\x80-\xbf]"  # what is set upon a letter
    rb"|\\+(?:[nrt]|040|u(?:0020|00a0|00ad|20[0-6][0-9a-f]|feff))|(?:\\+u001b|#033)\[[0-9;:?]*[@-~]"  # escaped
)
_NO_CONTROLS = bytes(byte for byte in range(256) if byte in b"\a\b\t\n\r\x1b" or (byte >= 32 and byte != 127))  # noqa: PLR2004 - ASCII
_NO_LETTERS = bytes(byte for byte in range(256) if byte not in b"\t\n\r" and not 32 <= byte < 127)  # noqa: PLR2004 - ASCII
"""What stands between words that are packed as a list: how long they are, and of what kind."""
_SAMPLE, _CONTROLS_IN_TEXT = 1 << 16, 50
"""One control among fewer bytes: it is no text."""
_CHUNKED = re.compile(rb"transfer-encoding:[^\r\n]*chunked[ \t]*\r\n(?:[^\r\n]+\r\n)*\r\n", re.IGNORECASE)
_WHOLE = re.compile(rb"content-length: *(\d{1,9})\r\n(?:[^\r\n]+\r\n)*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-f]{1,8})[^\r\n]*\r\n", re.IGNORECASE)
_UPGRADED = re.compile(rb"sec-websocket-(?:key|accept):(?:[^\r\n]+\r\n)+\r\n", re.IGNORECASE)
_WIDE = {126: 2, 127: 8}
_COMPRESSED, _FLUSH = 0xC0, b"\0\0\xff\xff"
"""First bits of the last frame of a deflated message, and what its sender left out (RFC 7692)."""


def framed(data: bytes) -> Iterator[Piece]:
    """Yield what was sent by HTTP, in chunks too, or in frames, whole; it may be packed."""
    for found in _WHOLE.finditer(data):
        yield "body", found.end(), data[found.end() : found.end() + int(found[1])]
    for found in _CHUNKED.finditer(data):
        yield "chunks", found.end(), b"".join(_chunks(data, found.end()))
    for found in _UPGRADED.finditer(data):
        yield "frames", found.end(), b"".join(_frames(data, found.end()))


def apart(data: bytes) -> Iterator[Piece]:
    """Yield what lies apart in text, whole."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode(errors="replace")
    letters = data.translate(None, _NO_LETTERS) if len(data) <= _LARGEST else b""
    if _SHORTEST <= len(letters) < len(data):
        yield "without what is no letter", 0, letters
    begins = (data := data.lstrip(b"\0"))[:_SAMPLE]  # a log that was cut while it was written begins with a hole
    if _CONTROLS_IN_TEXT * len(begins.translate(None, _NO_CONTROLS)) > len(begins):
        return
    if _MARKS.search(data):
        yield "without marks", 0, _MARKS.sub(b"", data)
    yield from (("column", 0, column) for column in _columns(data))


def _columns(data: bytes) -> Iterator[bytes]:
    """Yield what changes in lines of one kind, wherever they stand: a byte of a key in each, a word, some letters."""
    records, lines = _RECORD.finditer(data), list[list[bytes]]()
    while batch := list(islice(records, _BATCH)):
        lines = [*lines[-_OVERLAP:], *(_WORDS.split(found[0][:_LONGEST]) for found in batch)]
        kinds = defaultdict[Hashable, list[list[bytes]]](list)
        for line in lines:
            words = [b"" if _NUMBER.fullmatch(word) else word for word in line[::2] if word][:_TELLING]
            kinds[tuple(words[:1])].append(line)
            kinds[len(line), *words[:1], next(filter(None, words), b"")].append(line)
        for several in kinds.values():
            if len(several) >= _FEWEST:
                yield from _changing(several)


def _changing(lines: list[list[bytes]]) -> Iterator[bytes]:
    """Yield each column that changes, and the rest of the lines from each of the first such columns on."""
    columns = enumerate(zip(*lines, strict=False))  # up to the shortest
    changing = [(at, column) for at, column in columns if len(set(column)) > 1]
    yield from (b"\n".join(column) for _, column in changing)
    words = [at for at, column in changing if not all(map(_NUMBER.fullmatch, column))]
    for at in {*(at for at, _ in changing[:_FROM]), *words[:1]}:
        yield b"\n".join(b"".join(line[at:]) for line in lines)


def _chunks(data: bytes, at: int) -> Iterator[bytes]:
    """Yield the chunks of an HTTP body (RFC 9112, 7.1)."""
    while (head := _SIZE.match(data, at)) and (size := int(head[1], 16)):
        yield data[head.end() : head.end() + size]
        at = head.end() + size + 2


def _frames(data: bytes, at: int) -> Iterator[bytes]:
    """Yield what is in the frames of one side of a WebSocket, unmasked (RFC 6455, 5.2)."""
    while at + 2 <= len(data):
        first, masked, size = data[at], data[at + 1] & 128, data[at + 1] & 127
        at += 2
        if wide := _WIDE.get(size, 0):
            size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        mask = data[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        said = data[at : at + size]
        at += size
        keys = (mask * (len(said) // 4 + 1))[: len(said)]
        yield (int.from_bytes(said, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(said), "big")
        yield _FLUSH if first & _COMPRESSED == _COMPRESSED else b""
