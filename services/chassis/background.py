"""What runs beside the requests: rounds of work that no failure ends, and parts without which no party goes on."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar, cast

import structlog

from tiers.wire.errors import TiersError

_log = structlog.get_logger()
T = TypeVar("T")
PAUSE_SECONDS = 1.0
"""How long a round that failed waits until it is tried again."""
broken: list[str] = []
"""The parts of this process that failed: it ends, with a status that says so."""


def wanted() -> bool:
    """Whether the running task shall go on: for loops that ask something which may swallow a cancellation.

    Before Python 3.12 `asyncio.wait_for` does.
    """
    task = asyncio.current_task()
    return task is None or not task.cancelling()


async def every(seconds: float | None, work: Callable[[], Awaitable[None]], soon: asyncio.Event | None = None) -> None:
    """Do `work` at once and then every `seconds`, or as soon as `soon` is set, until cancelled.

    `None` seconds: only when `soon` is set. A round that fails is logged and tried again after a pause.
    """
    soon = soon or asyncio.Event()
    while wanted():
        soon.clear()
        try:
            await work()
        except (TiersError, OSError) as error:
            _log.warning("background.failed", work=work.__qualname__, error=str(error))
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        except Exception:  # noqa: BLE001 - logged: one bad item must not end what serves everybody else
            _log.exception("background.failed", work=work.__qualname__)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        try:
            async with asyncio.timeout(seconds):
                await soon.wait()
        except TimeoutError:
            continue


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run a part of this process; should it ever fail, the process stops: half a party answers for a whole one."""
    task = asyncio.create_task(work, name=getattr(work, "__qualname__", repr(work)))

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and (error := done.exception()):
            _log.critical("party.failed", part=done.get_name(), exc_info=error)
            broken.append(done.get_name())
            signal.raise_signal(signal.SIGTERM)

    task.add_done_callback(ended)
    return task


async def all_of(works: Iterable[Awaitable[T]]) -> list[T]:
    """Do several things at once; returns what they return. Raises the first failure, once all have ended."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return cast("list[T]", done)


async def stop(*tasks: asyncio.Task[Any]) -> None:
    """End tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
