import base64
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError, Yours
from tiers.wire.log.merkle import MAX_PROOF, TreeHead, leaf_hash, node_hash, verify_consistency, verify_inclusion

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors" / "merkle"
MISSING = "the public Merkle vectors are missing: ../shared/vectors/merkle"


def vectors(kind: str) -> list[Path]:
    return sorted((VECTORS / kind).rglob("*.json"))


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:k]), root_of(leaves[k:]))


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < k:
        return [*path_of(index, leaves[:k]), root_of(leaves[k:])]
    return [*path_of(index - k, leaves[k:]), root_of(leaves[:k])]


def proof_of(case: dict) -> list[bytes]:
    return [raw(node) for node in case["proof"] or []]


@pytest.mark.skipif(not VECTORS.exists(), reason=MISSING)
def test_all_of_the_196_public_vectors_are_there():
    assert len(vectors("inclusion")) + len(vectors("consistency")) == 196


@pytest.mark.parametrize("path", vectors("inclusion"), ids=lambda path: str(path.relative_to(VECTORS)))
def test_public_inclusion_vector(path):
    case = json.loads(path.read_text())
    head = TreeHead(case["treeSize"], raw(case["root"]))
    if case["wantErr"]:
        with pytest.raises(Yours, match=r"^merkle\."):
            verify_inclusion(raw(case["leafHash"]), case["leafIdx"], head, proof_of(case))
    else:
        leaf = raw(case["leafHash"])
        assert verify_inclusion(leaf, case["leafIdx"], head, proof_of(case)) == leaf


@pytest.mark.parametrize("path", vectors("consistency"), ids=lambda path: str(path.relative_to(VECTORS)))
def test_public_consistency_vector(path):
    case = json.loads(path.read_text())
    old, new = TreeHead(case["size1"], raw(case["root1"])), TreeHead(case["size2"], raw(case["root2"]))
    if case["wantErr"]:
        with pytest.raises(Yours, match=r"^merkle\."):
            verify_consistency(old, new, proof_of(case))
    else:
        assert verify_consistency(old, new, proof_of(case)) == new


def test_a_leaf_is_never_taken_for_a_node():
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_proof_longer_than_any_tree_is_refused_before_it_is_hashed():
    head = TreeHead(2, b"r" * 32)
    with pytest.raises(Yours, match=r"^merkle\.malformed"):
        verify_inclusion(b"l" * 32, 0, head, [b"n" * 32] * (MAX_PROOF + 1))


@given(
    sizes=st.tuples(st.integers(-1, 20), st.integers(-1, 20)),
    roots=st.tuples(st.binary(max_size=33), st.binary(max_size=33)),
    proof=st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=33), max_size=8),
)
def test_nothing_but_our_own_error_types_escapes(sizes, roots, proof):
    old, new = TreeHead(sizes[0], roots[0]), TreeHead(sizes[1], roots[1])
    with contextlib.suppress(TiersError):
        verify_inclusion(roots[0], sizes[0], new, proof)
    with contextlib.suppress(TiersError):
        verify_consistency(old, new, proof)


@given(size=st.integers(1, 600), data=st.data())
def test_a_proof_with_any_bit_turned_no_longer_verifies(size, data):
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    head = TreeHead(size, root_of(leaves))
    proof = path_of(index, leaves)
    assert verify_inclusion(leaves[index], index, head, proof) == leaves[index]
    if proof:
        at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        node = int.from_bytes(proof[at], "big") ^ (1 << bit)
        turned = [*proof[:at], node.to_bytes(32, "big"), *proof[at + 1 :]]
        with pytest.raises(Yours, match=r"^merkle\.not_included"):
            verify_inclusion(leaves[index], index, head, turned)
