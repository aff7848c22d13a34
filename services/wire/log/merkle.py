"""The Merkle tree of the log, as its readers see it: hashes and the two proofs (RFC 9162 section 2.1). Pure.

Proofs are *made* in `tiers.ledger.tree`; everybody who relies on the log *checks* them here.
The numbered steps are those of RFC 9162.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from tiers.wire.errors import Yours

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1  # leaves; a C2SP checkpoint's tree size fits a signed 64-bit integer
MAX_PROOF = 63  # hashes; the height of the largest tree (C2SP tlog-witness)
EMPTY_ROOT = sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A tree's number of leaves and its root hash."""

    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 9162 section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, head: TreeHead, proof: Sequence[bytes]) -> bytes:
    """Return the leaf hash `leaf` if `proof` shows it at `index` of the tree `head` (RFC 9162 section 2.1.3.2).

    Raises `Yours("merkle.not_included")`.
    """
    if not 0 <= index < head.size <= MAX_SIZE:  # 1
        raise _not_included()
    _check_shape(proof, leaf)
    fn, sn, r = index, head.size - 1, leaf  # 2, 3
    for p in proof:  # 4
        if sn == 0:
            raise _not_included()
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            fn, sn = _skip_lone_nodes(fn, sn)
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or not hmac.compare_digest(r, head.root):  # 5
        raise _not_included()
    return leaf


def verify_consistency(old: TreeHead, new: TreeHead, proof: Sequence[bytes]) -> TreeHead:
    """Return `new` if `proof` shows that it only appended to `old` (RFC 9162 section 2.1.4.2).

    Every tree extends the empty one, so nothing is proven by size 0: that is refused, not waved through.
    Equal sizes need an empty proof and equal roots. Raises `Yours("merkle.inconsistent")`.
    """
    if not 0 < old.size <= new.size <= MAX_SIZE:
        raise _inconsistent()
    _check_shape(proof)
    if old.size == new.size:
        if proof or not hmac.compare_digest(old.root, new.root):
            raise _inconsistent()
        return new
    if not proof:  # 1
        raise _inconsistent()
    path = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)  # 2
    old_root, new_root, rest = _replay(old.size - 1, new.size - 1, path)
    if rest != 0 or not (hmac.compare_digest(old_root, old.root) and hmac.compare_digest(new_root, new.root)):  # 7
        raise _inconsistent()
    return new


def _replay(fn: int, sn: int, path: Sequence[bytes]) -> tuple[bytes, bytes, int]:
    """Recompute both roots from a consistency path (steps 3 to 6); the third is what is left of `sn`."""
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # 5
    for c in path[1:]:  # 6
        if sn == 0:
            raise _inconsistent()
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            fn, sn = _skip_lone_nodes(fn, sn)
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr, sr, sn


def _skip_lone_nodes(fn: int, sn: int) -> tuple[int, int]:
    """Climb past the levels where the last node has no sibling (step 4b or 6b)."""
    while fn and not fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _check_shape(proof: Sequence[bytes], *leaf: bytes) -> None:
    if len(proof) > MAX_PROOF or any(len(node) != HASH_BYTES for node in (*leaf, *proof)):
        raise Yours("merkle.malformed", f"Send at most {MAX_PROOF} hashes of {HASH_BYTES} bytes as a proof.")


def _not_included() -> Yours:
    return Yours("merkle.not_included", "Ask the ledger for an inclusion proof of this leaf in this checkpoint.")


def _inconsistent() -> Yours:
    return Yours(
        "merkle.inconsistent",
        "Keep both checkpoints as evidence and ask the ledger's operator: the log did not only append.",
    )
