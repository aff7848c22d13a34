"""The carrier's consumer keys: the master at rest, subscribers' trees derived from it. It sees no message.

The next minute's leaf is one or two steps from this minute's, so each recent subscriber's path from root to leaf is
kept. Leaves of minutes that no message may name any more are forgotten at the turn of the minute.
"""

from collections import OrderedDict

from tiers.wire.keys.keytree import DEPTH, Master, Node, Position, descend, subscriber_root, window

MAX_PATHS = 8192  # subscribers whose path is kept: about 7 KB each
KEEP_EPOCHS = 2  # leaves of this many minutes back are kept: admission looks one back


class Keystore:
    """Subscribers' keys. Pure but for its caches: the same PIN and minute give the same key, always."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._paths: OrderedDict[str, list[Node]] = OrderedDict()
        self._leaves: dict[int, dict[str, Node]] = {}

    def leaf(self, pin: str, epoch: int) -> Node:
        """Return a subscriber's key for one minute; raises `Yours` outside the tree."""
        minute = self._leaves.get(epoch)
        found = minute.get(pin) if minute is not None else None
        return found if found is not None else self._derive(pin, epoch)

    def cover(self, pin: str, start: int, end: int) -> list[Node]:
        """Derive the minimal cover of the epochs [start, end): for a grant, or a subscriber up to the tree's end."""
        return window(subscriber_root(self._master, pin), start, end)

    def forget_before(self, epoch: int) -> None:
        """Erase every leaf, and every path that ends in one, of the minutes before `epoch`."""
        for old in [minute for minute in self._leaves if minute < epoch]:
            del self._leaves[old]
        for pin in [pin for pin, path in self._paths.items() if path[-1].at.index < epoch]:
            del self._paths[pin]

    def _derive(self, pin: str, epoch: int) -> Node:
        target = Position(DEPTH, epoch)
        path = self._paths.pop(pin, None)
        if path is None:
            path, shared = [subscriber_root(self._master, pin)], 0
        else:
            shared = DEPTH - (path[-1].at.index ^ epoch).bit_length()
        del path[shared + 1 :]
        for depth in range(shared + 1, DEPTH):
            path.append(descend(path[-1], Position(depth, epoch >> (DEPTH - depth))))
        if shared < DEPTH:
            path.append(descend(path[-1], target))
        self._paths[pin] = path
        if len(self._paths) > MAX_PATHS:
            self._paths.popitem(last=False)
        self._remember(pin, path[-1])
        return path[-1]

    def _remember(self, pin: str, leaf: Node) -> None:
        minute = self._leaves.setdefault(leaf.at.index, {})
        if len(minute) >= MAX_PATHS:
            minute.pop(next(iter(minute)))
        minute[pin] = leaf
