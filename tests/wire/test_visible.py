"""What is shown acts on nothing: terminal, auditor and page take one function."""

import unicodedata
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.message.visible import shown, visible

DANGEROUS = [
    *map(chr, range(0x20)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    *"\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u115f\u1160\u3164\uffa0",
]
DANGEROUS += [*"\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u180e", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("one", [one for one in DANGEROUS if one not in "\n\t"])
def test_a_control_is_shown_and_acts_on_nothing(one: str) -> None:
    said = visible(f"a{one}b", lines=False)

    assert f"a⟨U+{ord(one):04X}⟩b" == said


@given(st.text(max_size=80))
def test_nothing_that_is_shown_moves_or_hides_or_turns_anything(text: str) -> None:
    for said in (visible(text), visible(text, lines=False)):
        left = {one for one in said if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
        assert left <= set("\n\t\u200c\u200d")
    assert "\n" not in visible(text, lines=False)
    assert visible(visible(text)) == visible(text)


@given(
    st.text(
        st.characters(categories=("L", "N", "P", "Zs", "S"), exclude_characters="\u115f\u1160\u3164\uffa0"), max_size=80
    )
)
def test_what_is_harmless_is_shown_as_it_is(text: str) -> None:
    assert text == visible(text)


def test_line_ends_stay_and_are_one_kind() -> None:
    assert "a\n\nb\tc\nd" == visible("a\r\n\r\nb\tc\rd")


@given(st.text(max_size=60))
def test_no_line_of_foreign_text_can_pass_for_one_of_ours(text: str) -> None:
    assert all(line.startswith("  | ") for line in shown(text, before="  | ").split("\n"))


def test_a_pile_of_marks_does_not_reach_other_lines() -> None:
    assert "⟨U+0301⟩" in visible("a" + "\u0301" * 20)
    assert "⟨U+0301⟩" in visible("a" + ("\u0301\u200d" * 20))
    assert visible("a\u0301\u0302") == "a\u0301\u0302"


@given(st.text(max_size=60), st.integers(5, 90))
def test_no_line_runs_over_the_terminal_into_its_first_column(text: str, columns: int) -> None:
    said = shown(text, before="  | ", columns=columns)
    widths = [sum(1 + (east_asian_width(one) in "WFA") for one in line) for line in said.split("\n")]
    assert all(width <= max(columns, 6) + 4 for width in widths)  # two isolates take no room
    assert said.replace("\n  | ", "").replace("\u2068", "").replace("\u2069", "")[4:] == (
        visible(text).expandtabs().replace("\n", "")
    )
    assert shown("x" * 60, before="  | ", columns=24) == "\n".join(["  | " + "x" * 20] * 3)


def test_a_line_that_turns_round_turns_nothing_else() -> None:
    assert shown("שלום") == "\u2068שלום\u2069"
