"""The classroom's own door: what the command line and the page ask of a running `tiers up`. Loopback, one token.

It exists in the lab only. No party has such a door.
"""

import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from services.lab.cast import handset
from services.lab.desk import Desk, Note
from services.lab.processes import free_ports
from services.wire.chassis.web import body, json_response, problem
from services.wire.envelope import Channel, Service
from services.wire.errors import Missing, TiersError, Unauthenticated, Yours

CONTROL = "control.json"


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a running world is steered: the file that `tiers up` leaves in its folder (0600)."""

    url: str
    token: str


class SendNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`send`."""

    sender: str
    to: str
    channel: Channel
    service: Service
    text: str
    subject: str = ""


class ApplyFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`apply`: a warrant on a handset for so many minutes, from now or `after` minutes later."""

    target: str
    services: tuple[Service, ...]
    minutes: int
    after: int = 0


class Warrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`decide` (`verb`), `serve` and `inspect` name a warrant; `inspect` may name a window (ms since 1970)."""

    jti: str
    verb: str = ""
    reason: str = ""
    start: int | None = None
    until: int | None = None


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`turn`: the classroom clock, minutes forward."""

    minutes: int


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`read`: a customer's own message."""

    org: str
    mid: str


@dataclass(frozen=True, slots=True)
class Acts:
    """What can be asked, one method for each path `/api/<name>`."""

    desk: Desk

    async def send(self, request: web.Request) -> Any:
        """Send a message between two handsets and wait until the receiver has it."""
        ask = await body(request, SendNote)
        note = Note(_known(ask.sender), _known(ask.to), ask.channel, ask.service, ask.text, ask.subject)
        sent = await self.desk.send(note)
        got = await self.desk.received(note.to)
        return {"mid": sent.mid, "opened": got.content is not None, "unreadable": got.unreadable}

    async def apply(self, request: web.Request) -> Any:
        """Apply for a warrant."""
        ask = await body(request, ApplyFor)
        return {"jti": await self.desk.apply(_known(ask.target), ask.services, ask.minutes, ask.after)}

    async def decide(self, request: web.Request) -> Any:
        """Have the judge decide."""
        ask = await body(request, Warrant)
        return await self.desk.decide(ask.jti, ask.verb, ask.reason)

    async def serve(self, request: web.Request) -> Any:
        """Serve a warrant."""
        return await self.desk.serve((await body(request, Warrant)).jti)

    async def inspect(self, request: web.Request) -> Any:
        """Inspect."""
        ask = await body(request, Warrant)
        return await self.desk.inspect(ask.jti, ask.start, ask.until)

    async def read(self, request: web.Request) -> Any:
        """Read as the customer."""
        ask = await body(request, Read)
        return await self.desk.read(ask.org, ask.mid)

    async def turn(self, request: web.Request) -> Any:
        """Turn the classroom clock."""
        ask = await body(request, Turn)
        if not 1 <= ask.minutes <= 24 * 60:
            raise Yours("lab.turn", "Turn the clock forward by 1 minute to 24 hours.")
        return {"now": self.desk.world.clock.turn(ask.minutes)}


def application(desk: Desk, token: str) -> web.Application:
    """Build the control application."""
    acts = Acts(desk)
    app = web.Application()
    for name in ("send", "apply", "decide", "serve", "inspect", "read", "turn"):
        app.router.add_post(f"/api/{name}", _guard(getattr(acts, name), token))
    return app


@asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[Control]:
    """Serve the control application on a free port of the loopback address."""
    where = Control(f"http://127.0.0.1:{free_ports(1)[0]}", secrets.token_urlsafe(24))
    runner = web.AppRunner(application(desk, where.token), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", int(where.url.rpartition(":")[2])).start()
        yield where
    finally:
        await runner.cleanup()


Act = Callable[[web.Request], Awaitable[Any]]


def _guard(act: Act, token: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                raise Unauthenticated("lab.token", "Use the token that `tiers up` printed.")
            return json_response(await act(request))
        except TiersError as error:
            return problem(error)

    return handle


def _known(name: str) -> str:
    try:
        return handset(name).name
    except StopIteration:
        raise Missing("lab.handset", "Name a handset of the classroom, such as alice.") from None


def leave_control(root: Path, control: Control) -> None:
    """Leave the address where the command line finds it."""
    path = root / CONTROL
    path.touch(mode=0o600)
    path.write_text(json.dumps(msgspec.to_builtins(control)), encoding="utf-8")
