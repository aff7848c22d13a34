"""Searches captures in forks of this process, beside its own work: of one process, one thread at a time runs Python.

Where nothing is forked (macOS), a thread does it.

    captures -> what was found in each

Two forks, so that memory, which takes longest, holds up nothing else: whichever is idle takes what comes next.
"""

import asyncio
import gc
import itertools
import os
import pickle
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import IO

from tiers.lab.world.processes import FORKS, die_with_parent
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
        pairs = [socket.socketpair() for _ in range(2 if FORKS else 1)]
        self._ours, theirs = zip(*pairs, strict=True)
        self._streams = [line.makefile("rwb") for line in self._ours]
        self._idle: asyncio.Queue[IO[bytes]] = asyncio.Queue()
        for stream in self._streams:
            self._idle.put_nowait(stream)
        self._looks: list[asyncio.Task[list[Found]]] = []
        work = partial(_serve, spell, theirs)
        self._child = _forked(work, theirs) if FORKS else None
        if self._child is None:
            threading.Thread(target=_do, args=(work, theirs), daemon=True).start()

    def look(self, sources: Iterable[Source]) -> "asyncio.Task[list[Found]]":
        """Begin to look through captures; the task raises `NotWhole` if there is no answer."""
        self._looks.append(asyncio.create_task(self._looked(list(sources))))
        return self._looks[-1]

    async def _looked(self, sources: list[Source]) -> list[Found]:
        stream = await self._idle.get()
        try:
            return await asyncio.to_thread(_exchange, stream, sources)
        finally:
            self._idle.put_nowait(stream)

    def close(self) -> None:
        """End the search; nobody waits any more for what is under way."""
        answered = self._looks and all(look.done() for look in self._looks)
        for look in self._looks:
            look.cancel()
        for line in self._ours:
            line.shutdown(socket.SHUT_RDWR)
        if self._child is not None:
            if not answered:
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        for closed in (*self._streams, *self._ours):
            with suppress(OSError):  # what was never sent
                closed.close()


def _exchange(stream: IO[bytes], sources: list[Source]) -> list[Found]:
    try:
        pickle.dump(sources, stream)
        stream.flush()
        found: list[Found] = pickle.load(stream)  # noqa: S301 - as below
    except _ENDED:
        raise NotWhole("what was captured could not be looked through: the search has ended") from None
    return found


def _serve(spell: Callable[[], Scanner], asked: Sequence[socket.socket]) -> None:
    """Spell, and answer on each line in a process of its own."""
    scanner = spell()
    others = [_forked(partial(_answer, scanner, line), [line]) for line in asked[1:]]
    _answer(scanner, asked[0])
    for other in others:
        os.waitpid(other, 0)  # the time that they took is counted as ours


def _answer(scanner: Scanner, asked: socket.socket) -> None:
    """Answer until nobody asks any more."""
    with suppress(*_ENDED), asked.makefile("rwb") as stream:
        while True:
            sources = pickle.load(stream)  # noqa: S301 - from one half of a process to the other
            pickle.dump([scanner.scan(source) for source in sources], stream)
            stream.flush()


def _forked(work: Callable[[], None], lines: Sequence[socket.socket]) -> int:
    """Return the process that does it and ends with us; of our files it has these lines, which we have no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: see above
        pid = os.fork()
    if pid:
        for line in lines:
            line.close()
        return pid
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        kept = [2, *sorted(line.fileno() for line in lines), os.sysconf("SC_OPEN_MAX")]
        for before, after in itertools.pairwise(kept):
            os.closerange(before + 1, after)  # whoever is hung up on meanwhile shall see it
        gc.disable()
        _do(work, lines)
    finally:
        os._exit(0)


def _do(work: Callable[[], None], lines: Sequence[socket.socket]) -> None:
    """Do it, say what goes wrong, and hang up."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - it goes no further than this
        os.write(2, traceback.format_exc().encode())
    finally:
        for line in lines:
            line.close()
