"""Does some work in a fork of this process, beside its own: of one process, one thread at a time runs Python. Linux."""

import asyncio
import gc
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from tiers.measure.errors import NotWhole

T = TypeVar("T")


def in_fork(work: Callable[[], T]) -> "asyncio.Task[T]":
    """Begin to do it, with all that we know now; the task raises `NotWhole` if there is no answer.

    The work takes no lock, starts no thread and asks nobody: other threads of ours are not in the fork.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: see above
        pid = os.fork()
    if not pid:
        _do(work, writing)
    os.close(writing)
    child = os.pidfd_open(pid)
    task: asyncio.Task[T] = asyncio.create_task(asyncio.to_thread(_answer, pid, reading))
    task.add_done_callback(lambda done: _end(child, wanted=not done.cancelled()))
    return task


def _do(work: Callable[[], object], writing: int) -> NoReturn:
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for begin, end in ((3, writing), (writing + 1, os.sysconf("SC_OPEN_MAX"))):
            os.closerange(begin, end)  # whoever is hung up on meanwhile shall see it
        gc.disable()
        with os.fdopen(writing, "wb") as file:
            pickle.dump(work(), file)
    except BaseException:  # noqa: BLE001 - it goes no further than this
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(0)


def _answer(pid: int, reading: int) -> Any:
    with os.fdopen(reading, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    try:
        return pickle.loads(said)  # noqa: S301 - from one half of a process to the other
    except (EOFError, pickle.UnpicklingError):
        raise NotWhole("what was captured could not be looked through: the process that did it has ended") from None


def _end(child: int, *, wanted: bool) -> None:
    if not wanted:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
    os.close(child)
