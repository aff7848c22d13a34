"""What can be asked of a running classroom, by the command line and by the page: one method for each `/api/<name>`."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tiers.chassis.web import body
from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.classroom.story import play
from tiers.lab.page import building, saving
from tiers.lab.page.assets import files
from tiers.lab.page.board import Board
from tiers.lab.page.bodies import (
    MAX_MINUTES,
    Answer,
    ApplyFor,
    Begin,
    Build,
    Measure,
    OrderFrom,
    Play,
    Read,
    RevokeDevice,
    RotateKey,
    Save,
    SendNote,
    Suspend,
    Turn,
    Warrant,
)
from tiers.lab.page.door import Door
from tiers.lab.page.watched import WatchedDesk
from tiers.lab.world.cast import handset, org_of
from tiers.wire.api.enterprise import Order
from tiers.wire.errors import Conflict, Missing, TiersError, Yours

if TYPE_CHECKING:
    from tiers.lab.scenarios.scenario import Scenario


@dataclass(slots=True)
class Acts:
    """The acts. What changes the whole lesson (the story, the attack, the beginning) is done one at a time.

    While a scenario is on the page, playing or over, the classroom waits: whatever acts in it is refused until `back`.
    """

    desk: WatchedDesk
    door: Door
    board: Board
    _orders: dict[tuple[str, str], str] = field(default_factory=dict)
    _regulators: dict[str, Regulator] = field(default_factory=dict)
    _trying: asyncio.Lock = field(default_factory=asyncio.Lock)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _acting: int = 0
    _away: bool = False
    _playing: asyncio.Task[Any] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self, name: str, request: web.Request) -> Any:
        """Do the act of this name; raises `Conflict` for an act in a classroom that waits."""
        if name in ASIDE:
            return await getattr(self, name)(request)
        if self._away:
            raise Conflict("lab.scenario_on", "Go back to the classroom first: a scenario is on the page.")
        self._acting += 1
        try:
            return await getattr(self, name)(request)
        finally:
            self._acting -= 1

    async def send(self, request: web.Request) -> Any:
        """Send a message between two handsets and wait until the receiver has it."""
        ask = await body(request, SendNote)
        note = Note(_known(ask.sender), _known(ask.to), ask.channel, ask.service, ask.text, ask.subject)
        sent = await self.desk.send(note, own=True)
        got = await self.desk.received(note.to, sent.mid)
        return {"mid": sent.mid, "opened": got.content is not None, "unreadable": got.unreadable}

    async def apply(self, request: web.Request) -> Any:
        """Apply for a warrant."""
        ask = await body(request, ApplyFor)
        return {"jti": await self.desk.apply(_known(ask.target), ask.services, ask.minutes, ask.after)}

    async def decide(self, request: web.Request) -> Any:
        """Have the judge decide."""
        ask = await body(request, Warrant)
        return await self.desk.decide(ask.jti, ask.verb, ask.reason)

    async def serve(self, request: web.Request) -> Any:
        """Serve a warrant."""
        return await self.desk.serve((await body(request, Warrant)).jti)

    async def inspect(self, request: web.Request) -> Any:
        """Inspect."""
        ask = await body(request, Warrant)
        return await self.desk.inspect(ask.jti, ask.start, ask.until)

    async def read(self, request: web.Request) -> Any:
        """Read as the customer."""
        ask = await body(request, Read)
        return await self.desk.read(org_of(ask.org), ask.mid)

    async def order(self, request: web.Request) -> Any:
        """Have the court serve a production order."""
        ask = await body(request, OrderFrom)
        pin = handset(_known(ask.handset)).pin if ask.handset else None
        return await self.desk.order(org_of(ask.org), Order(ask.reference, ask.reason, ask.mid, pin, ask.window))

    async def revoke(self, request: web.Request) -> Any:
        """Revoke a device."""
        ask = await body(request, RevokeDevice)
        await self.desk.revoke(org_of(ask.org), _known(ask.handset))
        return {}

    async def rotate(self, request: web.Request) -> Any:
        """Rotate a customer's key."""
        ask = await body(request, RotateKey)
        return await self.desk.rotate(org_of(ask.org), destroy=ask.destroy)

    async def regulate(self, request: web.Request) -> Any:
        """Have the regulator suspend a service, or withdraw the order that suspends it."""
        ask = await body(request, Suspend)
        regulator = self._regulators.setdefault("dot", Regulator.appear(self.desk, "dot"))
        standing = self._orders.pop((ask.channel, ask.service), None)
        if ask.suspend:
            standing = standing or f"dot-{len(self.desk.feed)}"
            self._orders[ask.channel, ask.service] = standing
            return await regulator.suspend(standing, (ask.channel,), (ask.service,))
        if standing is None:
            raise Missing("lab.order", "Nothing is suspended on that lane.")
        return await regulator.withdraw(f"{standing}-w", standing)

    async def exercises(self, _request: web.Request) -> Any:
        """List the exercises, and how far each has come."""
        return self.board.rows()

    async def start(self, request: web.Request) -> Any:
        """Begin an exercise."""
        return {"given": await self.board.start((await body(request, Begin)).exercise)}

    async def answer(self, request: web.Request) -> Any:
        """Answer an exercise."""
        ask = await body(request, Answer)
        return {"solved": self.board.answer(ask.exercise, ask.text)}

    async def arrangements(self, _request: web.Request) -> Any:
        """List what an arrangement can be built of, and those that are shipped."""
        return {"choices": building.choices(), "shipped": building.shipped()}

    async def declare(self, request: web.Request) -> Any:
        """Say what an arrangement declares, by the closure."""
        ask = await body(request, Build)
        return building.declare(ask.consumer, ask.enterprise)

    async def tryout(self, request: web.Request) -> Any:
        """Boot an arrangement beside the classroom, and attack it."""
        ask = await body(request, Build)
        async with self._trying:
            return await building.attack(ask.consumer, ask.enterprise)

    async def turn(self, request: web.Request) -> Any:
        """Turn the classroom clock."""
        ask = await body(request, Turn)
        if not 1 <= ask.minutes <= MAX_MINUTES:
            raise Yours("lab.turn", "Turn the clock forward by 1 minute to 24 hours.")
        return {"now": self.desk.world.clock.turn(ask.minutes)}

    async def story(self, _request: web.Request) -> Any:
        """Play the story of `tiers demo`."""
        async with self._alone:
            story = await play(self.desk, self.desk.tell)
        return {"messages": len(story.messages)}

    async def measure(self, request: web.Request) -> Any:
        """Attack the bytes that every party really holds: all messages since the lesson began, or one."""
        ask = await body(request, Measure)
        async with self._alone:
            await self.desk.measure(ask.mid)
        return {}

    async def scenarios(self, _request: web.Request) -> Any:
        """List the scenarios, history first."""
        from tiers.lab.page.timeline import listed  # noqa: PLC0415 - a classroom starts without the attack
        from tiers.lab.scenarios import load_all  # noqa: PLC0415 - the same

        return listed(load_all().values())

    async def scenario(self, request: web.Request) -> Any:
        """Play a scenario in worlds of its own, on this page; it goes on if whoever asked goes away."""
        from tiers.lab.scenarios import load  # noqa: PLC0415 - as above

        told = load((await body(request, Play)).name)
        if self._acting or self._alone.locked() or (self._playing and not self._playing.done()):
            raise Conflict("lab.busy", "Wait until the classroom has done what it is doing, then play the scenario.")
        self._away = True
        self._stop.clear()
        self._playing = asyncio.create_task(self._play(told))
        await asyncio.shield(self._playing)
        return {}

    async def _play(self, told: "Scenario") -> None:
        from tiers.lab.page.playing import play_on  # noqa: PLC0415 - as above

        async with self._alone:
            self.desk.leave()
            try:
                await play_on(self.desk.feed, told, self._stop)
            except TiersError:
                if not self._stop.is_set():  # else it ended as it was asked to
                    raise

    async def close(self) -> None:
        """Stop what is still playing, its worlds with it."""
        if self._playing is not None:
            self._stop.set()
            await asyncio.gather(self._playing, return_exceptions=True)

    async def back(self, _request: web.Request) -> Any:
        """Come back from a scenario, which ends here, to the classroom as it was."""
        await self.close()
        async with self._alone:
            if self._away:
                await self.desk.back()
            self._away = False
        return {}

    async def reset(self, _request: web.Request) -> Any:
        """Begin the lesson again, for everybody."""
        async with self._alone:
            await self.desk.reset()
        return {}

    async def save(self, request: web.Request) -> Any:
        """Return the lesson so far as one HTML file."""
        ask = await body(request, Save)
        entries = saving.seen([json.loads(one) for one in self.desk.feed.since(0)], ask.vantage)
        return {"html": saving.page(files(), entries, ask.vantage, ask.pages)}

    async def invite(self, _request: web.Request) -> Any:
        """Return an address that lets one more browser in, once."""
        return {"address": self.door.invite()}


NAMES = (
    "send", "apply", "decide", "serve", "inspect", "read", "order", "revoke", "rotate", "turn",
    "story", "measure", "scenarios", "scenario", "back", "reset", "invite",
    "exercises", "start", "answer", "regulate", "arrangements", "declare", "tryout", "save",
)  # fmt: skip
ASIDE = {
    "scenarios",
    "scenario",
    "back",
    "invite",
    "exercises",
    "start",
    "answer",
}  # what does nothing in the classroom, or brings it back


def _known(name: str) -> str:
    return handset(name.casefold()).name
