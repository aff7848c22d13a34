"""`tiers-device`: one handset from the command line. Its settings stand in `config.py`."""

import asyncio
import io
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, closing
from typing import Annotated, Any

import msgspec
import structlog
import typer

from tiers.chassis.begin import begin
from tiers.chassis.client import client_session
from tiers.chassis.settings import load
from tiers.chassis.tls import device_context
from tiers.device.client import Device
from tiers.device.config import Settings
from tiers.device.network import MINUTE_ERASED, Address, Network
from tiers.device.store import HandsetStore, Message
from tiers.wire.custody import arrange
from tiers.wire.errors import TiersError, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.message import envelope
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.mail import readable, write_mail
from tiers.wire.message.visible import shown, visible

_WHY = {"device.minute_erased": MINUTE_ERASED}
app = typer.Typer(add_completion=False, no_args_is_help=True, help="One handset.")


def _pin(text: str) -> str:
    try:
        return msgspec.convert(text, envelope.Pin)
    except msgspec.ValidationError:
        raise typer.BadParameter("A PIN is 8 lower-case hex digits.") from None


Pin = Annotated[str, typer.Argument(parser=_pin, metavar="PIN", help="BlackBerry PIN, 8 lowercase hex digits")]


def _memory(settings: Settings) -> closing[HandsetStore]:
    return closing(HandsetStore(settings.state))


@asynccontextmanager
async def _handset() -> AsyncIterator[tuple[Device, Settings]]:
    settings = load(Settings, os.environ)
    with _memory(settings) as store:
        ring = store.load()
        if ring is None:
            raise Yours("device.new", "Run `tiers-device new PIN` first.")
        gateway = Address(settings.gateway_url, Identity(Role.GATEWAY, settings.gateway))
        bes = Address(settings.bes_url, Identity(Role.CUSTOMER, settings.org)) if settings.bes_url else None
        async with client_session(device_context(settings.ca)) as http:
            arrangement = arrange(settings.consumer, settings.enterprise)
            yield Device(store, ring, http, Network(gateway, bes, arrangement=arrangement)), settings


@asynccontextmanager
async def _online(device: Device) -> AsyncIterator[None]:
    session = device.start()
    try:
        yield
    finally:
        session.cancel()
        await asyncio.gather(session, return_exceptions=True)


def _run(work: Callable[[Device, Settings], Awaitable[None]]) -> None:
    async def main() -> None:
        async with _handset() as handset:
            await work(*handset)

    asyncio.run(main())


def _asked(what: str, *, hide: bool = False) -> str:
    """Ask for an option that was not given, once settings and keys are there; raises `Yours` where nobody answers."""
    _run(_ready)
    try:
        if sys.stdin is not None:
            return str(typer.prompt(what.capitalize(), hide_input=hide))
    except typer.Abort:
        sys.stderr.write("\n")  # after the question
    raise Yours("device.unanswered", f"Give --{what}: nobody answered.")


async def _ready(_device: Device, _settings: Settings) -> None:
    """Do nothing: what is missing was said before."""


@app.command()
def new(pin: Pin) -> None:
    """Make the keys of a new handset."""
    with _memory(load(Settings, os.environ)) as store:
        ring = store.create(pin)
    typer.echo(f"{ring.pin} {ring.sign.public.thumbprint()}")


@app.command()
def enrol(
    voucher: Annotated[str, typer.Option(help="what the shop gave with the handset: asked for if left out")] = "",
) -> None:
    """Become a carrier's subscriber, with the voucher of its shop."""
    word = voucher or _asked("voucher")

    async def work(device: Device, settings: Settings) -> None:
        await device.enrol(Address(settings.carrier_url, Identity(Role.CARRIER, settings.carrier)), word)
        typer.echo(f"{device.ring.pin} is enrolled with carrier/{settings.carrier}")

    _run(work)


@app.command()
def activate(password: Annotated[str, typer.Option(help="asked for if left out")] = "") -> None:
    """Become an employee's device, with the one-time password of the customer's administrator."""
    word = password or _asked("password", hide=True)

    async def work(device: Device, settings: Settings) -> None:
        await device.activate(word)
        typer.echo(f"{device.ring.pin} is activated by {settings.org}")

    _run(work)


@app.command()
def send(
    to: Pin,
    text: str,
    channel: Annotated[Channel, typer.Option(help="whose keys: there is no default")],
    service: Service = Service.BBM,
    subject: str = "",
) -> None:
    """Send one message; prints its mid once the relay has accepted it."""

    async def work(device: Device, _settings: Settings) -> None:
        now = time.time_ns() // 1_000_000
        mail = service is Service.EMAIL
        content = write_mail(device.ring.pin, to, subject, text, now) if mail else os.fsencode(text)
        async with _online(device):
            typer.echo((await device.send(channel, service, to, content)).header.mid)

    _run(work)


@app.command()
def receive(count: Annotated[int, typer.Option(min=1, help="stop after this many new messages")] = 1) -> None:
    """Wait for new messages and show them."""

    async def work(device: Device, _settings: Settings) -> None:
        async with _online(device):
            for _ in range(count):
                _show(await device.received.get())

    _run(work)


@app.command()
def messages() -> None:
    """Show what the user has, sent and received."""
    with _memory(load(Settings, os.environ)) as store:
        for message in store.messages():
            _show(message)


@app.command()
def delete(mid: str) -> None:
    """Erase a message."""
    with _memory(load(Settings, os.environ)) as store:
        store.delete(mid)


@app.command()
def verify(pin: Pin) -> None:
    """Look an employee up and show the chain to the pinned root."""

    async def work(device: Device, _settings: Settings) -> None:
        found = await device.contact(pin)
        root = device.ring.enterprise.root.thumbprint() if device.ring.enterprise else ""
        typer.echo(f"{found.kid} verified against root {root}")

    _run(work)


def _show(message: Message) -> None:
    """Show who can read it first, and then what it says: none of its lines can pass for one of ours."""
    typer.echo(f"{message.mid} {message.channel}/{message.service} {message.sender} -> {message.to}")
    typer.echo(f"  readable by: {', '.join(message.readers) or 'not noted'}")
    if message.content is None:
        typer.echo(f"  does not open: {message.unreadable}. {_WHY.get(message.unreadable or '', '')}".rstrip())
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        typer.echo(shown(readable(message.service, message.content), before="  | ", columns=columns))


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return what happened as a line for people: a relay chooses some of its words."""
    said = [str(event.pop("event")), *(f"{name}={value}" for name, value in event.items())]
    return visible(" ".join(said), lines=False)


def main() -> None:
    """Run the command; an error is one line on standard error."""
    begin()
    structlog.configure(processors=[_line], logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no such character
    try:
        app()
    except TiersError as error:
        sys.stderr.write(f"{visible(str(error), lines=False)}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
