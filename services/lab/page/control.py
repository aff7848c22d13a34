"""The classroom's own door: what the command line and the page ask of a running `tiers up`. Loopback, one token.

It exists in the lab only. No party has such a door.
"""

import asyncio
import webbrowser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from tiers.chassis.state import replace_file
from tiers.lab.classroom.desk import Desk
from tiers.lab.page.door import redirect
from tiers.lab.page.server import listening
from tiers.lab.page.watched import WatchedDesk, watched

CONTROL = "control.json"
ENTER = "enter.html"


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a running world is steered: the file that `tiers up` leaves in its folder (0600).

    `page` is the address that lets one browser in, once; `POST <url>/api/invite` makes another.
    """

    url: str
    token: str
    page: str


@asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[Control]:
    """Serve the page and its acts on a free port of the loopback address; a desk that is not watched yet will be."""
    async with AsyncExitStack() as stack:
        seen = desk if isinstance(desk, WatchedDesk) else await stack.enter_async_context(watched(desk))
        door = await stack.enter_async_context(listening(seen))
        yield Control(f"http://{door.loopback}", door.token, door.invite())


def leave_control(root: Path, control: Control) -> None:
    """Leave the address where the command line finds it."""
    replace_file(root / CONTROL, msgspec.json.encode(control))


async def show(root: Path, page: str) -> None:
    """Open the page in the user's browser, by a file in a folder of our own: a command line would show the address."""
    file = root / ENTER
    replace_file(file, redirect(page))
    await asyncio.to_thread(webbrowser.open, file.resolve().as_uri())
