"""The board of exercises: what was begun and solved, ticked from the page's log as it grows. Nothing undoes a tick."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiers.lab.exercises import ALL, load
from tiers.lab.exercises.exercise import Event, Work
from tiers.lab.page.feed import Feed
from tiers.lab.page.scenes import Answered, Solved, Started
from tiers.wire.errors import Missing


@dataclass(slots=True)
class _Begun:
    """An exercise under way: everything on the log since it began, and the secret of what was handed out."""

    given: str
    secret: str
    events: list[Event] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    solved: bool = False


@dataclass(slots=True)
class Board:
    """One board. `folder` takes what an exercise hands out as a file."""

    feed: Feed
    folder: Path
    _begun: dict[str, _Begun] = field(default_factory=dict)
    _handing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, name: str) -> str:
        """Begin an exercise, or begin it again; returns what is handed out. Raises `Missing`."""
        exercise = load(name)
        async with self._handing:  # a world that is handed out is measured alone
            given = await exercise.given(self.folder) if exercise.given else None
        text, secret = (given.text, given.secret) if given else ("", "")
        self._begun[name] = _Begun(text, secret, solved=name in self._begun and self._begun[name].solved)
        self.feed.append(Started(name, text))
        return text

    def answer(self, name: str, text: str) -> bool:
        """Take an answer; returns whether it is right, also after another was. Raises `Missing`."""
        if name not in self._begun:
            load(name)
            raise Missing("exercise.not_begun", f"Begin it first: tiers exercise start {name}.")
        begun = self._begun[name]
        begun.answers.append(text)
        self.feed.append(Answered(name, text))
        self._check(name)
        return load(name).check(Work(begun.events, [text], begun.secret))

    def rows(self) -> list[dict[str, Any]]:
        """Return all exercises, with how far each has come."""
        return [
            {
                "id": one.id,
                "title": one.title,
                "level": one.level,
                "points": one.points,
                "task": one.task,
                "hints": list(one.hints),
                "asks": one.asks,
                "begun": one.id in self._begun,
                "solved": one.id in self._begun and self._begun[one.id].solved,
            }
            for one in ALL.values()
        ]

    async def watch(self) -> None:
        """Follow the log for ever, and tick what is solved."""
        seen = len(self.feed)
        while True:
            await self.feed.grown(seen)
            fresh = [json.loads(entry)["event"] for entry in self.feed.since(seen)]
            seen += len(fresh)
            for name, begun in list(self._begun.items()):
                begun.events += fresh
                self._check(name)

    def _check(self, name: str) -> None:
        begun, exercise = self._begun[name], load(name)
        if not begun.solved and exercise.check(Work(begun.events, begun.answers, begun.secret)):
            begun.solved = True
            self.feed.append(Solved(name, exercise.points))
