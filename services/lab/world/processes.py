"""Every party as its own process: started, heard from, stopped. Whatever happens to the lab, no child outlives it.

On Linux a command of the launcher is forked from the nursery. Every other command is executed, elsewhere every one.
"""

import asyncio
import ctypes
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tiers.chassis.begin import raise_descriptors
from tiers.lab.world.folders import socket_path
from tiers.lab.world.forking import Forked, Nursery
from tiers.wire.errors import Ours

PYTHON = (sys.executable, "-P")
"""How every child starts: what lies in the working folder is not imported."""
LAUNCHER = (*PYTHON, "-m", "tiers.lab.world.launcher")
FORKS = sys.platform == "linux"
_OWN = ("TIERS_", "NOTIFY_SOCKET", "SSLKEYLOGFILE")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
START_SECONDS = 30.0
PORTS = range(20_000, 32_000)
STOP_SECONDS = 8.0


def die_with_parent() -> None:
    """Have the kernel end this child when the lab dies. Linux; elsewhere a killed lab leaves its children behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # a child that would be nobody's is captured with it


Process = asyncio.subprocess.Process | Forked


@dataclass(slots=True)
class Child:
    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.returncode is None


async def start(name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> Child:
    process: Process
    with log.open("ab") as output:
        log.chmod(0o600)
        if FORKS and tuple(command[: len(LAUNCHER)]) == LAUNCHER and _as_ours(environ):
            process = await nursery().fork(name, command[len(LAUNCHER) :], environ, output.fileno())
        else:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
                start_new_session=True,
            )
    return Child(name, command, environ, log, process)


@cache
def nursery() -> Nursery:
    """Return this process's nursery: one for all its worlds. It starts with the first call and ends with us."""
    return Nursery(base_environ())


def get_ready() -> None:
    """See that there are files enough: a world opens some five hundred here, for each of its links is tapped.

    Start the nursery, if parties are forked here: it gets ready while its owner does other things.
    """
    raise_descriptors()
    if FORKS:
        nursery()


def _as_ours(environ: Mapping[str, str]) -> bool:
    """Whether an environment is the nursery's, but for what a program reads by itself: the rest works at exec only."""
    return {key: value for key, value in environ.items() if not key.startswith(_OWN)} == nursery().environ


async def start_party(name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> Child:
    """Start a party and wait until it says that it listens; raises `Ours` with the end of its log if it does not."""
    path = socket_path(log.parent, f"{name}.ready")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.setblocking(False)
        child = await start(name, command, {**environ, "NOTIFY_SOCKET": str(path)}, log)
        ready = asyncio.create_task(asyncio.get_running_loop().sock_recv(channel, 64))
        ended = asyncio.create_task(child.process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                await stop(child)
                raise Ours("lab.start", f"Start again: {name} did not start. It said: {said(log)}")
        except asyncio.CancelledError:
            await stop(child, signal.SIGKILL)  # whoever cancels does not know of it yet
            raise
        finally:
            for task in (ready, ended):
                task.cancel()
            path.unlink(missing_ok=True)
    return child


def said(log: Path) -> str:
    """Return the end of a log: it goes with its world."""
    return log.read_text(encoding="utf-8", errors="replace").strip()[-600:] or "nothing"


async def stop(child: Child, number: signal.Signals = signal.SIGTERM) -> None:
    """Stop a process and wait for it; one that does not go in time is killed."""
    if not child.running:
        return
    child.process.send_signal(number)
    try:
        await asyncio.wait_for(child.process.wait(), STOP_SECONDS)
    except TimeoutError:
        child.process.kill()
        await child.process.wait()


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started (Linux; elsewhere none)."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


@contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Keep ports of the loopback address for children of ours to listen on; raises `Ours` if too few are free.

    On Linux they stay bound, and are not listened on: a child that says `SO_REUSEADDR` may take one.
    From below the range that systems give to outgoing connections: else one of our own may take a port in between.
    """
    with ExitStack() as stack:
        held: list[int] = []
        for port in secrets.SystemRandom().sample(PORTS, len(PORTS)):
            if len(held) == count:
                break
            one = stack.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                held.append(port)
        if len(held) < count:
            raise Ours("lab.ports", f"Free some ports from {PORTS.start} to {PORTS.stop} of 127.0.0.1.")
        if sys.platform != "linux":
            stack.close()  # elsewhere nobody may take a port that somebody else has bound
        yield held


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, for whoever does not say `SO_REUSEADDR`; raises `Ours`."""
    with held_ports(count) as ports:
        return ports


def base_environ() -> dict[str, str]:
    """Return what a party inherits: how to find Python's packages, and no settings of whoever started us."""
    kept = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
    return {key: os.environ[key] for key in kept if key in os.environ} | {"PYTHONUNBUFFERED": "1"}
