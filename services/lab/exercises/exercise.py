"""What an exercise is, and what it is checked against: the events since it began, and what was answered.

Exercise -> given(folder) -> what is handed out, and the secret that the answer must match
Work (events, answers, secret) -> check -> done or not
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """The page's events since an exercise began, what was answered to it, and the secret that was drawn for it."""

    events: Sequence[Event] = ()
    answers: Sequence[str] = ()
    secret: str = ""

    def of(self, kind: str) -> Iterator[Event]:
        """Return the events of a kind."""
        return (one for one in self.events if one["type"] == kind)

    def sent(self) -> dict[str, Event]:
        """Return what was written and accepted, by `mid`."""
        written = {one["key"]: one for one in self.of("written")}
        return {one["mid"]: written[one["key"]] for one in self.of("accepted") if one["key"] in written}

    def delivered(self) -> dict[str, Event]:
        """Return what was sent and opened by its receiver."""
        opened = {one["mid"] for one in self.of("opened") if not one["unreadable"]}
        return {mid: note for mid, note in self.sent().items() if mid in opened}

    def findings(self) -> list[Event]:
        """Return what inspections found."""
        return [found for one in self.of("inspected") for found in one["inspection"]["findings"]]

    def read(self) -> set[str]:
        """Return the `mid`s of the messages that the auditor opened."""
        return {one["mid"] for one in self.findings() if one.get("content") is not None}

    def refused(self, act: str, code: str) -> set[str]:
        """Return what an act was about that was refused with this code."""
        return {one["about"] for one in self.of("refused") if (one["act"], one["code"]) == (act, code)}

    def verdict(self, mid: str, vantage: str) -> str:
        """Return what was last said of a cell: reads, sealed, or nothing."""
        said = [one["cells"][vantage] for one in self.of("judged") if one["mid"] == mid and vantage in one["cells"]]
        return str(said[-1]).split()[0] if said else ""

    def says(self, *wanted: str) -> bool:
        """Whether the latest answer says one of these, in any order, case and punctuation."""
        return bool(self.answers) and any(_words(self.answers[-1]) == _words(one) for one in wanted if one)


_FILLER = {"a", "an", "and", "at", "in", "is", "it", "leaf", "of", "offset", "party", "people", "person", "the"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven")


def _words(said: str) -> set[str]:
    found = re.findall(r"\w+", unicodedata.normalize("NFKC", said).lower())
    return {str(_NUMBERS.index(one)) if one in _NUMBERS else one for one in found if one not in _FILLER}


@dataclass(frozen=True, slots=True)
class Given:
    """What is handed out for an exercise, and the secret that its answer is held against."""

    text: str
    secret: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise. `level` is easy, middle or hard; `hints` are three, each nearer; `asks`: what it wants told."""

    id: str
    title: str
    level: str
    points: int
    task: str
    hints: tuple[str, str, str]
    check: Callable[[Work], bool] = field(repr=False)
    asks: str = ""
    given: Callable[[Path], Awaitable[Given]] | None = field(default=None, repr=False)
