"""`python -m bench` from the folder `tests`, or `tiers bench`: what the relay costs."""

from collections.abc import Callable
from enum import StrEnum
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
from tiers.lab.cli.kit import Cluster, Terminal, ended, run_to_end, write
from tiers.wire.errors import Yours

app = typer.Typer(add_completion=False)


class _Document(msgspec.Struct, frozen=True, tag_field="bench"):
    """What `--json` writes: which bench it was, and what was measured."""


class Relay(_Document, frozen=True, tag="relay"):
    measured: run.Measured
    version: int = 1


class Peer(_Document, frozen=True, tag="peer"):
    measured: peers.Compared
    version: int = 1


class Growth(_Document, frozen=True, tag="growth"):
    measured: grow.Grown
    version: int = 1


class Hour(_Document, frozen=True, tag="hour"):
    measured: list[long.Round]
    version: int = 1


class Felt(_Document, frozen=True, tag="felt"):
    measured: feeling.Felt
    version: int = 1


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
        described = msgspec.json.schema(Relay | Peer | Growth | Hour | Felt)
        write(msgspec.json.format(msgspec.json.encode(described)).decode() + "\n")
        return
    with Progress(console=Console(stderr=True)) as progress:
        asked: tuple[tuple[bool, type[Any], Callable[[], Any], Callable[[Console, Any], None]], ...] = (
            (bool(peer), Peer, lambda: peers.compare(progress, str(peer), repeats, messages), report.show_compared),
            (felt, Felt, lambda: feeling.measure(progress, 10), report.show_felt),
            (growth, Growth, lambda: grow.measure(progress), report.show_growth),
            (hour, Hour, lambda: long.measure(progress), report.show_hour),
            (True, Relay, lambda: run.measure(progress, repeats, messages, cluster=cluster), report.show),
        )
        kind, work, show = next((kind, work, show) for wanted, kind, work, show in asked if wanted)
        document = kind(run_to_end(work()))
    if as_json:
        write(msgspec.json.encode(document).decode() + "\n")
    else:
        show(Terminal(), document.measured)


if __name__ == "__main__":
    ended(app, "tiers bench")
