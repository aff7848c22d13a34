"""What the commands have in common: the store that they use, and how they run to their end."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from tiers.wire.errors import TiersError

Cluster = Annotated[bool, typer.Option("--cluster", help="with a cluster of three nodes for a store")]


def store_url() -> str:
    """Return the store to use; empty for an own one."""
    return os.environ.get("TIERS_STORE_URL", "")


def run_to_end(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; SIGTERM ends it as Ctrl-C does, so that no child is left behind."""

    async def main() -> Any:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(main())


def ended(app: typer.Typer, name: str) -> None:
    """Run a command to its end; an error is one line on standard error."""
    try:
        app(prog_name=name)
    except TiersError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
