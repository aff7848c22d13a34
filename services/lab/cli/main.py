"""`tiers`: the classroom from the command line."""

import asyncio
import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
from rich.console import Console

from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.logbook import verify_log
from tiers.lab.cli import bench as cli_bench
from tiers.lab.cli import scenarios as cli_scenarios
from tiers.lab.cli.demo import demo_on_the_page, measure_once, run_demo
from tiers.lab.cli.kit import Cluster, ended, run_to_end, store_url
from tiers.lab.page.control import CONTROL, Control, leave_control, served
from tiers.lab.world import requests
from tiers.lab.world.arrangement import DEFAULT
from tiers.lab.world.clock import Clock
from tiers.lab.world.world import booted
from tiers.measure.matrix import render
from tiers.measure.matrix.render import FORMATS
from tiers.wire.api.enterprise import Reason
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel, Service

app = typer.Typer(add_completion=False, no_args_is_help=True)
warrant = typer.Typer(no_args_is_help=True, help="Apply for a warrant, decide on it, serve it.")
app.add_typer(warrant, name="warrant")
cli_scenarios.add_to(app)
cli_bench.add_to(app)
ledger = typer.Typer(no_args_is_help=True, help="The public log.")
app.add_typer(ledger, name="ledger")


_WELCOME = """\
The classroom is up. Its page, for one browser: {page}
For another browser: tiers page
Try: tiers send alice bob hello --channel consumer
Ctrl-C stops it."""


class DemoFormat(StrEnum):
    """How to print the demo."""

    TEXT = "text"
    JSON = "json"


class Format(StrEnum):
    """How to print a matrix."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    JUNIT = "junit"


class Verb(StrEnum):
    """What a judge can decide."""

    APPROVAL = "approval"
    REJECTION = "rejection"
    SUSPENSION = "suspension"
    RESUMPTION = "resumption"
    CANCELLATION = "cancellation"


def _home() -> Path:
    """Return the folder of the world that `tiers up` keeps running: one for each user of the machine."""
    return Path(tempfile.gettempdir()) / f"intercept-tiers-{os.getuid()}"


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
    how: Annotated[DemoFormat, typer.Option("--format")] = DemoFormat.TEXT,
    on_page: Annotated[bool, typer.Option("--open", help="tell it on the page, in a browser")] = False,
    full: Annotated[bool, typer.Option("--full", help="end with every vantage point and every message")] = False,
    cluster: Cluster = False,
) -> None:
    """Boot every party, tell the story, attack everything; exits 0 only if every cell is as declared."""
    with tempfile.TemporaryDirectory(prefix="tiers-") as folder:
        root = Path(folder) / "world"
        if on_page:
            with suppress(KeyboardInterrupt, asyncio.CancelledError):
                run_to_end(demo_on_the_page(root, store_url(), cluster=cluster))
            return
        result = run_to_end(run_demo(root, store_url(), quiet=how is DemoFormat.JSON, full=full, cluster=cluster))
    if how is DemoFormat.JSON:
        sys.stdout.write(json.dumps(result.document(), ensure_ascii=False) + "\n")
    raise typer.Exit(0 if result.as_declared else 1)


@app.command()
def matrix(
    how: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    leak: Annotated[str, typer.Option(help="plant a fault in a party's process, to see that it is caught")] = "",
    arrangement: Annotated[
        str, typer.Option(help="whose keys stand where: see services/lab/world/arrangements")
    ] = DEFAULT,
) -> None:
    """Measure who can read what; exits 0 only if policy, closure and measured bytes agree in every cell.

    Another arrangement than the default is measured against its own file (docs/custody.md).
    """
    if arrangement != DEFAULT:
        raise typer.Exit(0 if cli_scenarios.matrix_of(arrangement) else 1)
    with tempfile.TemporaryDirectory(prefix="tiers-") as folder:
        measured = run_to_end(measure_once(Path(folder) / "world", store_url(), leak))
    if how is Format.TABLE:
        render.show(measured, Console())
    else:
        sys.stdout.write(FORMATS[how](measured))
    raise typer.Exit(0 if measured.agreement.holds else 1)


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=1, max=16, help="processes of the relay, on one port and one store")] = 1,
    cluster: Cluster = False,
) -> None:
    """Boot the classroom and keep it running until Ctrl-C."""
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        run_to_end(_up(_home(), workers, cluster=cluster))


async def _up(root: Path, workers: int, *, cluster: bool) -> None:
    console = Console()
    with _only_one(root):
        async with (
            booted(root, store_url(), workers=workers, cluster=cluster) as world,
            opened(world) as desk,
            served(desk) as where,
        ):
            leave_control(root, where)
            for name, child in world.children.items():
                console.print(f"{name:<9} {world.url(name)}  pid {child.pid}", highlight=False)
            console.print(f"\n{_WELCOME.format(page=where.page)}", highlight=False, soft_wrap=True)
            await asyncio.Event().wait()


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Keep the folder for this process; raises `Yours` while another world lives in it."""
    with root.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Yours("lab.running", f"Stop the other `tiers up` first: it keeps a world in {root}.") from None
        try:
            yield
        finally:
            (root / CONTROL).unlink(missing_ok=True)


def _act(name: str, ask: dict[str, Any]) -> None:
    """Ask the running world and print what it answers."""
    typer.echo(json.dumps(_asked(name, ask), indent=2, ensure_ascii=False))


