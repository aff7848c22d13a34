"""`tiers demo`: boot, tell the story step by step, attack everything, show who can read which message."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.cli.kit import called
from tiers.lab.faults.registry import by_party
from tiers.lab.matrix import lesson
from tiers.lab.matrix.matrix import measure
from tiers.lab.matrix.policy import load_policy
from tiers.lab.world.arrangement import DEFAULT, load
from tiers.lab.world.world import booted
from tiers.measure.matrix import render
from tiers.measure.matrix.matrix import Agreement, Content, Matrix
from tiers.wire.message.visible import visible


class Step(msgspec.Struct, frozen=True):
    title: str
    sentence: str
    seconds: float


class Readers(msgspec.Struct, frozen=True):
    """Who reads one message, by vantage point; whoever is in neither list was not measured here."""

    message: str
    title: str
    reads: tuple[str, ...]
    sealed: tuple[str, ...]


class Document(msgspec.Struct, frozen=True):
    """The run, as `tiers demo --format json` writes it; `table` has a row for each message."""

    steps: tuple[Step, ...]
    table: tuple[Readers, ...]
    as_declared: bool
    agreement: Agreement
    version: int = 1


@dataclass(slots=True)
class Demo:
    console: Console
    began: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list)

    def tell(self, title: str, sentence: str) -> None:
        self.steps.append(Step(title, sentence, round(time.monotonic() - self.began, 2)))
        self.console.print(f"[bold]{len(self.steps):>2}  {title}[/bold]", highlight=False)
        self.console.print(Padding(Text(visible(sentence)), (0, 0, 0, 4)), highlight=False)

    def document(self, matrix: Matrix) -> Document:
        rows = tuple(
            Readers(one.key, one.title, _who(matrix, one.key, Content.READS), _who(matrix, one.key, Content.SEALED))
            for one in matrix.messages
        )
        return Document(tuple(self.steps), rows, matrix.agreement.holds, matrix.agreement)


def _who(matrix: Matrix, message: str, content: Content) -> tuple[str, ...]:
    return tuple(cell.vantage for cell in matrix.cells if (cell.message, cell.content) == (message, content))


def show(matrix: Matrix, console: Console, *, full: bool) -> None:
    """Print the lesson, the full matrix if it is asked for, and how much of it is as declared."""
    lesson.show(matrix, load_policy(), console)
    said = matrix.agreement
    if full:
        render.show(matrix, console)
    elif not said.holds:
        for line in ("", *render.verdict(matrix)):
            console.print(line, highlight=False, markup=False)
    else:
        unmeasured = f" ({said.unmeasured} cannot be measured here)" if said.unmeasured else ""
        console.print(
            f"\nEvery cell was attacked: {said.cells - said.unmeasured} of {said.cells} are as declared{unmeasured}.",
            highlight=False,
        )
        tiers = called()
        console.print(f"All of them: {tiers} demo --full.", highlight=False, soft_wrap=True, markup=False)
        console.print(f"On a page, to play with: {tiers} up.", highlight=False, soft_wrap=True, markup=False)


async def run_demo(root: Path, store_url: str, *, quiet: bool, full: bool = False, cluster: bool = False) -> Document:
    """Run the demo in a fresh folder; raises `Ours` if a party does not start or a capture is not whole."""
    demo = Demo(Console(quiet=quiet))
    async with booted(root, store_url, cluster=cluster) as world:
        store = "a store of three nodes" if cluster else "a store"
        demo.tell("Every party is its own process", f"{len(world.children)} parties and {store}; nobody shares a key.")
        async with opened(world) as desk:
            demo.tell("Seven handsets", "Consumers get their keys from the carrier, employees from their company.")
            story = await play(desk, demo.tell)
            demo.tell("The attack", "Memory, disks, wires, logs, key files, answers: what can each party really open?")
            matrix = await measure(desk, story)
    show(matrix, demo.console, full=full)
    return demo.document(matrix)


async def demo_on_the_page(root: Path, store_url: str, *, cluster: bool = False) -> None:
    """Tell the same story on the page, in a browser, and leave the page open until it is cancelled."""
    from tiers.lab.page import control  # noqa: PLC0415 - the terminal needs no page
    from tiers.lab.page.watched import watched  # noqa: PLC0415 - as above

    console = Console()
    async with (
        booted(root, store_url, cluster=cluster) as world,
        opened(world) as desk,
        watched(desk) as seen,
        control.served(seen) as where,
    ):
        console.print(f"The page, for one browser: {where.page}\nCtrl-C ends it.", highlight=False, soft_wrap=True)
        await control.show(root, where.page)
        await play(seen, seen.tell)
        await seen.measure()
        await asyncio.Event().wait()


async def measure_once(root: Path, store_url: str, leak: str, arrangement: str = DEFAULT) -> Matrix:
    """Boot, play the story in silence and measure; `leak` names a fault to plant. Raises `Yours` for an unknown one."""
    planted, arranged = by_party([leak] if leak else []), load(arrangement)
    async with booted(root, store_url, planted, arranged) as world, opened(world) as desk:
        return await measure(desk, await play(desk, lambda _title, _sentence: None))
