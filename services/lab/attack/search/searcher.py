"""Searches captures in a fork of this process, beside its own work: of one process, one thread at a time runs Python.

Where nothing is forked (macOS), a thread does it.

    captures -> what was found in each; one list of captures after the other
"""

import asyncio
import gc
import os
import pickle
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from tiers.lab.world.processes import FORKS
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Found, Scanner, Source

_ENDED = (OSError, EOFError, pickle.UnpicklingError)
"""What is met by one half when the other has gone."""


class Searcher:
    """Looks through captures for needles that it spells first. Whoever makes it closes it."""

    def __init__(self, spell: Callable[[], Scanner]) -> None:
        """Begin to spell, with all that we know now.

        `spell` takes no lock, starts no thread and asks nobody: other threads of ours are not in the fork.
        """
        ours, theirs = socket.socketpair()
        self._ours, self._stream = ours, ours.makefile("rwb")
        self._turn = asyncio.Lock()
        self._looks: list[asyncio.Task[list[Found]]] = []
        self._child = _forked(partial(_serve, spell, theirs), theirs.fileno()) if FORKS else None
        if self._child is None:
            threading.Thread(target=_serve, args=(spell, theirs), daemon=True).start()
        else:
            theirs.close()

    def look(self, sources: Iterable[Source]) -> "asyncio.Task[list[Found]]":
        """Begin to look through captures; the task raises `NotWhole` if there is no answer."""
        self._looks.append(asyncio.create_task(self._looked(list(sources))))
        return self._looks[-1]

    async def _looked(self, sources: list[Source]) -> list[Found]:
        async with self._turn:
            return await asyncio.to_thread(self._exchange, sources)

    def _exchange(self, sources: list[Source]) -> list[Found]:
        try:
            pickle.dump(sources, self._stream)
            self._stream.flush()
            found: list[Found] = pickle.load(self._stream)  # noqa: S301 - as below
        except _ENDED:
            raise NotWhole("what was captured could not be looked through: the search has ended") from None
        return found

    def close(self) -> None:
        """End the search; nobody waits any more for what is under way."""
        for look in self._looks:
            look.cancel()
        self._ours.shutdown(socket.SHUT_RDWR)
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        with suppress(OSError):  # what was never sent
            self._stream.close()
        self._ours.close()


def _serve(spell: Callable[[], Scanner], asked: socket.socket) -> None:
    """Answer until nobody asks any more."""
    try:
        scanner = spell()
        with suppress(*_ENDED), asked.makefile("rwb") as stream:
            while True:
                sources = pickle.load(stream)  # noqa: S301 - from one half of a process to the other
                pickle.dump([scanner.scan(source) for source in sources], stream)
                stream.flush()
    except BaseException:  # noqa: BLE001 - it goes no further than this
        os.write(2, traceback.format_exc().encode())
    finally:
        asked.close()


def _forked(work: Callable[[], None], kept: int) -> int:
    """Return the process that does it; of our files it has the standard ones and `kept`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: see above
        pid = os.fork()
    if pid:
        return pid
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for begin, end in ((3, kept), (kept + 1, os.sysconf("SC_OPEN_MAX"))):
            os.closerange(begin, end)  # whoever is hung up on meanwhile shall see it
        gc.disable()
        work()
    finally:
        os._exit(0)
