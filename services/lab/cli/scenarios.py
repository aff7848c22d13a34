"""`tiers scenario`, `tiers compare`: history, attacks and arrangements from the command line."""

import asyncio
import logging
import time
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tiers.lab.classroom.desk import opened
from tiers.lab.cli.acts import ask
from tiers.lab.cli.kit import run_to_end, store_url
from tiers.lab.page import control
from tiers.lab.page.control import served
from tiers.lab.scenarios import compare as comparing
from tiers.lab.scenarios import load, load_all
from tiers.lab.scenarios.scenario import READS, Audience, Result, Scenario, run
from tiers.lab.world import folders
from tiers.lab.world.world import booted
from tiers.wire.custody import CUSTODIES
from tiers.wire.errors import TiersError, Yours
from tiers.wire.message.visible import visible

scenario = typer.Typer(no_args_is_help=True, help="What happened, and the attacks of history, played on real parties.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(scenario, name="scenario")
    app.command()(compare)


def _quiet() -> None:
    """Keep what handsets log to themselves: sessions end and open in scenarios, on purpose."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@scenario.command("list")
def scenario_list() -> None:
    """List the scenarios."""
    for one in load_all().values():
        typer.echo(f"{one.name:<24} {one.title}")


@scenario.command("run")
def scenario_run(
    name: Annotated[str, typer.Argument(help="see `tiers scenario list`")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="run them all, one line each")] = False,
    on_page: Annotated[bool, typer.Option("--open", help="play it on the page, in a browser")] = False,
) -> None:
    """Play a scenario; exits 0 only if every step and every cell is as told."""
    _quiet()
    if every == bool(name):
        raise Yours("scenario.name", "Name one scenario, or say --all.")
    if every:
        went = [_line(one) for one in load_all().values()]
        raise typer.Exit(0 if all(went) else 1)
    told = load(name)
    if on_page:
        run_to_end(_on_the_page(told))
        return
    console = Console(highlight=False)
    console.print(f"[bold]{told.title}[/bold]\n")
    steps = iter(range(1, 1000))
    audience = Audience(lambda title, text: _step(console, next(steps), title, text))
    result = run_to_end(run(told, audience, store_url()))
    _end(console, result)


async def _on_the_page(told: Scenario) -> None:
    """Play on the page of a classroom of its own, and leave the page open until it is cancelled."""
    with folders.fresh() as root:
        async with booted(root, store_url()) as world, opened(world) as desk, served(desk) as where:
            typer.echo(f"The page, for one browser: {where.page}\nCtrl-C ends it.")
            await control.show(root, where.page)
            try:
                await ask(where, "scenario", {"name": told.name}, seconds=None)
            except Yours as error:
                typer.echo(visible(error.detail), err=True)
            await asyncio.Event().wait()


def _step(console: Console, number: int, title: str, text: str) -> None:
    console.print(f"[bold]{number:>2}  {title}[/bold]")
    _say(console, text)


def _say(console: Console, text: str) -> None:
    console.print(Padding(Text(visible(text)), (0, 0, 0, 4)))


def _line(one: Scenario) -> bool:
    """Run one and say in a line how it went."""
    began = time.monotonic()
    try:
        result = run_to_end(run(one, Audience(lambda _title, _text: None), store_url()))
    except TiersError as error:
        typer.echo(visible(f"FAILED  {one.name:<24} {error}"))
        return False
    typer.echo(f"as told {one.name:<24} {len(result.cells):>3} cells  {time.monotonic() - began:5.1f} s")
    return True


def _end(console: Console, result: Result) -> None:
    """Print the measured cells, then who wins and why."""
    told = result.scenario
    console.print("\n[bold]Measured at the end[/bold]")
    rows: dict[tuple[int, str], dict[str, list[str]]] = {}
    for act, vantage, key, verdict in result.cells:
        rows.setdefault((act, vantage), {}).setdefault(verdict, []).append(key)
    for (act, vantage), by_verdict in rows.items():
        where = f"act {act}  " if len(told.acts) > 1 else ""
        said = (
            f"{verdict} {', '.join(keys)}" for verdict, keys in sorted(by_verdict.items(), key=lambda r: r[0] != READS)
        )
        console.print(f"    {where}{vantage:<24} {'; '.join(said)}")
    for title, text in (("Who wins", told.verdict), ("Caught by", told.caught), ("Never disclosed", told.unknown)):
        if text:
            console.print(f"\n[bold]{title}[/bold]")
            _say(console, text)
    if told.cited:
        console.print("\n[bold]Sources[/bold]")
        for source in told.cited:
            _say(console, source)


def compare(
    custodies: Annotated[list[str] | None, typer.Argument(help=f"some of: {', '.join(CUSTODIES)}")] = None,
) -> None:
    """Measure custodies and show them side by side: who reads, who forges, what a stolen key opens."""
    _quiet()
    comparing.show(run_to_end(comparing.compare(custodies or list(CUSTODIES), store_url())), Console(highlight=False))
