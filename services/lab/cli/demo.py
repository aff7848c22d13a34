"""`tiers demo`: boot, tell the story step by step, attack everything, show who can read which message."""

import asyncio
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding

from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.cli.kit import Terminal
from tiers.lab.faults.registry import by_party
from tiers.lab.matrix import lesson
from tiers.lab.matrix.matrix import measure
from tiers.lab.matrix.policy import load_policy
from tiers.lab.page.control import served
from tiers.lab.page.watched import watched
from tiers.lab.world.world import booted
from tiers.measure.matrix import render
from tiers.measure.matrix.matrix import Matrix


@dataclass(slots=True)
class Demo:
    """A narrated run, as it goes: `steps` are (title, sentence, seconds since the start)."""

    console: Console
    began: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, str, float]] = field(default_factory=list)
    matrix: Matrix | None = None

    def tell(self, title: str, sentence: str) -> None:
        """Tell one step."""
        self.steps.append((title, sentence, round(time.monotonic() - self.began, 2)))
        self.console.print(f"[bold]{len(self.steps):>2}  {title}[/bold]", highlight=False)
        self.console.print(Padding(sentence, (0, 0, 0, 4)), highlight=False)

    @property
    def as_declared(self) -> bool:
        """Whether every cell is as the policy declares and every positive control was found."""
        return self.matrix is not None and self.matrix.agreement.holds

    def document(self) -> dict[str, Any]:
        """Return the run as one JSON document; `table` has a row for each message."""
        matrix: Any = msgspec.to_builtins(self.matrix)
        rows = [
            {
                "message": message["key"],
                "title": message["title"],
                "reads": [cell["vantage"] for cell in _of(matrix, message) if cell["content"] == "reads"],
                "sealed": [cell["vantage"] for cell in _of(matrix, message) if cell["content"] == "sealed"],
            }
            for message in matrix["messages"]
        ]
        steps = [{"title": title, "sentence": said, "seconds": at} for title, said, at in self.steps]
        return {"steps": steps, "table": rows, "as_declared": self.as_declared, "agreement": matrix["agreement"]}


def _of(matrix: Any, message: Any) -> list[Any]:
    return [cell for cell in matrix["cells"] if cell["message"] == message["key"]]


def show(matrix: Matrix, console: Console, *, full: bool) -> None:
    """Print the lesson, the full matrix if it is asked for, and how much of it is as declared."""
    lesson.show(matrix, load_policy(), console)
    said = matrix.agreement
    if full:
        show(matrix, console, full=False)
    elif not said.holds:
        for line in ("", *render.verdict(matrix)):
            console.print(line, highlight=False)
    else:
        unmeasured = f" ({said.unmeasured} cannot be measured here)" if said.unmeasured else ""
        console.print(
            f"\nEvery cell was attacked: {said.cells - said.unmeasured} of {said.cells} are as declared{unmeasured}.",
            highlight=False,
        )
        console.print("All of them: tiers demo --full. On a page, to play with: tiers up.", highlight=False)


async def run_demo(root: Path, store_url: str, *, quiet: bool, full: bool = False, cluster: bool = False) -> Demo:
    """Run the demo in a fresh folder; raises `Ours` if a party does not start or a capture is not whole."""
    demo = Demo(Terminal(quiet=quiet))
    async with booted(root, store_url, cluster=cluster) as world:
        store = "a store of three nodes" if cluster else "a store"
        demo.tell("Every party is its own process", f"{len(world.children)} parties and {store}; nobody shares a key.")
        async with opened(world) as desk:
            demo.tell("Seven handsets", "Consumers get their keys from the carrier, employees from their company.")
            story = await play(desk, demo.tell)
            demo.tell("The attack", "Memory, disks, wires, logs, key files, answers: what can each party really open?")
            demo.matrix = await measure(desk, story)
    show(demo.matrix, demo.console, full=full)
    return demo


async def demo_on_the_page(root: Path, store_url: str, *, cluster: bool = False) -> None:
    """Tell the same story on the page, in a browser, and leave the page open until it is cancelled."""
    console = Terminal()
    async with (
        booted(root, store_url, cluster=cluster) as world,
        opened(world) as desk,
        watched(desk) as seen,
        served(seen) as where,
    ):
        console.print(f"The page, for one browser: {where.page}\nCtrl-C ends it.", highlight=False, soft_wrap=True)
        await asyncio.to_thread(webbrowser.open, where.page)
        seen.story = await play(seen, seen.tell)
        matrix = await measure(seen, seen.story)
        seen.measured(matrix, seen.story)
        show(matrix, console, full=False)
        await asyncio.Event().wait()


async def measure_once(root: Path, store_url: str, leak: str) -> Matrix:
    """Boot, play the story in silence and measure; `leak` names a fault to plant. Raises `Yours` for an unknown one."""
    async with booted(root, store_url, by_party([leak] if leak else [])) as world, opened(world) as desk:
        return await measure(desk, await play(desk, lambda _title, _sentence: None))
