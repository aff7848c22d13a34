"""`python -m bench` from the folder `tests`, or `tiers bench`: what the relay costs."""

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from bench import growth as grow
from bench import hour as long
from bench import report, run
from bench.peers import run as peers
from tiers.lab.cli.kit import Cluster, ended, run_to_end
from tiers.wire.errors import Yours

app = typer.Typer(add_completion=False)


class PeerName(StrEnum):
    """Whose server to measure."""

    MOSQUITTO = "mosquitto"
    NATS = "nats"
    PROSODY = "prosody"


@app.command()
def bench(
    repeats: int = 3,
    messages: Annotated[int, typer.Option(help="in each closed loop")] = 20_000,
    growth: Annotated[bool, typer.Option("--growth", help="what one message costs where there is more")] = False,
    hour: Annotated[bool, typer.Option("--hour", help="ten minutes at full speed: does anything fill up?")] = False,
    peer: Annotated[PeerName | None, typer.Option(help="Debian's server under the same load, instead of ours")] = None,
    cluster: Cluster = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure the relay against a relay that only stores and delivers."""
    if (peer is not None) + growth + hour + cluster > 1:
        raise Yours("bench.one", "Ask for one of --growth, --hour, --peer, --cluster: they are benches of their own.")
    show: Callable[[Console, Any], None]
    with Progress(console=Console(stderr=True)) as progress:
        if peer:
            measured, show = run_to_end(peers.compare(progress, peer.value, repeats, messages)), report.show_compared
        elif growth:
            measured, show = run_to_end(grow.measure(progress)), report.show_growth
        elif hour:
            measured, show = run_to_end(long.measure(progress)), report.show_hour
        else:
            measured, show = run_to_end(run.measure(progress, repeats, messages, cluster=cluster)), report.show
    if as_json:
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
    else:
        show(Console(), measured)


if __name__ == "__main__":
    ended(app, "tiers bench")
