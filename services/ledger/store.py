"""The log on disk: a journal for durability, C2SP tlog-tiles for everybody else. Thin I/O around `tree`.

    journal                  the entries since the last full bundle; fsynced before an append returns
    tile/entries/<N>[.p/<W>] tile/<L>/<N>[.p/<W>]    derived; full ones are fsynced before the journal lets go of them
    checkpoint               the last published note

Promises. One caller appends at a time (the sequencer); any number read beside it. When `append` returns, its entries
are on disk. When it raises, they may or may not be: the next `append` starts from what is on disk, as after a crash,
and finds an entry that did get there instead of adding it twice. Killed between any two writes, the next start has
every entry that was answered for, and the same tree.
"""

import os
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from tiers.chassis.state import StateDir, replace_file
from tiers.ledger import tree
from tiers.ledger.tree import TILE_BYTES, TILE_WIDTH, Edge, TileName
from tiers.wire.errors import Missing, Ours
from tiers.wire.log.checkpoint import parse_note
from tiers.wire.log.merkle import EMPTY_ROOT, HASH_BYTES, TreeHead, leaf_hash

JOURNAL = "journal"
CHECKPOINT = "checkpoint"
CACHED_TILES = 256  # 2 MiB
_HEADER = struct.Struct(">Q")  # the index of the journal's first entry, a multiple of 256
_RECORD = struct.Struct(">H8s")  # length and checksum, before each entry


