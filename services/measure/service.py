"""A running program under measurement: started or attached to, looked at from all sides, and asserted about.

    with run("myapp", [sys.executable, "server.py", "{port}"], ready="/healthz", logs=[…], state=[…], tap=True) as s:
        s.assert_holds(KEY, in_=["memory"])
        s.assert_absent(text, KEY, in_=["log", "store", "wire"])

Captures (`in_`): memory, environment, arguments, log, store, wire, answers, places. `memory` has the whole tree of
processes, their environment, arguments and open files without a name; `store` files and databases; `places` new files
in temporary and home folders, and ports that nobody named.
"""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tiers.measure.capture import stores
from tiers.measure.capture.files import below
from tiers.measure.capture.memory import MEASURES_MEMORY, memory
from tiers.measure.capture.places import Before, around, left
from tiers.measure.capture.processes import arguments, environment, listening, said_by, tree
from tiers.measure.capture.wire import Tap, passed
from tiers.measure.errors import Misused, NotWhole, Unmeasured
from tiers.measure.search.scan import Chunk, Evidence, Found, Scanner, Source
from tiers.measure.search.spelling import spell, trace
from tiers.measure.secret import Secret, canary

MARK = "TIERS_MEASURE"
"""A variable with a random value, in the environment of what is started here: what must be found in its memory."""
_MARK = ("mark", MARK)
_SECONDS, _GRACE = 60.0, 15.0
KINDS = ("memory", "environment", "arguments", "log", "store", "wire", "answers", "places")
_HERE_ONLY = ("memory", "environment", "arguments", "places")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that a role may make: what it is answered is a capture."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(slots=True)
class Service:
    """A program under measurement. `url` and `port` lead to it, through the tap if there is one."""

    name: str
    pid: int
    port: int = 0
    logs: Sequence[Path] = ()
    state: Sequence[Path] = ()
    redis: str = ""
    postgres: str = ""
    keylog: Path | None = None
    asks: Mapping[str, Sequence[Ask | str]] = field(default_factory=dict)
    tap: Tap | None = None
    mark: str = ""
    own: Sequence[int] = ()
    before: Before = field(default_factory=dict)
    _controls: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    # ---- captures ----

    def capture(self, kind: str) -> Source:
        """Take a capture; raises `Misused` for one that is not there, `NotWhole` for an empty one, `Unmeasured`."""
        if kind not in KINDS:
            raise Misused(f"Name captures out of: {', '.join(KINDS)}; {kind} is none.")
        if kind in _HERE_ONLY and not MEASURES_MEMORY:
            raise Unmeasured(f"{kind}: processes are measured on Linux only.")
        if kind == "memory":
            return memory(f"memory of {self.name}", self)
        return Source.whole(f"{kind} of {self.name}", getattr(self, f"_{kind}")())

    def _environment(self) -> Iterator[Chunk]:
        return (chunk for pid in tree(self.pid) for chunk in environment(f"{self.name}, process {pid}", pid))

    def _arguments(self) -> Iterator[Chunk]:
        return (chunk for pid in tree(self.pid) for chunk in arguments(f"{self.name}, process {pid}", pid))

    def _log(self) -> Iterator[Chunk]:
        if not self.logs:
            raise Misused(f"Say where {self.name} logs: run(…, logs=[…]).")
        return (chunk for path in self.logs for chunk in below("log", path))

    def _store(self) -> Iterator[Chunk]:
        if not (self.state or self.redis or self.postgres):
            raise Misused(f"Say where {self.name} stores: run(…, state=[…]), redis= or postgres=.")
        yield from (chunk for path in self.state for chunk in below("store", path))
        if self.redis:
            yield from stores.redis(self.redis)
        if self.postgres:
            yield from stores.postgres(self.postgres)

    def _wire(self) -> Iterator[Chunk]:
        if self.tap is None:
            raise Misused(f"Listen to what reaches {self.name}: run(…, tap=True).")
        return passed(self.name, self.tap, self.keylog)

    def _answers(self) -> Iterator[Chunk]:
        if not self.asks:
            raise Misused(f"Say who may ask {self.name} what: run(…, asks={{'guest': ['/path']}}).")
        for role, asks in self.asks.items():
            for ask in asks:
                asked = Ask(ask) if isinstance(ask, str) else ask
                yield Chunk(f"answers to {role}, {asked.method} {asked.path}", 0, self._answer(asked))

    def _answer(self, ask: Ask) -> bytes:
        request = urllib.request.Request(self.url + ask.path, ask.body, dict(ask.headers), method=ask.method)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                return f"{answer.status} {answer.headers}".encode() + bytes(answer.read())
        except urllib.error.HTTPError as refused:
            return f"{refused.code} {refused.headers}".encode() + refused.read()
        except OSError:
            raise NotWhole(f"{self.name} does not answer {ask.method} {ask.path}") from None

    def _places(self) -> Iterator[Chunk]:
        here = Path(f"/proc/{self.pid}/cwd").resolve()
        yield Chunk("places, where it runs", 0, str(here).encode())
        yield from left("places", here, self.before, [*self.logs, *self.state])
        for port in sorted(listening(tree(self.pid)) - set(self.own)):
            yield from said_by(port)

    # ---- assertions ----

    def look(self, *wanted: Secret, in_: Iterable[str]) -> dict[str, Found]:
        """Take captures and look for secrets; returns what was found in each, with its size in bytes."""
        if not wanted or not (kinds := tuple(in_)):
            raise Misused("Say what to look for, and in which captures: in_=['log'].")
        needles = [needle for secret in wanted for needle in spell(secret.known())]
        scanner = Scanner([*needles, trace(_MARK, "its value", self.mark)] if self.mark else needles)
        found = {kind: scanner.scan(self.capture(kind)) for kind in kinds}
        marked = [kind for kind in ("memory", "environment") if self.mark and kind in found]
        if lost := [kind for kind in marked if not found[kind].places(_MARK)]:
            raise NotWhole(f"the {lost[0]} of {self.name} lacks what was put there to be found")
        return found

    def assert_holds(self, *wanted: Secret, in_: Iterable[str]) -> dict[str, int]:
        """Assert that each of these is found in each capture; returns the bytes read. This is the positive control."""
        seen = self.look(*wanted, in_=in_)
        missed = ((one, kind) for kind, found in seen.items() for one in wanted if not found.places(one.fact))
        if lacks := [f"{one.name} is not in the {kind}" for one, kind in missed]:
            read = ", ".join(f"{kind} {found.size} bytes" for kind, found in seen.items())
            raise AssertionError(f"{self.name}: {'; '.join(lacks)}. Read: {read}")
        self._controls |= set(seen)
        return {kind: found.size for kind, found in seen.items()}

    def assert_absent(self, *wanted: Secret, in_: Iterable[str]) -> dict[str, int]:
        """Assert that none of these is found; returns the bytes read. Raises `Misused` before any `assert_holds`."""
        if not self._controls:
            raise Misused(f"Show first that a search in {self.name} finds something: assert_holds(…).")
        seen = self.look(*wanted, in_=in_)
        if leaks := [
            _told(one, place) for found in seen.values() for one in wanted for place in found.places(one.fact)
        ]:
            raise AssertionError(f"{self.name} leaks:\n  " + "\n  ".join(leaks))
        return {kind: found.size for kind, found in seen.items()}

    def assert_forgets(self, say: Callable[[str], object], *, n: int = 40, at_most: float = 0.25) -> float:
        """Say `n` texts, and assert that at most this share is still in memory; returns the share.

        Freed memory is residue and no leak, so some may be there.
        """
        texts = [canary(f"text {number}") for number in range(n)]
        for text in texts:
            say(text.text)
        found = self.look(*texts, in_=["memory"])["memory"]
        kept = [_told(text, found.places(text.fact)[0]) for text in texts if found.places(text.fact)]
        if (share := len(kept) / n) > at_most:
            raise AssertionError(f"{self.name} remembers {share:.0%} of {n} texts, and may {at_most:.0%}; {kept[0]}")
        return share


