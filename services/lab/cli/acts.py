"""What the command line asks of a running classroom: one command for each act (page/acts.py)."""

import json
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer

from tiers.chassis.client import bounded, client_session
from tiers.chassis.web import Problem
from tiers.lab.classroom.logbook import MONITOR, check_log
from tiers.lab.cli.kit import run_to_end
from tiers.lab.page.bodies import MAX_MINUTES
from tiers.lab.page.control import CONTROL, Control
from tiers.lab.world import folders
from tiers.lab.world.clock import Clock
from tiers.wire.api.enterprise import Reason
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.visible import visible

OK, FAILED = 200, 500
DECISIONS = {
    "approve": ("approval", "Have the judge approve."),
    "reject": ("rejection", "Have the judge reject; give --reason."),
    "suspend": ("suspension", "Have the judge suspend: the interception ends until she resumes it."),
    "resume": ("resumption", "Have the judge resume what she suspended."),
    "cancel": ("cancellation", "Have the judge cancel: the interception ends for good."),
}
"""What a judge can decide: the command, the court's word for it, the sentence."""

Jti = Annotated[str, typer.Argument(help="the warrant's id, as `apply` printed it")]
Handset = Annotated[str, typer.Argument(help="whose handset, such as alice")]
Company = Annotated[str, typer.Argument(help="acme or globex")]
Minutes = Annotated[int, typer.Option(min=1, max=MAX_MINUTES, help="whole minutes, from the present one")]

warrant = typer.Typer(no_args_is_help=True, help="Apply for a warrant, decide on it, serve it.")
ledger = typer.Typer(no_args_is_help=True, help="The public log.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(warrant, name="warrant")
    app.add_typer(ledger, name="ledger")
    for command in (send, inspect, read, order, revoke, rotate, turn, page):
        app.command()(command)


def asked(name: str, about: dict[str, Any]) -> Any:
    """Ask the running classroom; raises `Yours` if it refuses, or if none is running."""
    root = folders.inhabited(folders.HOME)
    try:
        there = root is not None and (root / CONTROL).is_file()  # no pipe, which would never be read to its end
        where = msgspec.json.decode((root / CONTROL).read_bytes(), type=Control) if root and there else None
    except (OSError, msgspec.MsgspecError):
        where = None
    if where is None:
        raise _down()
    return run_to_end(ask(where, name, about))


async def ask(where: Control, name: str, about: dict[str, Any], seconds: float | None = 300) -> Any:
    """Ask a classroom; raises `Yours` if it refuses, or does not answer."""
    headers, timeout = {"Authorization": f"Bearer {where.token}"}, aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            client_session() as http,
            http.post(f"{where.url}/api/{name}", json=about, headers=headers, timeout=timeout) as response,
        ):
            if response.status == FAILED:  # what it says of that is for its terminal
                raise _failed()
            answer = json.loads(await bounded(response))
            refused = None if response.status == OK else msgspec.convert(answer, Problem)
    except TimeoutError:
        raise _failed() from None
    except (aiohttp.ClientError, OSError, ValueError):  # nobody, or another program, is there
        raise _down() from None
    if refused is not None:
        raise Yours(refused.code, _as_commands(refused.detail))
    return answer


def _down() -> Yours:
    return Yours("lab.down", f"Run `tiers up` in another terminal first: none of {folders.CHECKOUT} is running.")


def _failed() -> Yours:
    return Yours("lab.failed", "The classroom failed: look into its terminal.")


def _as_commands(detail: str) -> str:
    """Return a sentence of the court's with our words for what a judge can do."""
    for command, (verb, _) in DECISIONS.items():
        detail = detail.replace(verb, command)
    return detail


def _act(name: str, about: dict[str, Any]) -> Any:
    """Ask, and print what is answered, what was signed left out: it is on the page."""
    answer = asked(name, about)
    shown = {key: value for key, value in answer.items() if key not in {"warrant", "bes"}}
    typer.echo(visible(json.dumps(shown, indent=2, ensure_ascii=False)))
    return answer


