"""What every party's program does alike: settings in, one wiring function, one sentence if it fails."""

import asyncio
import faulthandler
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from tiers.chassis import background
from tiers.chassis.client import Peer, client_session
from tiers.chassis.ledger_client import LedgerClient
from tiers.chassis.settings import AuthorSettings, load
from tiers.chassis.state import read_folder
from tiers.chassis.tls import Tls
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.lawful.trust import Trust, parse_trust
from tiers.wire.message.visible import visible

S = TypeVar("S")


def run_party(
    settings: type[S], run: Callable[[S], Coroutine[Any, Any, None]], first: Callable[[S], None] = lambda _found: None
) -> None:
    """Read the settings and run until told to stop.

    A wrong setting or state directory ends it with status 2, a part of it that failed with 1.
    `first` is called before there is an event loop.
    """
    no_core()
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


def no_core() -> None:
    """Have the kernel write no core file of this process: it would hold every key."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def outgoing(tls: Tls) -> aiohttp.ClientSession:
    """Return the session that all of a party's peers share: our certificate on every connection."""
    return client_session(tls.client)


def pinned(folder: Path) -> Callable[[], Trust]:
    """Return a way to read the trust folder anew: keys are exchanged while parties run."""
    return lambda: parse_trust(read_folder(folder))


def public_log(session: aiohttp.ClientSession, settings: AuthorSettings) -> LedgerClient:
    """Return the public log that a party writes to, believed by what the trust folder pins at that moment."""
    return LedgerClient(Peer(session, settings.ledger_url, Identity(Role.LEDGER, "in")), pinned(settings.trust))
