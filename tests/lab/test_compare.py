"""Custodies side by side fit one screen, with the texts that are really shipped."""

from io import StringIO

import pytest
from rich.console import Console

from tiers.lab.scenarios.compare import KEEPERS, Column, show
from tiers.lab.world import arrangement as arrangements
from tiers.wire.custody import CUSTODIES
from tiers.wire.errors import Yours


def _columns() -> list[Column]:
    return [_column(name) for name in CUSTODIES]


def _column(name: str) -> Column:
    """Make a column of what is declared, with a count as wide as any that was measured."""
    arranged, channel = arrangements.first_with(name)
    side, keeper = arranged.side(channel), KEEPERS.get(name)
    forgers = (*side.who_reads, "seized-handset")
    stolen = (6, 6) if keeper else None
    who = keeper[0] if keeper else ""
    return Column(name, arranged.name, channel, side.who_reads, forgers, (5, 6), who, stolen, side.stolen)


def _shown(width: int) -> list[str]:
    out = StringIO()
    show(_columns(), Console(file=out, width=width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(("width", "lines"), [(80, 30), (100, 24), (120, 24)])
def test_the_comparison_of_all_custodies_is_one_screen(width: int, lines: int) -> None:
    shown = _shown(width)
    assert len(shown) <= lines
    assert max(map(len, shown)) <= width


def test_no_word_of_it_is_cut_in_two_where_lines_are_short() -> None:
    words = set(" ".join(_shown(80)).replace("─", " ").split())
    for column in _columns():
        said = f"{column.custody} {column.channel} {column.lost} {CUSTODIES[column.custody].holds}"
        assert set(said.split()) <= words


def test_a_coalition_is_named_only_where_none_of_its_members_can() -> None:
    both = [one.replace(",", "").split() for one in _shown(120) if one.startswith("reads too")]
    assert both[0][:4] == ["reads", "too", "carrier", "auditor"]
    assert "operator" not in both[0]


def test_whoever_names_no_custody_is_told_which_there_are() -> None:
    with pytest.raises(Yours, match=r"^custody\.unknown: Name one of: carrier, "):
        arrangements.first_with("nope")