class Files(StateDir):
    """The state directory with the two cheaper writes that a log needs."""

    def append(self, name: str, data: bytes) -> None:
        """Add to a file; on disk when this returns."""
        with (self.path / name).open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def write_derived(self, name: str, data: bytes) -> None:
        """Replace a file that the next start can derive again: whole, but not waited for."""
        replace_file(self.path / name, data)

    def drop(self, folder: str) -> None:
        shutil.rmtree(self.path / folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Tree:
    """What readers see, swapped whole: the edge, and the entries that no full bundle holds yet."""

    edge: Edge
    recent: tuple[bytes, ...]

    @property
    def base(self) -> int:
        return self.edge.size - len(self.recent)


class Store:
    def __init__(self, files: Files) -> None:
        """Open the log and repair what a crash left; raises `Ours("ledger.damaged")` if it lost what it published."""
        self._files = files
        self._full_tile = lru_cache(CACHED_TILES)(self._read_full_tile)
        self._hashes = tree.hash_reader(self._tile_hashes)
        self._unsure = True  # whether memory and disk may differ, after a write that failed
        self._open()

    @property
    def size(self) -> int:
        return self._tree.edge.size

    def head(self, size: int | None = None) -> TreeHead:
        return tree.head(self.size if size is None else size, self._hashes)

    def inclusion_proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """Prove an entry in the tree of the first `size` entries; raises `Missing`."""
        return tree.inclusion_proof(index, self._known(size), self._hashes)

    def consistency_proof(self, first: int, second: int) -> tuple[bytes, ...]:
        """Prove that the log only appended from `first` to `second`; raises `Missing`."""
        return tree.consistency_proof(first, self._known(second), self._hashes)

    def entry(self, index: int) -> bytes | None:
        now = self._tree
        if not 0 <= index < now.edge.size:
            return None
        if index >= now.base:
            return now.recent[index - now.base]
        n, at = divmod(index, TILE_WIDTH)
        return tree.unpack_bundle(self._must_read(TileName(None, n)))[at]

    def tile(self, name: TileName) -> bytes | None:
        """Return a tile or bundle, `None` if the log is not that long. Any partial width is the start of the whole."""
        now = self._tree
        if name.level is None:
            growing = name.n == now.base // TILE_WIDTH
            entries = (
                now.recent if growing else tree.unpack_bundle(self._files.read(TileName(None, name.n).path()) or b"")
            )
            return tree.pack_bundle(entries[: name.width]) if len(entries) >= name.width else None
        growing = name.n == now.edge.size >> tree.TILE_HEIGHT * (name.level + 1) and name.level < len(now.edge.tails)
        hashes = now.edge.tails[name.level] if growing else self._files.read(TileName(name.level, name.n).path()) or b""
        size = name.width * HASH_BYTES
        return hashes[:size] if len(hashes) >= size else None

    def checkpoint(self) -> str | None:
        raw = self._files.read(CHECKPOINT)
        return None if raw is None else raw.decode()

    def publish(self, note: str) -> None:
        """Replace the published checkpoint; on disk when this returns."""
        self._files.write(CHECKPOINT, note.encode())

    def index_of(self, entry: bytes) -> int | None:
        return self._index.get(leaf_hash(entry))

    def append(self, entries: Sequence[bytes]) -> list[int]:
        """Append what is not in the log yet, with one fsync for all, and return the index of each entry.

        The same bytes have one index for ever. Raises `OSError`; see the promises above.
        """
        if self._unsure:
            self._open()
        fresh = list(dict.fromkeys(entry for entry in entries if self.index_of(entry) is None))
        if fresh:
            self._unsure = True
            self._files.append(JOURNAL, b"".join(_record(entry) for entry in fresh))
            self._derive(self._tree, fresh)
            self._unsure = False
        return [self._index[leaf_hash(entry)] for entry in entries]

    def _open(self) -> None:
        """Take full bundles and the journal for true, hold the full tiles against them, derive everything else again.

        The journal is written anew: its torn tail goes, and an fsync that failed before is made good.
        """
        base, recent = _parse_journal(self._files.read(JOURNAL) or _HEADER.pack(0))
        self._full_tile.cache_clear()
        self._check_bundles(base)
        self._index = {leaf: at for at, leaf in enumerate(self._leaf_hashes(base))}
        self._files.write(JOURNAL, _journal(base, recent))
        self._tree = _Tree(tree.edge_of(base, self._full_tile), ())
        published = self._published().size - base
        for part in (recent[: max(published, 0)], recent[max(published, 0) :]):  # partial tiles for both sizes
            self._derive(self._tree, part)
        self._refuse_roll_back()
        self._unsure = False

    def _check_bundles(self, base: int) -> None:
        """Hash every full bundle again: what lies on the disk must still be what its tiles say; raises `Ours`."""
        for n in range(base // TILE_WIDTH):
            bundle = TileName(None, n)
            entries = tree.unpack_bundle(raw := self._must_read(bundle))
            hashes = b"".join(map(leaf_hash, entries))
            if (tree.pack_bundle(entries), hashes) != (raw, self._read_full_tile(0, n)):
                raise Ours("ledger.damaged", f"Restore {bundle.path()} of the ledger, or its tile, from its backup.")
        level, count = 1, base // TILE_WIDTH
        while count := count // TILE_WIDTH:
            for n in range(count):
                below = range(n * TILE_WIDTH, (n + 1) * TILE_WIDTH)
                roots = b"".join(tree.tile_root(self._read_full_tile(level - 1, one)) for one in below)
                if roots != self._read_full_tile(level, n):
                    raise Ours("ledger.damaged", f"Restore {TileName(level, n).path()} of the ledger from its backup.")
            level += 1

    def _derive(self, before: _Tree, fresh: Sequence[bytes]) -> None:
        """Write the tiles that follow from `fresh` entries, which are in the journal, and show the new tree."""
        leaves = [leaf_hash(entry) for entry in fresh]
        edge, full = tree.grow(before.edge, leaves)
        recent = (*before.recent, *fresh)
        kept = edge.size % TILE_WIDTH
        after = _Tree(edge, recent[len(recent) - kept :])
        if full:
            self._close_tiles(before.base, recent[: len(recent) - kept], full)
            self._files.write(JOURNAL, _journal(after.base, after.recent))
        self._write_partials(before, after)
        self._tree = after
        self._index.update((leaf, before.edge.size + at) for at, leaf in enumerate(leaves))
        for name in (*(tile.name for tile in full), *(TileName(None, t.name.n) for t in full if t.name.level == 0)):
            self._files.drop(name.folder())

    def _close_tiles(self, base: int, entries: Sequence[bytes], full: Sequence[tree.Tile]) -> None:
        for at in range(0, len(entries), TILE_WIDTH):
            name = TileName(None, (base + at) // TILE_WIDTH)
            self._files.write(name.path(), tree.pack_bundle(entries[at : at + TILE_WIDTH]))
        for tile in full:
            self._files.write(tile.name.path(), tile.hashes)

    def _write_partials(self, before: _Tree, after: _Tree) -> None:
        if after.recent:
            name = TileName(None, after.base // TILE_WIDTH, len(after.recent))
            self._files.write_derived(name.path(), tree.pack_bundle(after.recent))
        # Before the first entry of a bundle, and so at every start, all of them: a start trusts no partial tile.
        old = set(tree.partial_tiles(before.edge)) if before.recent else set()
        for tile in tree.partial_tiles(after.edge):
            if tile not in old:
                self._files.write_derived(tile.name.path(), tile.hashes)

    def _refuse_roll_back(self) -> None:
        """Never sign a tree that is not the published one, or longer: a restored backup would be a lie."""
        published = self._published()
        if published.size > self.size or self.head(published.size) != published:
            raise Ours("ledger.damaged", "Restore the ledger's whole state directory: it lacks published entries.")

    def _published(self) -> TreeHead:
        note = self.checkpoint()
        return TreeHead(0, EMPTY_ROOT) if note is None else parse_note(note)[0].head

    def _known(self, size: int) -> int:
        if size > self.size:
            raise Missing("ledger.no_tree", "Ask for a size that a checkpoint of this log has.")
        return size

    def _tile_hashes(self, level: int, n: int) -> bytes:
        edge = self._tree.edge
        if n == edge.size >> tree.TILE_HEIGHT * (level + 1):
            return edge.tails[level]
        return self._full_tile(level, n)

    def _read_full_tile(self, level: int, n: int) -> bytes:
        hashes = self._must_read(TileName(level, n))
        if len(hashes) != TILE_BYTES:
            raise Ours("ledger.damaged", f"Restore {TileName(level, n).path()} of the ledger from its backup.")
        return hashes

    def _must_read(self, name: TileName) -> bytes:
        data = self._files.read(name.path())
        if data is None:
            raise Ours("ledger.damaged", f"Restore {name.path()} of the ledger from its backup.")
        return data

    def _leaf_hashes(self, base: int) -> Sequence[bytes]:
        tiles = (self._read_full_tile(0, n) for n in range(base // TILE_WIDTH))
        return [tile[at : at + HASH_BYTES] for tile in tiles for at in range(0, TILE_BYTES, HASH_BYTES)]


def _checksum(entry: bytes) -> bytes:
    return sha256(entry).digest()[:8]


def _record(entry: bytes) -> bytes:
    return _RECORD.pack(len(entry), _checksum(entry)) + entry


def _journal(base: int, entries: Sequence[bytes]) -> bytes:
    return _HEADER.pack(base) + b"".join(_record(entry) for entry in entries)


def _parse_journal(raw: bytes) -> tuple[int, list[bytes]]:
    """Return the first index and the whole records; the first torn one and what follows were never answered for."""
    if len(raw) < _HEADER.size:
        raise Ours("ledger.damaged", "Restore the ledger's journal from its backup.")
    (base,) = _HEADER.unpack_from(raw)
    entries, at = [], _HEADER.size
    while at + _RECORD.size <= len(raw):
        length, checksum = _RECORD.unpack_from(raw, at)
        entry = raw[at + _RECORD.size : at + _RECORD.size + length]
        if len(entry) < length or _checksum(entry) != checksum:
            break
        entries.append(entry)
        at += _RECORD.size + length
    return base, entries
