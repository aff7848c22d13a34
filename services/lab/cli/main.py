"""`tiers`: the classroom from the command line."""

import asyncio
import sys
from enum import StrEnum
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tiers.lab.classroom.desk import opened
from tiers.lab.cli.demo import Document, demo_on_the_page, measure_once, run_demo
from tiers.lab.cli.kit import Cluster, Format, called, ended, run_to_end, show_matrix, store_url
from tiers.lab.world import folders
from tiers.lab.world.arrangement import DEFAULT
from tiers.lab.world.world import booted
from tiers.measure.matrix.matrix import Matrix

app = typer.Typer(add_completion=False, no_args_is_help=True)
if not {"demo", "matrix"} & set(sys.argv[1:2]):  # who waits for these waits for nothing else
    for _part in ("acts", "bench", "exercise", "lesson", "measure", "scenarios"):
        import_module(f"tiers.lab.cli.{_part}").add_to(app)


_WELCOME = """\
The classroom of {checkout} is up. Its page, for one browser: {page}
For another browser: {tiers} page
Try: {tiers} send alice bob hello --channel consumer
Ctrl-C stops it."""


class DemoFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Json(StrEnum):
    MATRIX = "matrix"
    DEMO = "demo"
    BENCH = "bench"


@app.callback(invoke_without_command=True)
def about(
    *, say_version: Annotated[bool, typer.Option("--version", help="say which version this is", is_eager=True)] = False
) -> None:
    """Two lawful-intercept tiers on one relay."""
    if say_version:
        typer.echo(f"tiers {version('intercept-tiers')}")
        raise typer.Exit


@app.command()
def demo(
    how: Annotated[DemoFormat, typer.Option("--format", help="how to print it")] = DemoFormat.TEXT,
    on_page: Annotated[bool, typer.Option("--open", help="tell it on the page, in a browser")] = False,
    full: Annotated[bool, typer.Option("--full", help="end with every vantage point and every message")] = False,
    cluster: Cluster = False,
) -> None:
    """Boot every party, tell the story, attack everything; exits 0 only if every cell is as declared."""
    with folders.fresh() as root:
        if on_page:
            run_to_end(demo_on_the_page(root, store_url(), cluster=cluster))
            return
        result = run_to_end(run_demo(root, store_url(), quiet=how is DemoFormat.JSON, full=full, cluster=cluster))
    if how is DemoFormat.JSON:
        typer.echo(msgspec.json.encode(result).decode())
    raise typer.Exit(0 if result.as_declared else 1)


@app.command()
def matrix(
    how: Annotated[Format, typer.Option("--format", help="how to print it")] = Format.TABLE,
    leak: Annotated[str, typer.Option(help="plant a fault in a party's process, to see that it is caught")] = "",
    arrangement: Annotated[
        str, typer.Option(help="whose keys stand where: one of services/lab/world/arrangements, or ./mine.toml")
    ] = DEFAULT,
) -> None:
    """Measure who can read what; exits 0 only if policy, closure and measured bytes agree in every cell.

    Another arrangement than the default is measured against its own file, and what follows from it (docs/custody.md).
    """
    with folders.fresh() as root:
        measured = run_to_end(measure_once(root, store_url(), leak, arrangement))
    show_matrix(measured, how)


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=1, max=16, help="processes of the relay, on one port and one store")] = 1,
    cluster: Cluster = False,
) -> None:
    """Boot the classroom and keep it running until Ctrl-C."""
    with folders.held(folders.HOME) as root:
        run_to_end(_up(root, workers, cluster=cluster))


async def _up(root: Path, workers: int, *, cluster: bool) -> None:
    from tiers.lab.page.control import leave_control, served  # noqa: PLC0415 - only here is there a page

    console = Console()
    async with (
        booted(root, store_url(), workers=workers, cluster=cluster) as world,
        opened(world) as desk,
        served(desk) as where,
    ):
        leave_control(root, where)
        for name, child in world.children.items():
            console.print(f"{name:<9} {world.url(name)}  pid {child.pid}", highlight=False)
        said = _WELCOME.format(page=where.page, checkout=folders.CHECKOUT, tiers=called())
        console.print(f"\n{said}", highlight=False, soft_wrap=True, markup=False)
        await asyncio.Event().wait()


@app.command()
def schema(of: Annotated[Json, typer.Argument(help="whose JSON")]) -> None:
    """Print the JSON Schema of what a command writes with `--format json` (the bench: `--json`)."""
    if of is Json.BENCH:
        import_module("tiers.lab.cli.bench").hand_over("--schema")
    described = msgspec.json.schema({Json.MATRIX: Matrix, Json.DEMO: Document}[of])
    typer.echo(msgspec.json.format(msgspec.json.encode(described)).decode())


@app.command("requests")
def requests_() -> None:
    """Print what each party may be asked and by whom, as its own program builds the table."""
    from tiers.lab.world import requests  # noqa: PLC0415 - it is a table of its own

    typer.echo(requests.render(asyncio.run(requests.tables())))


def main() -> None:
    ended(app, "tiers")
