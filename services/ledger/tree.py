"""The tree of the log as C2SP tlog-tiles, and the proofs made from it. Pure: it reads hashes through a function.

A *tile* is 256 consecutive hashes of one level; each hash of level l+1 is the root of a full tile of level l.
Nothing here needs all leaves in memory: a proof for a million leaves reads three or four tiles.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tiers.wire.errors import Missing
from tiers.wire.log.merkle import EMPTY_ROOT, HASH_BYTES, TreeHead, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_PATH = 64  # characters of a tile's path
_PATH = re.compile(r"(entries|0|[1-9]|[1-5][0-9]|6[0-3])((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

HashReader = Callable[[int, int], bytes]  # (height, index) -> hash of the complete subtree of 2**height leaves
TileReader = Callable[[int, int], bytes]  # (level, n) -> the hashes of that tile, as many as there are


@dataclass(frozen=True, slots=True)
class TileName:
    """Which tile: `level` is `None` for a bundle of entries; `width` is 256 unless the tile is partial."""

    level: int | None
    n: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Return the path as C2SP tlog-tiles has it, such as `tile/0/x001/x234/067.p/8`."""
        return f"{self.folder()}/{self.width}" if self.width < TILE_WIDTH else self.folder().removesuffix(".p")

    def folder(self) -> str:
        """Return the folder that holds the partial versions of this tile."""
        rest, last = divmod(self.n, 1000)
        parts = [f"{last:03d}"]
        while rest:
            rest, part = divmod(rest, 1000)
            parts.append(f"x{part:03d}")
        level = "entries" if self.level is None else self.level
        return f"tile/{level}/{'/'.join(reversed(parts))}.p"


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes. A full one never changes again."""

    name: TileName
    hashes: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of the tree: its size, and the still growing tile of every level (level 0 first)."""

    size: int = 0
    tails: tuple[bytes, ...] = ()


def parse_tile_path(path: str) -> TileName:
    """Read what follows `tile/` in a path, in its one spelling; raises `Missing("ledger.no_tile")`."""
    match = _PATH.fullmatch(path) if len(path) <= MAX_PATH else None
    if match is not None:
        level = None if match[1] == "entries" else int(match[1])
        n = int(match[2].replace("/", "").replace("x", ""))
        name = TileName(level, n, int(match[3] or TILE_WIDTH))
        if name.path() == f"tile/{path}":
            return name
    raise Missing("ledger.no_tile", "Ask for a tile that the checkpoint's size implies (C2SP tlog-tiles).")


def grow(edge: Edge, leaves: Iterable[bytes]) -> tuple[Edge, tuple[Tile, ...]]:
    """Append leaf hashes; return the new edge and the tiles that became full, lower levels first."""
    tails = [bytearray(tail) for tail in edge.tails]
    full: list[Tile] = []
    size = edge.size
    for leaf in leaves:
        size += 1
        full += _carry(tails, leaf, size)
    return Edge(size, tuple(bytes(tail) for tail in tails)), tuple(full)


def _carry(tails: list[bytearray], leaf: bytes, size: int) -> Iterable[Tile]:
    """Add one leaf hash; a tile that fills up is emptied into one hash of the level above."""
    node, level = leaf, 0
    while True:
        if level == len(tails):
            tails.append(bytearray())
        tails[level] += node
        if len(tails[level]) < TILE_BYTES:
            return
        hashes = bytes(tails[level])
        yield Tile(TileName(level, (size >> TILE_HEIGHT * (level + 1)) - 1), hashes)
        tails[level].clear()
        node, level = tile_root(hashes), level + 1


def edge_of(size: int, read_tile: TileReader) -> Edge:
    """Rebuild the edge of a tree of `size` leaves, a multiple of 256, from its full tiles alone."""
    tails, level, count = [b""], 1, size >> TILE_HEIGHT
    while count:
        full, width = divmod(count, TILE_WIDTH)
        below = range(full * TILE_WIDTH, full * TILE_WIDTH + width)
        tails.append(b"".join(tile_root(read_tile(level - 1, n)) for n in below))
        level, count = level + 1, full
    return Edge(size, tuple(tails))


def partial_tiles(edge: Edge) -> tuple[Tile, ...]:
    """Return the growing tile of every level that has one, under its partial name."""
    return tuple(
        Tile(TileName(level, edge.size >> TILE_HEIGHT * (level + 1), len(tail) // HASH_BYTES), tail)
        for level, tail in enumerate(edge.tails)
        if tail
    )


def tile_root(hashes: bytes) -> bytes:
    """Hash a power of two of hashes, laid end to end, into their root."""
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def hash_reader(read_tile: TileReader) -> HashReader:
    """Return a reader of subtree hashes over tiles: the levels inside a tile are hashed up from it."""

    def read(height: int, index: int) -> bytes:
        level, inside = divmod(height, TILE_HEIGHT)
        n, offset = divmod(index << inside, TILE_WIDTH)
        hashes = read_tile(level, n)[offset * HASH_BYTES : (offset + (1 << inside)) * HASH_BYTES]
        return tile_root(hashes)

    return read


def head(size: int, read: HashReader) -> TreeHead:
    return TreeHead(size, _range_hash(0, size, read) if size else EMPTY_ROOT)


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """Prove leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3.1); raises `Missing`."""
    if not 0 <= index < size:
        raise Missing("ledger.no_leaf", "Ask for an index below the size, and a size that a checkpoint has.")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start = middle
    return tuple(reversed(path))


def consistency_proof(first: int, second: int, read: HashReader) -> tuple[bytes, ...]:
    """Prove that the tree of `second` leaves extends that of `first` (RFC 9162 section 2.1.4.1); raises `Missing`.

    Empty for `first` 0 or equal sizes: nothing is left to prove.
    """
    if not 0 <= first <= second:
        raise Missing("ledger.no_tree", "Ask from a smaller size to a larger one that a checkpoint has.")
    start, end, path = 0, second, []
    while first not in {0, end}:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start = middle
    if start:  # the older tree's last subtree is not a prefix of it, so the verifier cannot know its hash
        path.append(_range_hash(start, end, read))
    return tuple(reversed(path))


def _range_hash(start: int, end: int, read: HashReader) -> bytes:
    """Hash the leaves [start, end); `start` is aligned as in the recursion of RFC 9162 section 2.1.1."""
    width = end - start
    if width & (width - 1) == 0:
        height = width.bit_length() - 1
        return read(height, start >> height)
    middle = start + _split(width)
    return node_hash(_range_hash(start, middle, read), _range_hash(middle, end, read))


def _split(width: int) -> int:
    """Return the largest power of two below `width` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def pack_bundle(entries: Sequence[bytes]) -> bytes:
    """Lay entries end to end, each behind its big-endian 16-bit length (C2SP tlog-tiles, log entries)."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_bundle(bundle: bytes) -> list[bytes]:
    """Read whole entries back; what is cut off at the end is left out."""
    entries, at = [], 0
    while at + 2 <= len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle):
            break
        entries.append(bundle[at + 2 : end])
        at = end
    return entries
