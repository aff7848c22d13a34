import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import tiles as oracle_tiles
from tlog_scales.tlog import ConsistencyProof, InclusionProof

from tiers.ledger import tree
from tiers.ledger.tree import TILE_WIDTH, Edge, TileName
from tiers.wire.errors import Missing, TiersError
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash, verify_consistency, verify_inclusion

LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def plain_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


class Tiles:
    """A tree grown leaf by leaf, its full tiles kept as a disk would."""

    def __init__(self, size: int) -> None:
        self.edge, full = tree.grow(Edge(), LEAVES[:size])
        self.full = {(tile.name.level, tile.name.n): tile.hashes for tile in full}
        self.read = tree.hash_reader(self.tile)

    def tile(self, level: int, n: int) -> bytes:
        return self.full.get((level, n)) or self.edge.tails[level]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_the_root_is_that_of_rfc_9162_at_every_edge_of_a_tile(size):
    assert tree.head(size, Tiles(size).read) == TreeHead(size, plain_root(LEAVES[:size]))


def test_the_tiles_of_70_000_leaves_are_those_that_the_specification_counts():
    tiles = Tiles(70_000)
    assert sorted((level, n) for level, n in tiles.full if level) == [(1, 0)]
    assert len([1 for level, _ in tiles.full if level == 0]) == 273
    assert [(t.name.level, t.name.n, t.name.width) for t in tree.partial_tiles(tiles.edge)] == [
        (0, 273, 112),
        (1, 1, 17),
        (2, 0, 1),
    ]


@given(size=st.integers(1, 1_500), data=st.data())
def test_every_leaf_is_proven_and_an_independent_verifier_agrees(size, data):
    read = Tiles(size).read
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, read)
    root = plain_root(LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, TreeHead(size, root), proof) == LEAVES[index]
    InclusionProof(index, size, list(proof)).check(LEAVES[index], root)


@given(size=st.integers(1, 1_500), data=st.data())
def test_every_older_tree_is_proven_and_an_independent_verifier_agrees(size, data):
    read = Tiles(size).read
    first = data.draw(st.integers(1, size))
    old, new = TreeHead(first, plain_root(LEAVES[:first])), TreeHead(size, plain_root(LEAVES[:size]))
    proof = tree.consistency_proof(first, size, read)
    assert verify_consistency(old, new, proof) == new
    ConsistencyProof(first, size, list(proof)).check(old.root, new.root)


@pytest.mark.parametrize("bundles", [0, 1, 2, 255, 256, 257, 273])
def test_the_edge_is_rebuilt_from_full_tiles_alone(bundles):
    size = bundles * TILE_WIDTH
    tiles = Tiles(size)
    rebuilt = tree.edge_of(size, lambda level, n: tiles.full[level, n])
    assert tree.partial_tiles(rebuilt) == tree.partial_tiles(tiles.edge)
    assert tree.grow(rebuilt, LEAVES[size : size + 300])[1] == tree.grow(tiles.edge, LEAVES[size : size + 300])[1]


@given(level=st.integers(-1, 63), n=st.integers(0, 10**12), width=st.integers(1, 256))
def test_tile_paths_are_those_of_an_independent_implementation_and_read_back(level, n, width):
    name = TileName(None if level < 0 else level, n, width)
    assert name.path() == "/".join(oracle_tiles.tile_path(level, n, width % TILE_WIDTH))
    assert tree.parse_tile_path(name.path().removeprefix("tile/")) == name


@given(st.text(max_size=80) | st.from_regex(r"(entries|[0-9]{1,2})(/x[0-9]{3}){0,2}/[0-9]{1,3}(\.p/[0-9]{1,4})?"))
def test_a_tile_path_has_one_spelling_and_nothing_else_escapes(path):
    with contextlib.suppress(TiersError):
        assert tree.parse_tile_path(path).path() == f"tile/{path}"


@pytest.mark.parametrize("path", ["0/000/../../log.key", "0/x000/000", "0/000.p/256", "0/000.p/0", "64/000", "00/000"])
def test_a_path_outside_the_tiles_is_refused(path):
    with pytest.raises(Missing, match=r"^ledger\.no_tile"):
        tree.parse_tile_path(path)


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 0)])
def test_no_proof_is_made_of_a_leaf_outside_the_tree(index, size):
    with pytest.raises(Missing, match=r"^ledger\.no_leaf"):
        tree.inclusion_proof(index, size, Tiles(5).read)


def test_a_bundle_reads_back_and_what_is_cut_off_is_left_out():
    entries = [b"one", b"", b"three"]
    bundle = tree.pack_bundle(entries)
    assert tree.unpack_bundle(bundle) == entries
    assert tree.unpack_bundle(bundle[:-1]) == entries[:2]
