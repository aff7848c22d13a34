"""Foreign text, made fit to be shown: what it says is all that it does. Pure.

One rule for terminal, auditor and page. A control, an escape sequence, a mark that turns the direction round or hides
what stands behind it: each is shown as its code point, ⟨U+202E⟩, and acts on nothing. Nothing is left out.
"""

import re
import unicodedata

_JOINERS = "\u200c\u200d"
"""Scripts of India and emoji need these two: they join or part letters and hide nothing."""
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
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        hidden = (kind in _HIDDEN and one not in _JOINERS and one not in keep) or marks > _MOST_MARKS
        out.append(f"⟨U+{ord(one):04X}⟩" if hidden else one)
    return "".join(out)


def shown(text: str, *, before: str = "") -> str:
    """Return foreign text for a terminal: each line by itself, isolated (Unicode UAX 9, 2.4), behind `before`.

    So no line of it can pass for one of ours.
    """
    return "\n".join(f"{before}{isolated(line)}" for line in visible(text).split("\n"))


def isolated(line: str) -> str:
    """Return one line of visible text, so that its direction turns nothing round but itself."""
    return line if line.isascii() else f"{_ISOLATE}{line}{_POP}"
