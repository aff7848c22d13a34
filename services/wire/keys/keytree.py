"""The consumer key tree: a warrant buys a window, not a person (docs/spec/keytree.md). Pure.

Per subscriber a binary tree of depth 24 over one-minute epochs, by HMAC-SHA256, as the secret tree of RFC 9420
section 9 grows. A node opens every minute below it and nothing else.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Yours
from tiers.wire.keys.secret import Secret

DEPTH = 24
EPOCHS = 1 << DEPTH
EPOCH_MS = 60_000
EPOCH_ZERO_MS = 1_262_304_000_000  # 2010-01-01T00:00Z

_SUBSCRIBER = b"tiers/v1 subscriber"
_NODE = b"tiers/v1 node"
_WRAP = b"tiers/v1 wrap"


class Master(Secret):
    """A carrier's master key: whoever holds it reads all consumer traffic of that carrier."""


class NodeKey(Secret):
    """The secret of one node of one subscriber's tree."""


class WrapKey(Secret):
    """The A256GCMKW key of one message and one subscriber."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A node's place: `depth` 0 is the root, 24 a leaf; `index` counts from the left on its level."""

    depth: int
    index: int

    def __post_init__(self) -> None:
        if not (0 <= self.depth <= DEPTH and 0 <= self.index < 1 << self.depth):
            raise Yours("keytree.position", f"Name a node at depth 0 to {DEPTH} and an index on that level.")

    @property
    def start(self) -> int:
        return self.index << (DEPTH - self.depth)

    @property
    def end(self) -> int:
        return (self.index + 1) << (DEPTH - self.depth)

    def covers(self, epoch: int) -> bool:
        return self.start <= epoch < self.end


@dataclass(frozen=True, slots=True)
class Node:
    at: Position
    key: NodeKey


def epoch_of(ts: int) -> int:
    """Return the epoch of a time in ms since 1970; raises `Yours` outside the tree (2010 to 2041)."""
    epoch = (ts - EPOCH_ZERO_MS) // EPOCH_MS
    if not 0 <= epoch < EPOCHS:
        raise Yours("keytree.epoch", "Use a time between 2010-01-01 and the end of the key tree in 2041.")
    return epoch


def epoch_start(epoch: int) -> int:
    """Return the first millisecond (since 1970) of an epoch."""
    return EPOCH_ZERO_MS + epoch * EPOCH_MS


def subscriber_root(master: Master, pin: str) -> Node:
    """Derive a subscriber's root: HKDF-Expand (RFC 5869, section 2.3) of the master, one block."""
    return Node(Position(0, 0), NodeKey(_expand(master, _SUBSCRIBER + pin.encode("ascii"))))


class NodeJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of a key tree on its way to whoever may hold it. `key` is base64url; the repr hides it."""

    depth: int
    index: int
    key: str

    def __repr__(self) -> str:
        return f"<NodeJson {self.depth}/{self.index}>"

    @classmethod
    def of(cls, node: Node) -> "NodeJson":
        return cls(node.at.depth, node.at.index, b64u(node.key.reveal()))

    def node(self) -> Node:
        """Read it; raises `Yours`."""
        raw = unb64u(self.key, "keytree.node")
        if len(raw) != 32:  # noqa: PLR2004 - a key
            raise Yours("keytree.node", "A node's key is 32 bytes.")
        return Node(Position(self.depth, self.index), NodeKey(raw))


def cover(start: int, end: int) -> list[Position]:
    """Return the fewest nodes that cover exactly the epochs [start, end): at most 46, from left to right."""
    if not 0 <= start <= end <= EPOCHS:
        raise Yours("keytree.window", "Name a window that starts before it ends, inside the key tree.")
    out: list[Position] = []
    while start < end:
        size = min(start & -start or EPOCHS, 1 << ((end - start).bit_length() - 1))
        depth = DEPTH - (size.bit_length() - 1)
        out.append(Position(depth, start >> (DEPTH - depth)))
        start += size
    return out


def descend(node: Node, to: Position) -> Node:
    """Derive the node at `to`, which must be `node` itself or below it; raises `Yours`."""
    down = to.depth - node.at.depth
    if down < 0 or to.index >> down != node.at.index:
        raise Yours("keytree.outside", "This node does not open that minute; ask for a grant that covers it.")
    raw = node.key.reveal()
    for level in range(down - 1, -1, -1):
        raw = hmac.digest(raw, _NODE + bytes([to.index >> level & 1]), "sha256")
    return Node(to, NodeKey(raw))


def leaf(nodes: Iterable[Node], epoch: int) -> Node:
    """Derive the leaf of `epoch` from whichever node covers it; raises `Yours` if none does."""
    if not 0 <= epoch < EPOCHS:
        raise Yours("keytree.epoch", "Use a time between 2010-01-01 and the end of the key tree in 2041.")
    for node in nodes:
        if node.at.covers(epoch):
            return descend(node, Position(DEPTH, epoch))
    raise Yours("keytree.outside", "No node at hand opens that minute; ask for a grant that covers it.")


def window(root: Node, start: int, end: int) -> list[Node]:
    """Derive the minimal cover of the epochs [start, end) from a node above them."""
    return [descend(root, position) for position in cover(start, end)]


def forget_before(nodes: Iterable[Node], epoch: int) -> list[Node]:
    """Return what is left of `nodes` when every minute before `epoch` is erased. The caller erases the old ones."""
    out: list[Node] = []
    for node in nodes:
        if node.at.start >= epoch:
            out.append(node)
        elif node.at.end > epoch:
            out.extend(descend(node, position) for position in cover(epoch, node.at.end))
    return out


def wrap_key(minute: Node, protected: str) -> WrapKey:
    """Derive one message's A256GCMKW key from a leaf, bound to the whole protected header as sent (base64url)."""
    return bound_key(minute, header_digest(protected))


def header_digest(protected: str) -> bytes:
    """Return what a message's keys are bound to: SHA-256 of its protected header as sent (base64url)."""
    return hashlib.sha256(protected.encode("ascii")).digest()


def bound_key(minute: Node, digest: bytes) -> WrapKey:
    """Derive one message's key from a leaf and its header's digest: for whoever derives both ends' keys."""
    if minute.at.depth != DEPTH:
        raise Yours("keytree.position", "Derive a message key from a leaf.")
    return WrapKey(_expand(minute.key, _WRAP + digest))


def _expand(key: Secret, info: bytes) -> bytes:
    """HKDF-Expand-SHA256 to 32 bytes: T(1) alone (RFC 5869, section 2.3)."""
    return hmac.digest(key.reveal(), info + b"\x01", "sha256")