def send(
    sender: Annotated[str, typer.Argument(help="who writes, such as alice")],
    to: Annotated[str, typer.Argument(help="to whom, such as bob")],
    text: Annotated[str, typer.Argument(help="what")],
    channel: Annotated[Channel, typer.Option(case_sensitive=False, help="whose keys: there is no default")],
    service: Annotated[Service, typer.Option(case_sensitive=False, help="chat (bbm) or mail (email)")] = Service.BBM,
    subject: Annotated[str, typer.Option(help="of a mail")] = "",
) -> None:
    """Send a message between two handsets of a running classroom."""
    names = {"sender": sender, "to": to, "text": text, "channel": channel, "service": service, "subject": subject}
    _act("send", names)


@warrant.command("apply")
def warrant_apply(
    target: Handset,
    minutes: Minutes = 10,
    services: Annotated[
        list[Service] | None, typer.Option("--service", case_sensitive=False, help="only this; may be repeated")
    ] = None,
) -> None:
    """Apply for a warrant on a handset."""
    _act("apply", {"target": target, "minutes": minutes, "services": services or list(Service)})


def _decision(name: str, verb: str, sentence: str) -> None:
    @warrant.command(name, help=sentence)
    def decide(jti: Jti, reason: Annotated[str, typer.Option(help="the judge's")] = "") -> None:
        _act("decide", {"jti": jti, "verb": verb, "reason": reason})


for _name, (_verb, _sentence) in DECISIONS.items():
    _decision(_name, _verb, _sentence)


@warrant.command("serve")
def warrant_serve(jti: Jti) -> None:
    """Serve an approved warrant on the carrier."""
    _act("serve", {"jti": jti})


def inspect(jti: Jti) -> None:
    """Have the auditor inspect what a warrant brought, and open what opens; exits 1 if no keys were released."""
    if (why := _act("inspect", {"jti": jti})["grant_refused"]) is not None:
        later = " Turn the clock first (tiers turn 1): keys are for minutes that are over." if "elapsed" in why else ""
        typer.echo(visible(f"No keys were released: {why}.{later}"), err=True)
        raise typer.Exit(1)


def read(org: Company, mid: Annotated[str, typer.Argument(help="the message's id, as `send` printed it")]) -> None:
    """Have a company read a message of its own."""
    _act("read", {"org": org, "mid": mid})


def order(
    org: Company,
    reason: Annotated[Reason, typer.Argument(case_sensitive=False, help="why the court asks")],
    mid: Annotated[str | None, typer.Option(help="one message")] = None,
    handset: Annotated[str | None, typer.Option(help="or all that this handset sent and received …")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=MAX_MINUTES, help="… in so many minutes up to now")] = 60,
    reference: Annotated[str, typer.Option(help="the court's own")] = "CC/1/2013",
) -> None:
    """Have the court serve a production order on a company; `policy.toml` in the company's state answers it."""
    window = None
    if handset is not None:
        root = folders.inhabited(folders.HOME)
        if root is None:
            raise _down()
        now = Clock(root / "clock").now()
        window = {"from": now - minutes * 60_000, "until": now + 1}
    about = {"org": org, "reason": reason, "reference": reference, "mid": mid, "handset": handset, "window": window}
    _act("order", about)


def revoke(org: Company, handset: Handset) -> None:
    """Have a company shut a device out."""
    _act("revoke", {"org": org, "handset": handset})


def rotate(
    org: Company,
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help="erase the older keys: the kill switch")] = False,
) -> None:
    """Have a company rotate its key."""
    _act("rotate", {"org": org, "destroy": destroy})


def turn(minutes: Annotated[int, typer.Argument(min=1, max=MAX_MINUTES, help="how many minutes forward")]) -> None:
    """Turn the classroom clock forward."""
    _act("turn", {"minutes": minutes})


def page() -> None:
    """Print an address of the classroom's page that lets one more browser in, once."""
    typer.echo(asked("invite", {})["address"])


@ledger.command("verify")
def ledger_verify() -> None:
    """Check the whole log of a running world from its files alone, with a verifier that shares no code with it."""
    raise typer.Exit(check_log(_logged()))


@ledger.command("monitor")
def ledger_monitor() -> None:
    """Read the whole log of a running world, and name what was done out of order: no secret is needed for that."""
    raise typer.Exit(check_log(_logged(), MONITOR))


def _logged() -> Path:
    root = folders.inhabited(folders.HOME)
    if root is None or not (root / "clock").exists():
        raise _down()
    return root
