"""A scenario before the page: the audience of `tiers.lab.scenarios` that writes all of it down on the page's log.

Its worlds are its own. The classroom waits meanwhile, and is left as it was.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import TypeVar

from tiers.lab.classroom.desk import Desk
from tiers.lab.page import events, scenes
from tiers.lab.page.feed import Feed
from tiers.lab.page.shapes import declared_by, slug
from tiers.lab.page.watched import WatchedDesk, watched
from tiers.lab.scenarios.scenario import Audience, Part, Result, Scenario, Stage, Tell, run
from tiers.wire.errors import Conflict, TiersError

T = TypeVar("T")


class SeenStage(Stage):
    """A stage whose checks are seen, too."""

    def __init__(self, desk: WatchedDesk, tell: Tell) -> None:
        super().__init__(desk, tell)
        self._feed = desk.feed

    def check(self, what: str, found: T, told: T) -> T:
        """See `Stage`."""
        super().check(what, found, told)
        self._feed.append(scenes.Checked(what, words(found)))
        return found

    def show(self, who: str, key: str, opened: bytes | None, text: str | None) -> None:
        """See `Stage`."""
        super().show(who, key, opened, text)
        self._feed.append(scenes.Checked(f"{who} opens {key}", words(opened)))


class OnThePage(Audience):
    """The page watches. Once `stop` is set, the scenario ends at its next sentence.

    It is not cancelled: a world that is cancelled while it boots would leave processes behind.
    """

    def __init__(self, feed: Feed, stop: asyncio.Event) -> None:
        super().__init__(self._told)
        self._feed = feed
        self._stop = stop

    def _told(self, title: str, text: str) -> None:
        self._go_on()
        self._feed.append(events.Told(slug(title), title, text))

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Conflict("scenario.stopped", "Play it again from the beginning: it was stopped.")

    def begins(self, part: Part) -> None:
        """See `Audience`."""
        self._go_on()
        faults = dict(part.scenario.acts[part.number - 1].faults)
        self._feed.append(scenes.Boots(part.number, declared_by(part.arrangement), faults))

    @asynccontextmanager
    async def stage(self, desk: Desk, _part: Part) -> AsyncIterator[Stage]:
        """See `Audience`."""
        async with watched(desk, self._feed) as seen:
            try:
                yield SeenStage(seen, self.tell)
            finally:
                self._stop_the_clock()

    def ends(self, part: Part, stage: Stage, cells: list[tuple[str, str, str]]) -> None:
        """See `Audience`."""
        mids = {key: sent.mid for key, sent in stage.messages.items()}
        self._feed.append(scenes.Cells(part.number, tuple(cells), mids))
        if isinstance(stage.desk, WatchedDesk):
            stage.desk.asserted(cells, mids)

    def _stop_the_clock(self) -> None:
        now = self._feed.clock()  # the act's own clock goes with its world
        self._feed.clock = lambda: now


async def play_on(feed: Feed, scenario: Scenario, stop: asyncio.Event | None = None) -> Result:
    """Play a scenario on the page's log, to its verdict or to what went wrong; raises `Ours` if it is not as told."""
    audience = OnThePage(feed, stop or asyncio.Event())
    feed.append(scenes.Scene(scenario.name, scenario.title, len(scenario.acts)))
    failed = "It was stopped before its end. The terminal of the classroom says why."
    try:
        result = await run(scenario, audience)
        failed = ""
    except TiersError as error:
        failed = f"{error.detail} ({error.code})"
        raise
    finally:
        told = (scenario.verdict, scenario.caught, scenario.unknown, scenario.cited)
        feed.append(scenes.Ended(*told, failed))
    return result


def words(found: object) -> str:
    """Return what a check found, as a page says it."""
    match found:
        case None:
            return "nothing"
        case bool():
            return "yes" if found else "no"
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(words, found)) or "none"
        case bytes():
            return found.decode(errors="replace")
    return str(found.value if isinstance(found, Enum) else found)
