"""Several processes on one port and one store. Each is a whole relay; `bus` says how they keep together.

The process that was started serves nobody: it replaces a worker that dies, and ends them all when it is told to.
"""

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from tiers.chassis.web import notify_ready

UNDER_WAY_MS = 15_000
"""How long a message may be under way in another worker: the deadlines of carrier and store, and some."""
_LOOK_SECONDS = 0.2
_PAUSE_SECONDS = 0.5
_ENDS = (signal.SIGTERM, signal.SIGINT)
_SETTINGS = 2  # the exit status of run_party: a new worker would do no better


def spread(count: int) -> None:
    """Become `count` workers. Returns in each of them, and never in the process that was started."""
    folder = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    workers = _Workers(folder / "ready")
    if any(workers.add() for _ in range(count)) or workers.keep(count):
        return
    shutil.rmtree(folder)
    raise SystemExit(workers.status)


class _Workers:
    """The workers by process id. `add` and `keep` return True in a worker."""

    def __init__(self, announced: Path) -> None:
        self._announced = announced
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(str(announced))
        self._ready.settimeout(_LOOK_SECONDS)
        self._watched, self._held = os.pipe()
        self._pids: set[int] = set()
        self._stopping = False
        self.status = 0

    def add(self) -> bool:
        """Fork. A signal meanwhile waits: it would be lost in a worker that still has our handlers."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        try:
            pid = os.fork()
            if pid:
                self._pids.add(pid)
                return False
            for number in _ENDS:
                signal.signal(number, signal.SIG_DFL)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
        os.close(self._held)
        os.environ["NOTIFY_SOCKET"] = str(self._announced)
        threading.Thread(target=_end_with, args=[self._watched], daemon=True).start()
        return True

    def keep(self, count: int) -> bool:
        """Say that we listen when all do; put a new worker in the place of one that dies; end when all have ended."""
        for number in _ENDS:
            signal.signal(number, lambda _number, _frame: self._stop())
        while self._pids:
            if count:
                count -= self._heard_one()
                if not count:
                    self._ready.close()  # nobody asks those who come later
                    notify_ready()
            pid, status = os.waitpid(-1, os.WNOHANG if count else 0)
            if pid and self._ended(pid, os.waitstatus_to_exitcode(status)):
                return True
        return False

    def _heard_one(self) -> bool:
        with suppress(TimeoutError):
            return bool(self._ready.recv(64))
        return False

    def _ended(self, pid: int, status: int) -> bool:
        self._pids.discard(pid)
        if status == _SETTINGS and not self._stopping:
            self.status = status
            self._stop()
        if not self._stopping:
            time.sleep(_PAUSE_SECONDS)
        return not self._stopping and self.add()

    def _stop(self) -> None:
        self._stopping = True
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _end_with(watched: int) -> None:
    """Stop this worker when the process that started it is gone, however it went."""
    os.read(watched, 1)
    os.kill(os.getpid(), signal.SIGTERM)