def _asked(name: str, ask: dict[str, Any]) -> Any:
    try:
        where = msgspec.json.decode((_home() / CONTROL).read_bytes(), type=Control)
    except (OSError, msgspec.MsgspecError):
        raise _down() from None
    return asyncio.run(_ask(where, name, ask))


def _down() -> Yours:
    return Yours("lab.down", "Run `tiers up` in another terminal first.")


async def _ask(where: Control, name: str, ask: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {where.token}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{where.url}/api/{name}", json=ask, headers=headers) as response,
    ):
        answer = await response.json(content_type=None)
        if response.status != 200:  # noqa: PLR2004 - HTTP
            raise Yours(answer["code"], answer["detail"])
        return answer


@app.command()
def send(
    sender: str,
    to: str,
    text: str,
    channel: Annotated[Channel, typer.Option(help="whose keys: there is no default")],
    service: Service = Service.BBM,
    subject: str = "",
) -> None:
    """Send a message between two handsets of a running world."""
    names = {"sender": sender, "to": to, "text": text, "channel": channel, "service": service, "subject": subject}
    _act("send", names)


@warrant.command("apply")
def warrant_apply(
    target: str,
    minutes: Annotated[int, typer.Option(help="whole minutes, from the present one")] = 1,
    services: Annotated[list[Service] | None, typer.Option("--service")] = None,
) -> None:
    """Apply for a warrant on a handset."""
    _act("apply", {"target": target, "minutes": minutes, "services": services or list(Service)})


@warrant.command("decide")
def warrant_decide(jti: str, verb: Verb, reason: str = "") -> None:
    """Have the judge decide."""
    _act("decide", {"jti": jti, "verb": verb, "reason": reason})


@warrant.command("approve")
def warrant_approve(jti: str) -> None:
    """Have the judge approve."""
    _act("decide", {"jti": jti, "verb": Verb.APPROVAL})


def _decision(name: str, verb: Verb, sentence: str) -> None:
    @warrant.command(name, help=sentence)
    def decide(jti: str, reason: str = "") -> None:
        _act("decide", {"jti": jti, "verb": verb, "reason": reason})


_decision("reject", Verb.REJECTION, "Have the judge reject; give --reason.")
_decision("suspend", Verb.SUSPENSION, "Have the judge suspend: the interception ends until she resumes it.")
_decision("resume", Verb.RESUMPTION, "Have the judge resume what she suspended.")
_decision("cancel", Verb.CANCELLATION, "Have the judge cancel: the interception ends for good.")


@warrant.command("serve")
def warrant_serve(jti: str) -> None:
    """Serve an approved warrant on the carrier."""
    _act("serve", {"jti": jti})


@app.command()
def inspect(jti: str) -> None:
    """Have the auditor inspect what a warrant brought, and open what opens."""
    _act("inspect", {"jti": jti})


@app.command()
def read(org: str, mid: str) -> None:
    """Have a customer read a message of its own."""
    _act("read", {"org": org, "mid": mid})


@app.command()
def order(
    org: str,
    reason: Reason,
    mid: Annotated[str | None, typer.Option(help="one message")] = None,
    handset: Annotated[str | None, typer.Option(help="or all that this handset sent and received …")] = None,
    minutes: Annotated[int, typer.Option(help="… in so many minutes up to now")] = 60,
    reference: Annotated[str, typer.Option(help="the court's own")] = "CC/1/2013",
) -> None:
    """Have the court serve a production order on a customer; `policy.toml` in the customer's state answers it."""
    window = None
    if handset is not None:
        now = Clock(_home() / "clock").now()
        window = {"from": now - minutes * 60_000, "until": now + 1}
    ask = {"org": org, "reason": reason, "reference": reference, "mid": mid, "handset": handset, "window": window}
    _act("order", ask)


@app.command()
def revoke(org: str, handset: str) -> None:
    """Have a customer shut a device out."""
    _act("revoke", {"org": org, "handset": handset})


@app.command()
def rotate(
    org: str,
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help="erase the older keys: the kill switch")] = False,
) -> None:
    """Have a customer rotate its key."""
    _act("rotate", {"org": org, "destroy": destroy})


@ledger.command("verify")
def ledger_verify() -> None:
    """Check the whole log of a running world from its files alone, with a verifier that shares no code with it."""
    root = _home()
    if not (root / "clock").exists():
        raise _down()
    raise typer.Exit(verify_log(root))


@app.command("requests")
def requests_(
    into: Annotated[Path | None, typer.Option(help="put it between the markers of this page")] = None,
) -> None:
    """Print what each party may be asked and by whom, as its own program builds the table."""
    text = requests.render(asyncio.run(requests.tables()))
    if into is None:
        sys.stdout.write(f"{text}\n")
    else:
        into.write_text(requests.put_into(into.read_text(encoding="utf-8"), text), encoding="utf-8")


@app.command()
def turn(minutes: int) -> None:
    """Turn the classroom clock forward."""
    _act("turn", {"minutes": minutes})


@app.command()
def page() -> None:
    """Print an address of the classroom's page that lets one more browser in, once."""
    typer.echo(_asked("invite", {})["address"])


def main() -> None:
    """Run the command."""
    ended(app, "tiers")
