"""Plays a scenario: a world booted for each act, a sentence for each step, cells that are measured at the end.

    Scenario -> acts -> (booted world, desk) -> Audience -> Stage -> play -> attack -> cells as told, or it fails

A step that does not go as told raises `Ours("scenario.not_as_told")`: a scenario that passes has happened. Terminal and
page are two audiences of this one `run`.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, TypeVar

from tiers.chassis.state import read_folder
from tiers.lab.attack.attack import attack
from tiers.lab.attack.vantages import BY_ID, Vantage
from tiers.lab.classroom.desk import Desk, Note, Sent, opened
from tiers.lab.scenarios.sources import load_sources
from tiers.lab.world import arrangement as arrangements
from tiers.lab.world import folders
from tiers.lab.world.arrangement import Arrangement
from tiers.lab.world.cast import OPERATOR
from tiers.lab.world.world import booted
from tiers.wire.errors import Missing, Ours, TiersError
from tiers.wire.lawful.trust import parse_trust
from tiers.wire.log.checkpoint import verify_witnessed
from tiers.wire.message.envelope import Service

T = TypeVar("T")
Tell = Callable[[str, str], None]
READS, SEALED = "reads", "sealed"
ACT_SECONDS = 60
BOTH = (Service.BBM, Service.EMAIL)


@dataclass(frozen=True, slots=True)
class Cells:
    """What one vantage point ends with: the messages that it reads, and those that stay sealed to it."""

    vantage: str
    reads: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()


@dataclass(slots=True)
class Stage:
    """What an act plays on: the desk, what was sent and served by name, what was shown beside the measured cells."""

    desk: Desk
    tell: Tell
    messages: dict[str, Sent] = field(default_factory=dict)
    warrants: dict[str, str] = field(default_factory=dict)
    shown: list[tuple[str, str, str]] = field(default_factory=list)
    told: Mapping[str, str] = field(default_factory=dict)

    def say(self, title: str, **facts: object) -> None:
        """Tell a step in the words that the scenario's file has under its title, with facts in their braces."""
        self.tell(title, self.told[title].format(**facts))

    async def send(self, key: str, note: Note) -> Sent:
        """Send a message, wait until its receiver has it, and remember it under `key`."""
        self.messages[key] = await self.desk.send(note, key)
        got = await self.desk.received(note.to)
        _as_told(f"{note.to} opens {key}", got.unreadable, None)
        return self.messages[key]

    async def warrant(
        self, target: str, services: tuple[Service, ...] = BOTH, minutes: int = 1, after: int = 0
    ) -> None:
        """Apply for a warrant, have it approved and served."""
        jti = await self.desk.apply(target, services, minutes, after)
        await self.desk.decide(jti, "approval")
        await self.desk.serve(jti)
        self.warrants[target] = jti

    async def log_size(self) -> int:
        """Return how many leaves the public log has, from a checkpoint that the pinned witness cosigned."""
        peer = self.desk.as_(OPERATOR).peer("ledger")
        try:
            note = (await peer.ask_raw("GET", "/checkpoint")).decode()
        except Missing:
            return 0
        log = parse_trust(read_folder(self.desk.world.root / "trust")).log
        return verify_witnessed(note, log).checkpoint.head.size

    async def refused(self, what: str, code: str, doing: Awaitable[object]) -> TiersError:
        """Do something that must be refused with `code`; returns the refusal."""
        try:
            await doing
        except TiersError as error:
            self.check(what, error.code, code)
            return error
        raise _not_as_told(f"{what}: it was not refused")

    def check(self, what: str, found: T, told: T) -> T:
        return _as_told(what, found, told)

    def show(self, who: str, key: str, opened: bytes | None, text: str | None) -> None:
        """Note what somebody really opened (or failed to), who is no vantage point of the matrix."""
        _as_told(f"{who}, {key}", opened, None if text is None else text.encode())
        self.shown.append((who, key, SEALED if opened is None else READS))


Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Act:
    """One world: its arrangement, where it is, who misbehaves, what happens, how it must end.

    `vantages` are vantage points of its own, beside those of the matrix. On the channel `ghost` the auditor is named among
    the readers, and nobody is told.
    """

    play: Play
    cells: tuple[Cells, ...]
    arrangement: str = arrangements.DEFAULT
    jurisdiction: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    vantages: tuple[Vantage, ...] = ()
    ghost: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`verdict` is who wins and why, `caught` what would have caught it, `unknown` what was never disclosed.

    What happened has a date, `when` ("2013", "2004 to 2005"), and is `asked` and answered (`got`) in a clause each. `sources`
    are letters of sources.toml, `see` names pages of ours. `told` is the text of each step, by its title.
    """

    name: str
    title: str
    acts: tuple[Act, ...]
    verdict: str
    caught: str = ""
    unknown: str = ""
    when: str = ""
    asked: str = ""
    got: str = ""
    see: str = ""
    sources: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def cited(self) -> tuple[str, ...]:
        """The sources in full, each behind its letter, then our own pages."""
        known = load_sources()
        return (*(f"[{letter}] {known[letter]}" for letter in self.sources), *([self.see] if self.see else ()))


def declared(module: str, *plays: Play) -> Scenario:
    """Return the scenario that the TOML file beside its module declares; `plays` is what happens in each act."""
    _, _, stem = module.rpartition(".")
    said = tomllib.loads((files(__package__) / f"{stem}.toml").read_text(encoding="utf-8"))
    acts = tuple(_act(play, one) for play, one in zip(plays, said.pop("acts"), strict=True))
    return Scenario(name=stem.replace("_", "-"), acts=acts, sources=tuple(said.pop("sources", ())), **said)


def _act(play: Play, said: dict[str, Any]) -> Act:
    cells = tuple(
        Cells(who, tuple(one.get(READS, ())), tuple(one.get(SEALED, ()))) for who, one in said.pop("cells").items()
    )
    vantages = tuple(Vantage(who, tuple(held)) for who, held in said.pop("vantages", {}).items())
    return Act(play, cells, vantages=vantages, **said)


@dataclass(frozen=True, slots=True)
class Part:
    """An act as an audience hears of it: the `number`th (from 1) of `scenario`, in this arrangement."""

    scenario: Scenario
    number: int
    arrangement: Arrangement


class Audience:
    """Who watches: it hears every sentence. The page's (page/playing.py) sees the desk as well."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def begins(self, part: Part) -> None:
        """Hear that the world of an act is about to boot."""
        if len(part.scenario.acts) > 1:
            self.tell(f"Act {part.number}: {part.arrangement.declared.title}", part.arrangement.declared.says)

    @asynccontextmanager
    async def stage(self, desk: Desk, _part: Part) -> AsyncIterator[Stage]:
        """Return what the act plays on."""
        yield Stage(desk, self.tell)

    def ends(self, part: Part, stage: Stage, cells: list[tuple[str, str, str]]) -> None:
        """Hear how an act ended: (vantage, message, reads or sealed), as told and as measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a scenario ended: (act, vantage, message, reads or sealed), as told."""

    scenario: Scenario
    cells: tuple[tuple[int, str, str, str], ...]


