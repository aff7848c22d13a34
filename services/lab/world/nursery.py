"""The nursery: one process that has imported what all parties share, and forks each of them.

    python -P -m tiers.lab.world.nursery        its standard input is a socket to its owner (processes.py)

Each message on the socket carries three files: an order (`Order`, JSON), the child's log, and a pipe. The pipe is told
the child's process id, and its exit code once it has ended, each as four bytes. The order is read by the child, after
the fork: the environment of a party, with the password of its store, is never in the nursery's memory, and so in
nobody else's. A child is told to stop when the nursery ends, and the nursery ends with its owner.

Nothing here may draw a random number, start a thread or an event loop, or read a key.
"""

import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys

import msgspec

SHARED = (
    # libraries
    "aiohttp.web",
    "cryptography.x509",
    "joserfc.jws",
    "prometheus_client",
    "hiredis",
    "rfc8785",
    "sqlite3",
    "structlog",
    "uuid_utils",
    # the chassis and the treaty, without `message.sealing`: relay, court and log have no way to open
    "tiers.chassis.outside",
    "tiers.chassis.logs",
    "tiers.chassis.program",
    "tiers.chassis.web",
    "tiers.wire.message.envelope",
)
"""All that the nursery imports. tests/architecture/test_processes.py holds it against what each party may load."""
NEEDLESS = ("aiodns", "rich", "twisted")
"""What aiohttp and structlog import only because it is there, and no party uses: a sixth of the memory of each."""
STATUS = struct.Struct("i")
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36


class Order(msgspec.Struct, frozen=True):
    """A child: what the system calls it, the launcher's arguments, and its whole environment."""

    name: str
    arguments: tuple[str, ...]
    environ: dict[str, str]


def main() -> None:
    """Import, then fork until the owner has gone; in a child, become the party."""
    sys.modules.update(dict.fromkeys(NEEDLESS))  # type: ignore[arg-type]  # `None`: an import finds that it is not there
    for name in SHARED:
        importlib.import_module(name)
    for name in NEEDLESS:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as owner:
        arguments = serve(owner)
    if arguments is not None:
        from tiers.lab.world import launcher  # noqa: PLC0415 - in the child only

        launcher.launch(list(arguments))


def serve(owner: socket.socket) -> tuple[str, ...] | None:
    """Fork a child for each order and report its end. Returns in a child with its arguments; `None` at the end."""
    own = os.getpid()
    pipes: dict[int, tuple[int, int]] = {}  # by the child's descriptor: its process id, whom to tell
    poll = select.poll()
    poll.register(owner, select.POLLIN)
    while True:
        for ready, _event in poll.poll():
            if ready in pipes:
                poll.unregister(ready)
                _ended(ready, *pipes.pop(ready))
                continue
            message, files, *_ = socket.recv_fds(owner, 1, 3)
            if not message:
                return None
            pid = os.fork()
            if not pid:
                owner.close()
                for descriptor, (_pid, pipe) in pipes.items():
                    os.close(descriptor)
                    os.close(pipe)
                return _born(own, *files)
            order, output, pipe = files
            os.close(order)
            os.close(output)
            descriptor = os.pidfd_open(pid)
            pipes[descriptor] = pid, pipe
            poll.register(descriptor, select.POLLIN)
            if not _told(pipe, pid):
                os.kill(pid, signal.SIGKILL)


def _ended(descriptor: int, pid: int, pipe: int) -> None:
    os.close(descriptor)
    _told(pipe, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(pipe)


def _told(pipe: int, number: int) -> bool:
    """Tell whoever waits for a child; returns whether somebody does."""
    try:
        os.write(pipe, STATUS.pack(number))
    except BrokenPipeError:
        return False
    return True


def _born(nursery: int, order: int, output: int, pipe: int) -> tuple[str, ...]:
    """Become a process of its own: session, death signal, log, environment, name."""
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # a child that would be nobody's is captured with it
    if os.getppid() != nursery:
        sys.exit(1)  # it ended before we had asked for the signal
    os.close(pipe)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with open(order, "rb") as file:
        said = msgspec.json.decode(file.read(), type=Order)
    os.environ.clear()
    os.environ.update(said.environ)
    libc.prctl(_PR_SET_NAME, said.name.encode())
    return said.arguments


if __name__ == "__main__":
    main()
