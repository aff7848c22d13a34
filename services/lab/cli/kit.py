"""What the commands have in common: the store that they use, how they write, show a matrix, and come to their end."""

import asyncio
import errno
import io
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType
from typing import Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console

from tiers.measure.matrix import render
from tiers.measure.matrix.matrix import Matrix
from tiers.wire.errors import TiersError
from tiers.wire.message.visible import visible

Cluster = Annotated[bool, typer.Option("--cluster", help="with a cluster of three nodes for a store")]
STOPPED, CUT = 130, 141  # exit statuses: as a shell gives for SIGINT and SIGPIPE
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ADVICE = {
    errno.ENOENT: "Go to a folder that is still there: this one has gone.",  # whatever else is missing has a name
    errno.ENOSPC: "Make room: the disk is full.",
    errno.EDQUOT: "Make room: your share of the disk is full.",
    errno.EMFILE: "Let a process open more files (ulimit -n): all that it may are open.",
}


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    JUNIT = "junit"


class Stopped(BaseException):
    """A signal ended the work, and it has cleaned up."""


class CutShort(Exception):
    """Nothing more can be written: whoever read our output has gone away, or the disk is full."""


class _Output(io.TextIOWrapper):
    """Standard output, or error; raises `CutShort`, where others would exit as a disagreement does."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise CutShort(error.strerror) from None

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise CutShort(error.strerror) from None


def show_matrix(measured: Matrix, how: Format) -> NoReturn:
    if how is Format.TABLE:
        render.show(measured, Console())
    else:
        typer.echo(render.FORMATS[how](measured), nl=False)
    raise typer.Exit(0 if measured.agreement.holds else 1)


def store_url() -> str:
    return os.environ.get("TIERS_STORE_URL", "")


@dataclass(slots=True)
class _Ending:
    """Whether we were told to stop. The first signal ends the work that runs, later ones change nothing."""

    told: bool = False
    work: asyncio.Task[Any] | None = None

    def signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self.told:
            return
        self.told = True
        if self.work is None:
            raise Stopped
        self.work.get_loop().call_soon_threadsafe(self.work.cancel)


_ending = _Ending()


def run_to_end(work: Coroutine[Any, Any, Any]) -> Any:
    """Run some work; raises `Stopped` if a signal ended it. It cleans up first."""

    async def main() -> Any:
        _ending.work = asyncio.current_task()
        try:
            return await work
        finally:
            _ending.work = None

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise Stopped from None


def called() -> str:
    """Return `tiers` as it can be called from here."""
    return "tiers" if shutil.which("tiers") else sys.argv[0]


def ended(app: typer.Typer, name: str) -> None:
    """Run a command to its end: an error, or a signal that ended it, is one line on standard error."""
    for number in _SIGNALS:
        signal.signal(number, _ending.signalled)
    sys.stdout, sys.stderr = _output(sys.stdout), _output(sys.stderr)
    try:
        try:
            app(prog_name=name)
        finally:
            sys.stdout.flush()
    except Stopped:
        _end("Stopped.", STOPPED)
    except TiersError as error:
        _end(*(("Stopped.", STOPPED) if _ending.told else (str(error), 2)))
    except OSError as error:
        if error.filename is not None:
            _end(f"Look at {error.filename}: {error.strerror}.", 2)
        if error.errno not in _ADVICE:
            raise
        _end(_ADVICE[error.errno], 2)
    except MemoryError:
        _end("Free some memory: there is not enough.", 2)
    except CutShort as error:
        _drop(sys.stdout)
        _end(*(("", CUT) if str(error) == os.strerror(errno.EPIPE) else (f"Write to another place: {error}.", 2)))
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _output(stream: TextIO) -> TextIO:
    """Return a stream that says when it cannot be written."""
    return _Output(stream.buffer, stream.encoding, "backslashreplace", line_buffering=bool(stream.line_buffering))


def _drop(stream: TextIO) -> None:
    """Let go of what could not be written, which would be tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end(said: str, status: int) -> NoReturn:
    try:
        sys.stderr.write(f"{visible(said)}\n" if said else "")  # a refusal may quote who was refused
        sys.stderr.flush()
    except CutShort:
        _drop(sys.stderr)
    sys.exit(status)