async def run(scenario: Scenario, audience: Audience, store_url: str = "") -> Result:
    """Run a scenario in fresh worlds; raises `Ours` if it does not go as told."""
    cells: list[tuple[int, str, str, str]] = []
    for number, act in enumerate(scenario.acts, 1):
        part = Part(scenario, number, arrangements.load(act.arrangement).within(act.jurisdiction))
        audience.begins(part)
        async with _world(act, part.arrangement, store_url) as desk, audience.stage(desk, part) as stage:
            stage.told = scenario.told
            ended = await perform(act, stage)
            audience.ends(part, stage, ended)
        cells += [(number, *cell) for cell in ended]
    return Result(scenario, tuple(cells))


@asynccontextmanager
async def _world(act: Act, arranged: Arrangement, store_url: str) -> AsyncIterator[Desk]:
    with folders.fresh() as root:
        async with booted(root, store_url, arrangement=arranged, faults=act.faults) as world, opened(world) as desk:
            yield desk


async def perform(act: Act, stage: Stage) -> list[tuple[str, str, str]]:
    """Play an act on a stage and measure its cells; raises `Ours` if one is not as told."""
    try:
        async with asyncio.timeout(ACT_SECONDS):
            await act.play(stage)
    except TimeoutError:
        raise _not_as_told(f"the act did not end within {ACT_SECONDS} s") from None
    wanted = {(cells.vantage, key): READS for cells in act.cells for key in cells.reads}
    wanted |= {(cells.vantage, key): SEALED for cells in act.cells for key in cells.sealed}
    if not wanted:
        return stage.shown
    known = {**BY_ID, **{vantage.id: vantage for vantage in act.vantages}}
    vantages = [known[cells.vantage] for cells in act.cells]
    attacked = await attack(stage.desk, stage.messages, stage.warrants.values(), vantages)
    missing = [one for one in attacked.controls if one.found is None]
    if missing:
        raise _not_as_told(f"a capture is empty: {missing[0].source} lacks {missing[0].says}")
    for (vantage, key), told in wanted.items():
        reads = attacked.outcomes[vantage, key].reads
        if reads is not None:  # memory is measured on Linux only
            _as_told(f"{vantage}, {key}", READS if reads else SEALED, told)
    return [(vantage, key, told) for (vantage, key), told in wanted.items()] + stage.shown


def _as_told(what: str, found: T, told: T) -> T:
    if found != told:
        raise _not_as_told(f"{what}: {found!r} and not {told!r}")
    return found


def _not_as_told(what: str) -> Ours:
    return Ours("scenario.not_as_told", f"Read the step before: {what}.")
