"""Worksheets: blank lanes, a blank matrix, and its solution apart. Made of the story and the policy. Pure.

policy, story -> sheets(paper) -> {file: HTML}
"""

import html
from collections.abc import Iterable, Iterator

from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.story import AFTER, BEFORE, INSIDE
from tiers.lab.matrix.policy import load_policy
from tiers.wire.message.envelope import Channel

GROUPS = {
    "way": "On the way",
    "provider": "The provider",
    "state": "The state",
    "company": "The company",
    "ends": "The ends",
}
_WHEN = {"before": BEFORE, "inside": INSIDE, "after": AFTER}
_LANES = {
    "Consumer lane": ("the sender", "relay", "carrier", "mailbox", "the receiver"),
    "Enterprise lane": ("the sender", "relay", "nobody", "mailbox", "the receiver"),
}
_STYLE = """
@page { size: %s landscape; margin: 12mm; }
body { font: 11pt/1.3 sans-serif; margin: 0; } h1 { font-size: 15pt; margin: 0 0 2mm; } p { margin: 0 0 3mm; }
table { border-collapse: collapse; width: 100%%; }
th, td { border: 1px solid #555; padding: 0.6mm 1.5mm; text-align: left; }
thead td { border: 0; width: 19%%; } thead th { font: 600 7.5pt/1.15 sans-serif; vertical-align: bottom; width: 9%%; }
tbody th { font-weight: 400; white-space: nowrap; } tbody td { height: 4.8mm; text-align: center; }
.group th { background: #eee; font-weight: 600; padding-block: 0.2mm; }
.lanes td { height: 42mm; width: 20%%; vertical-align: top; font-weight: 600; border: 2px solid #222; }
.lanes td { text-align: left; }
.lanes { border-spacing: 6mm 3mm; border-collapse: separate; } .reads { background: #f5ae1b; font-weight: 700; }
"""


def sheets(paper: str) -> dict[str, str]:
    """Return the sheets for a size of paper ("A4", "Letter"), by file name."""
    return {
        "lanes.html": _page(paper, "Whose locks hang on the message?", _LANES_TASK, _lanes()),
        "matrix.html": _page(paper, "Who reads what? (before the attack)", _MATRIX_TASK, _matrix(solved=False)),
        "matrix-solution.html": _page(paper, "Who reads what? (the solution)", _SOLUTION, _matrix(solved=True)),
    }


_LANES_TASK = (
    "Draw the envelope at each station, and each lock on it with a name: who can open it? "
    "Mark everybody who has a key that fits."
)
_MATRIX_TASK = "Write R where somebody reads the message. Then measure, and count your misses."
_SOLUTION = "Declared in policy.toml, and measured by every run: tiers matrix fails where this table is wrong."


def _page(paper: str, title: str, task: str, content: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE % paper}</style></head><body><h1>{title}</h1><p>{task}</p>{content}</body></html>\n"
    )


def _lanes() -> str:
    rows = (
        f"<p>{lane}</p><table class='lanes'><tr>{''.join(f'<td>{stop}</td>' for stop in stops)}</tr></table>"
        for lane, stops in _LANES.items()
    )
    return "".join(rows)


def _notes() -> Iterator[tuple[str, str, Note]]:
    for when, notes in _WHEN.items():
        yield from ((when, key, note) for key, note in notes.items())


def _matrix(*, solved: bool) -> str:
    heads = "".join(f"<th>{_head(when, note)}</th>" for when, _, note in _notes())
    body = "".join(_group(name, title, solved=solved) for name, title in GROUPS.items())
    return f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _head(when: str, note: Note) -> str:
    lane = "BES" if note.channel is Channel.ENTERPRISE else "consumer"
    words = f"{note.sender.capitalize()} to {note.to.capitalize()}, {lane} {note.service.value} ({when}): {note.text}"
    return html.escape(words)


def _group(name: str, title: str, *, solved: bool) -> str:
    policy = load_policy()
    rows = [(who, row) for who, row in policy.vantages.items() if row.group == name and not row.variant_of]
    columns = len(list(_notes())) + 1
    lines: Iterable[str] = (
        f"<tr><th>{html.escape(row.name)}</th>{''.join(_cell(who, key, solved=solved) for _, key, _ in _notes())}</tr>"
        for who, row in rows
    )
    return f"<tr class='group'><th colspan='{columns}'>{title}</th></tr>{''.join(lines)}"


def _cell(who: str, key: str, *, solved: bool) -> str:
    return "<td class='reads'>R</td>" if solved and load_policy().reads(who, key) else "<td></td>"
