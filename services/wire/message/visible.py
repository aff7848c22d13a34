"""Foreign text, made fit to be shown: what it says is all that it does. Pure.

One rule for terminal, auditor and page. A control, an escape sequence, a mark that turns the direction round or hides
what stands behind it: each is shown as its code point, ⟨U+202E⟩, and acts on nothing. Nothing is left out.
"""

import re
import unicodedata
from collections.abc import Iterator

_JOINERS = "\u200c\u200d"
"""Scripts of India and emoji need these two: they join or part letters and hide nothing."""
_BLANK = "\u115f\u1160\u3164\uffa0"
"""Letters of Hangul that show nothing."""
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_ISOLATE, _POP = "\u2068", "\u2069"
_ENDS = re.compile(r"\r\n?")
_MOST_MARKS = 4
"""So many combining marks may stand on one letter; more of them reach into the lines above."""


def visible(text: str, *, lines: bool = True) -> str:
    """Return `text` with every control made visible. Line ends and tabs stay where `lines` may stand."""
    if text.isascii() and text.isprintable():
        return text
    keep = "\n\t" if lines else ""
    out, marks = [], 0
    for one in _ENDS.sub("\n", text) if lines else text:
        kind = unicodedata.category(one)
        if one not in _JOINERS:  # marks behind a joiner still stand on the letter before it
            marks = marks + 1 if kind in {"Mn", "Me"} else 0
        control = kind in _HIDDEN and one not in _JOINERS and one not in keep
        hidden = control or one in _BLANK or (marks > _MOST_MARKS and one not in _JOINERS)
        out.append(f"⟨U+{ord(one):04X}⟩" if hidden else one)
    return "".join(out)


def shown(text: str, *, before: str = "", columns: int = 0) -> str:
    """Return foreign text for a terminal: each line by itself, isolated (Unicode UAX 9, 2.4), behind `before`.

    A terminal of so many `columns` (0: no terminal) would go on in its first column: longer lines are cut before it
    does. So no line of it can pass for one of ours.
    """
    room = max(columns - len(before), 1) if columns else 0
    lines = (
        piece for line in visible(text).split("\n") for piece in (_cut(line.expandtabs(), room) if room else [line])
    )
    return "\n".join(f"{before}{isolated(line)}" for line in lines)


def _cut(line: str, room: int) -> Iterator[str]:
    """Cut a line into pieces that take no more than so many columns."""
    begin = taken = 0
    for at, one in enumerate(line):
        wide = 2 if unicodedata.east_asian_width(one) in "WFA" else 1
        if taken + wide > room and at > begin:
            yield line[begin:at]
            begin, taken = at, 0
        taken += wide
    yield line[begin:]


def isolated(line: str) -> str:
    """Return one line of visible text, so that its direction turns nothing round but itself."""
    return line if line.isascii() else f"{_ISOLATE}{line}{_POP}"
