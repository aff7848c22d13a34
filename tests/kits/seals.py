"""Which seals in a log are past their date and still shut, by what the parties themselves read and check."""

from collections.abc import Sequence
from dataclasses import dataclass

from tiers.wire.errors import Yours
from tiers.wire.log.leaf import Leaf, verify_opening


@dataclass(frozen=True, slots=True)
class UnopenedSeal:
    """A sealed leaf whose date has passed and that nobody has opened."""

    index: int
    party: str
    open_after: int


def unopened_seals(leaves: Sequence[Leaf], now: int) -> tuple[UnopenedSeal, ...]:
    """List the seals in a whole log (index = position) that are past their date at `now` (ms) and still shut.

    One opening breaks every seal with the same commitment. An opening that does not verify opens nothing.
    """
    opened = {leaf.commitment for leaf in leaves if leaf.opens is not None and _opens_something(leaf, leaves)}
    return tuple(
        UnopenedSeal(index, leaf.party, leaf.open_after)
        for index, leaf in enumerate(leaves)
        if leaf.open_after is not None and leaf.open_after <= now and leaf.commitment not in opened
    )


def _opens_something(opened: Leaf, leaves: Sequence[Leaf]) -> bool:
    if opened.opens is None or opened.opens.index >= len(leaves):
        return False
    try:
        verify_opening(opened, leaves[opened.opens.index])
    except Yours:
        return False
    return True
