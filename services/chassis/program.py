"""What every party's program does alike: settings in, one wiring function, one sentence if it fails."""

import asyncio
import faulthandler
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from tiers.chassis import background, logs
from tiers.chassis.begin import begin
from tiers.chassis.client import Peer, client_session
from tiers.chassis.outside import LedgerClient, Outside
from tiers.chassis.settings import AuthorSettings, load
from tiers.chassis.state import read_folder
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.lawful.trust import Trust, parse_trust
from tiers.wire.message.visible import visible

S = TypeVar("S")
A = TypeVar("A", bound=AuthorSettings)
Wire = Callable[[A, Outside, AsyncExitStack], Awaitable[web.Application]]
"""Makes a party's application of its settings and of what lies outside it; what it opens is closed with the stack."""


def run_party(
    settings: type[S], run: Callable[[S], Coroutine[Any, Any, None]], first: Callable[[S], None] = lambda _found: None
) -> None:
    """Read the settings and run until told to stop.

    A wrong setting or state directory ends it with status 2, a part of it that failed with 1.
    `first` is called before there is an event loop.
    """
    begin()
    try:
        found = load(settings, os.environ)
        first(found)
        with suppress(KeyboardInterrupt):
            asyncio.run(run(found))
    except TiersError as error:
        sys.stderr.write(f"{visible(str(error), lines=False)}\n")
        raise SystemExit(2) from None
    faulthandler.cancel_dump_traceback_later()
    if background.broken:
        raise SystemExit(1)


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def pinned(folder: Path) -> Callable[[], Trust]:
    """Return a way to read the trust folder anew: keys are exchanged while parties run."""
    return lambda: parse_trust(read_folder(folder))


def outside_of(
    settings: AuthorSettings, tls: Tls, http: aiohttp.ClientSession, clock: Callable[[], int] = wall_clock
) -> Outside:
    """Return what lies outside a party with these settings that calls by `http`."""
    trust = pinned(settings.trust)
    ledger = LedgerClient(Peer(http, settings.ledger_url, Identity(Role.LEDGER, "in")), trust)
    return Outside(settings.author, tls, http, ledger, trust, clock, CollectorRegistry())


def served(wire: Wire[A]) -> Callable[[A], Coroutine[Any, Any, None]]:
    """Return what runs a party that writes to the public log: wired together, then served until told to stop."""

    async def run(settings: A) -> None:
        logs.configure(settings.identity)
        tls = Tls(settings.tls)
        async with AsyncExitStack() as opened:
            http = await opened.enter_async_context(client_session(tls.client))
            app = await wire(settings, outside_of(settings, tls, http), opened)
            await serve(app, settings.identity, settings.listen, tls, shared=settings.shared)

    return run
