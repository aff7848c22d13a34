"""Run something twice from one state, with other randomness, and say what came out the same.

What should be random and repeats was computed from the state: a nonce that is a function of a key shows so, however it
is masked or hashed. A party that mixes true randomness into all of it, or counts in the state, does not show.
"""

from collections.abc import Callable, Mapping

from tiers.measure.errors import NotWhole

PIECE = 4
"""Bytes that stand in both at one place: by chance in one comparison of 12 random bytes among 500 million."""


def repeats(run: Callable[[], Mapping[str, bytes]]) -> dict[str, bytes]:
    """Call `run` twice; returns, for each part of what it returned, the first piece that repeats in its place.

    `run` starts from one and the same state each time, and returns what should be random, by name.
    Raises `NotWhole` for no parts, parts under `PIECE` bytes, or other parts the second time.
    """
    one, other = run(), run()
    if not one or one.keys() != other.keys():
        raise NotWhole(f"the two runs gave {sorted(one)} and {sorted(other)}")
    if short := sorted(name for name in one if min(len(one[name]), len(other[name])) < PIECE):
        raise NotWhole(f"{', '.join(short)} has less than {PIECE} bytes")
    pieces = ((name, one[name][at : at + PIECE], at) for name in one for at in range(len(one[name]) - PIECE + 1))
    found: dict[str, bytes] = {}
    for name, piece, at in pieces:
        if other[name][at : at + PIECE] == piece:
            found.setdefault(name, piece)
    return found
