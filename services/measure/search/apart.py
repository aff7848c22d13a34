"""Joins what lies apart: what changes from line to line, what marks part, what HTTP and WebSocket cut. Pure."""

import re
from collections.abc import Iterator
from itertools import groupby, islice, pairwise

Piece = tuple[str, int, bytes]
"""How it lay apart, where in the data, and the whole."""
_RECORD = re.compile(rb"[^\r\n}]+")
_LONGEST = 300
"""Characters of a line: what is said piece by piece is said in short lines."""
_FEWEST = 4
"""Lines of one kind, one after the other."""
_BATCH, _OVERLAP = 1 << 12, 1 << 7
"""Lines that are looked at together, and how far one batch reaches into the next."""
_WORDS = re.compile(rb"([^0-9A-Za-z+/=_.-]+)")
_ALIKE = 2
"""With how many words and gaps lines of one kind begin alike."""
_NUMBER = re.compile(rb"\d+|[0-9A-Fa-f]{4,16}")
_MARKS = re.compile(
    rb"<[^<>]{0,200}>|&nbsp;|\xc2\xa0|\x1b\[[0-9;]*[A-Za-z]|[^\n]\x08"  # tags, blanks, colours, overstriking
    rb"|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xa9]|\xef\xbb\xbf|\xc2\xad"  # what has no width
    rb"|\xcc[\x80-\xbf]|\xcd[\x80-\xaf]"  # what is set upon a letter
)
_NO_CONTROLS = bytes(byte for byte in range(256) if byte in b"\b\t\n\r\x1b" or (byte >= 32 and byte != 127))  # noqa: PLR2004 - ASCII
_SAMPLE, _CONTROLS_IN_TEXT = 1 << 16, 50
"""One control among fewer bytes: it is no text."""
_CHUNKED = re.compile(rb"transfer-encoding: *chunked\r\n(?:[^\r\n]+\r\n)*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-f]{1,8})[^\r\n]*\r\n", re.IGNORECASE)
_UPGRADED = re.compile(rb"sec-websocket-(?:key|accept):(?:[^\r\n]+\r\n)+\r\n", re.IGNORECASE)
_WIDE = {126: 2, 127: 8}
_COMPRESSED, _FLUSH = 0xC0, b"\0\0\xff\xff"
"""First bits of the last frame of a deflated message, and what its sender left out (RFC 7692)."""


def framed(data: bytes) -> Iterator[Piece]:
    """Yield what was sent in chunks and in frames, whole; it may be packed."""
    for found in _CHUNKED.finditer(data):
        yield "chunks", found.end(), b"".join(_chunks(data, found.end()))
    for found in _UPGRADED.finditer(data):
        yield "frames", found.end(), b"".join(_frames(data, found.end()))


def apart(data: bytes) -> Iterator[Piece]:
    """Yield what lies apart in text, whole."""
    begins = data[:_SAMPLE]
    if _CONTROLS_IN_TEXT * len(begins.translate(None, _NO_CONTROLS)) > len(begins):
        return
    if _MARKS.search(data):
        yield "without marks", 0, _MARKS.sub(b"", data)
    yield from (("column", 0, column) for column in _columns(data))


def _columns(data: bytes) -> Iterator[bytes]:
    """Yield what changes from line to line where lines begin alike: a byte of a key in each, a word, some letters."""
    records, lines = _RECORD.finditer(data), list[list[bytes]]()
    while batch := list(islice(records, _BATCH)):
        short = (found[0] if found.end() - found.start() <= _LONGEST else b"" for found in batch)
        lines = [*lines[-_OVERLAP:], *map(_WORDS.split, short)]
        at = 0
        for same, several in groupby(pairwise(lines), _begin_alike):
            first, at = at, at + len(list(several))
            if same and at - first >= _FEWEST - 1:
                yield from _changing(lines[first : at + 1])


def _changing(lines: list[list[bytes]]) -> Iterator[bytes]:
    """Yield each column that is not the same in all lines, and all from the first on that is no number."""
    columns = list(zip(*lines, strict=False))  # up to the shortest
    yield from (b"\n".join(column) for column in columns if len(set(column)) > 1)
    changes = next((at for at, column in enumerate(columns) if not _all_alike(column)), len(columns))
    yield b"\n".join(b"".join(line[changes:]) for line in lines)


def _begin_alike(pair: tuple[list[bytes], list[bytes]]) -> bool:
    begins = list(zip(pair[0][:_ALIKE], pair[1][:_ALIKE], strict=False))
    return len(begins) == _ALIKE and all(map(_all_alike, begins))


def _all_alike(column: tuple[bytes, ...]) -> bool:
    return len({one.strip() for one in column}) == 1 or all(map(_NUMBER.fullmatch, column))


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