def _told(secret: Secret, place: Evidence) -> str:
    return f"{secret.name}: found in {place}"


@contextmanager
def run(  # noqa: PLR0913 - one parameter for each thing that a program has
    name: str,
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    ready: str = "",
    logs: Sequence[Path] = (),
    state: Sequence[Path] = (),
    tap: bool = False,
    asks: Mapping[str, Sequence[Ask | str]] | None = None,
    redis: str = "",
    postgres: str = "",
    keylog: Path | None = None,
    cwd: Path | None = None,
) -> Iterator[Service]:
    """Start a program, wait until it answers, and end it with all its children.

    `{port}` in `command` stands for a free port; `ready` is a path that answers 200, else a connection is enough.
    What it prints is one of its logs. Raises `NotWhole` with the end of its log if it does not answer.
    """
    port, mark = _free_port(), secrets.token_hex(16)
    before = around(cwd or Path.cwd())
    with tempfile.TemporaryDirectory(prefix="measure-") as kept, (Path(kept) / "output").open("wb") as output:
        environ = {**(os.environ if env is None else env), MARK: mark}
        words = [word.replace("{port}", str(port)) for word in command]
        process = subprocess.Popen(words, env=environ, cwd=cwd, stdout=output, stderr=output, start_new_session=True)  # noqa: S603 - it is the user's own
        wire = Tap(port) if tap else None
        service = Service(name, process.pid, wire.port if wire else port, [*logs, Path(output.name)], state)
        service.redis, service.postgres, service.keylog, service.asks = redis, postgres, keylog, asks or {}
        service.tap, service.mark, service.own, service.before = wire, mark, (port,), before
        try:
            if any("{port}" in word for word in command):
                _until_ready(process, port, ready, Path(output.name))
            yield service
        finally:
            if wire:
                wire.close()
            _end(process)


def attach(name: str, *, pid: int, port: int = 0, **captures: object) -> Service:
    """Return a program that runs already; `captures` as in `run` (logs, state, redis, postgres, asks)."""
    service = Service(name, pid, port, own=(port,), before=around(Path.cwd()))
    for what, value in captures.items():
        if what not in {"logs", "state", "redis", "postgres", "asks", "keylog"}:
            raise Misused(f"Attach with logs, state, redis, postgres, asks or keylog; not {what}.")
        setattr(service, what, value)
    return service


def _until_ready(process: "subprocess.Popen[bytes]", port: int, ready: str, output: Path) -> None:
    until = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):
            if not ready:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1):
                return
        time.sleep(0.02)
    raise NotWhole(f"it did not answer: {output.read_text(errors='replace')[-500:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
