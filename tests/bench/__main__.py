"""`python -m bench` from the folder `tests`, or `tiers bench`: what the relay costs."""

from collections.abc import Callable
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from bench import felt as feeling
from bench import growth as grow
from bench import hour as long
from bench import report, run
from bench.peers import run as peers
from tiers.lab.cli.kit import Cluster, ended, run_to_end
from tiers.wire.errors import Yours

app = typer.Typer(add_completion=False)


_MEASURED: dict[str, Any] = {
    "relay": run.Relay,
    "peer": peers.Compared,
    "growth": grow.Grown,
    "hour": list[long.Round],
    "felt": feeling.Felt,
}
DOCUMENTS: dict[str, Any] = {
    name: msgspec.defstruct(name.title(), [("measured", kind), ("version", int, 1)], tag_field="bench", tag=name)
    for name, kind in _MEASURED.items()
}
"""What `--json` writes: which bench it was, and what was measured."""


class PeerName(StrEnum):
    MOSQUITTO = "mosquitto"
    NATS = "nats"
    PROSODY = "prosody"


@app.command()
def bench(  # many parameters: a command has as many as its users need
    repeats: int = 3,
    messages: Annotated[int, typer.Option(help="in each closed loop")] = 20_000,
    growth: Annotated[bool, typer.Option("--growth", help="what one message costs where there is more")] = False,
    hour: Annotated[bool, typer.Option("--hour", help="ten minutes at full speed: does anything fill up?")] = False,
    felt: Annotated[bool, typer.Option("--felt", help="what a user waits for, beside a Prosody and a Synapse")] = False,
    peer: Annotated[PeerName | None, typer.Option(help="Debian's server under the same load, instead of ours")] = None,
    cluster: Cluster = False,
    as_json: Annotated[bool, typer.Option("--json", help="write JSON; `tiers schema bench` describes it")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema and measure nothing")] = False,
) -> None:
    """Measure the relay against a relay that only stores and delivers."""
    if (peer is not None) + felt + growth + hour + cluster > 1:
        raise Yours("bench.one", "Ask for one of --felt, --growth, --hour, --peer, --cluster: each is one of its own.")
    if schema:
        described = msgspec.json.schema(reduce(or_, DOCUMENTS.values()))
        typer.echo(msgspec.json.format(msgspec.json.encode(described)).decode())
        return
    with Progress(console=Console(stderr=True)) as progress:
        asked: tuple[tuple[bool, str, Callable[[], Any], Callable[[Console, Any], None]], ...] = (
            (bool(peer), "peer", lambda: peers.compare(progress, str(peer), repeats, messages), report.show_compared),
            (felt, "felt", lambda: feeling.measure(progress, 10), report.show_felt),
            (growth, "growth", lambda: grow.measure(progress), report.show_growth),
            (hour, "hour", lambda: long.measure(progress), report.show_hour),
            (True, "relay", lambda: run.measure(progress, repeats, messages, cluster=cluster), report.show),
        )
        name, work, show = next((name, work, show) for wanted, name, work, show in asked if wanted)
        measured = run_to_end(work())
    if as_json:
        typer.echo(msgspec.json.encode(DOCUMENTS[name](measured)).decode())
    else:
        show(Console(), measured)


if __name__ == "__main__":
    ended(app, "tiers bench")
