"""A running program under measurement: started or attached to, looked at from all sides, and asserted about.

    with run("myapp", [sys.executable, "server.py", "{port}"], ready="/healthz", logs=[…], state=[…], tap=True) as s:
        s.assert_holds(KEY, in_=["memory"])
        s.assert_absent(text, KEY, in_=["log", "store", "wire"])

Captures (`in_`): memory, environment, arguments, log, store, wire, answers, places. `memory` has the whole tree of
processes, their environment, arguments and open files without a name; `store` files and databases; `places` new files
in temporary and home folders, and sockets that nobody named.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

from tiers.measure.capture import stores
from tiers.measure.capture.files import below
from tiers.measure.capture.memory import MEASURES_MEMORY, Process, memory
from tiers.measure.capture.places import Before, around, folders_in, left
from tiers.measure.capture.processes import HOST, arguments, environment, listening, said_by
from tiers.measure.capture.wire import Tap, passed
from tiers.measure.errors import MeasureError, Misused, NotWhole, Unmeasured
from tiers.measure.program import MARK, Ask, Program, address, answers, family, has_ended
from tiers.measure.search.scan import Chunk, Evidence, Found, Scanner, Source
from tiers.measure.search.spelling import spell, trace
from tiers.measure.secret import Secret, canary

_MARK = ("mark", MARK)
KINDS = ("memory", "environment", "arguments", "log", "store", "wire", "answers", "places")
_LATER = (Awaitable, Iterator, AsyncIterator, Future)
"""What a function returns that has done nothing yet."""
_HERE_ONLY = ("memory", "environment", "arguments", "places")


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
    host: str = HOST
    mark: str = ""
    own: Sequence[int] = ()
    folders: Sequence[Path] = field(default_factory=lambda: [Path.cwd()])
    before: Before = field(default_factory=dict)
    _controls: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name, given in {"logs": self.logs, "state": self.state, **self.asks}.items():
            if isinstance(given, str | Path | Ask):
                raise Misused(f"Write {name} of {self.name} as a list: [{given!r}].")
        self.logs, self.state = [*map(Path, self.logs)], [*map(Path, self.state)]
        self.keylog = Path(self.keylog) if self.keylog else None

    @property
    def url(self) -> str:
        return f"http://{address(self.host, self.port)}"

    # ---- captures ----

    def capture(self, kind: str) -> Source:
        """Take a capture; raises `Misused` for one that is not there, `NotWhole` for an empty one, `Unmeasured`."""
        if kind not in KINDS:
            raise Misused(f"Name captures out of: {', '.join(KINDS)}; {kind} is none.")
        if kind in _HERE_ONLY:
            if not MEASURES_MEMORY:
                raise Unmeasured(f"{kind}: processes are measured on Linux only.")
            if has_ended(self.pid):
                raise NotWhole(f"{self.name}, process {self.pid}, has ended")
        try:
            whole = Source.whole(f"{kind} of {self.name}", getattr(self, f"_{kind}")())
        except PermissionError:
            raise NotWhole(f"{kind} of {self.name} may not be read: run as the user that started it") from None
        return replace(whole, packed=kind != "memory")

    def _memory(self) -> Iterable[Chunk]:
        return memory("memory", Process(self.name, self.pid), pids=family(self.pid, self.mark)).chunks

    def _environment(self) -> Iterator[Chunk]:
        return self._each(environment)

    def _arguments(self) -> Iterator[Chunk]:
        return self._each(arguments)

    def _each(self, take: Callable[[str, int], Iterator[Chunk]]) -> Iterator[Chunk]:
        return (chunk for pid in family(self.pid, self.mark) for chunk in take(f"{self.name}, process {pid}", pid))

    def _log(self) -> Iterator[Chunk]:
        if not self.logs:
            raise Misused(f"Say where {self.name} logs: run(…, logs=[…]).")
        return self._files("log", self.logs)

    def _store(self) -> Iterator[Chunk]:
        if not (self.state or self.redis or self.postgres):
            raise Misused(f"Say where {self.name} stores: run(…, state=[…]), redis= or postgres=.")
        yield from self._files("store", self.state)
        for where, url, take in (("redis=", self.redis, stores.redis), ("postgres=", self.postgres, stores.postgres)):
            if url:
                yield from self._read("store", where, partial(take, url), url)

    def _files(self, kind: str, paths: Iterable[Path]) -> Iterator[Chunk]:
        """Yield files and folders; with a file what belongs to it: rotated logs, the log of a database."""
        for path in paths:
            beside = [] if path.is_dir() else _beside(path)
            for one in [*beside, *([path] if path.exists() or not beside else [])]:
                yield from self._read(kind, one, partial(below, kind, one))

    def _read(self, kind: str, where: Path | str, take: Callable[[], Iterable[Chunk]], url: str = "") -> list[Chunk]:
        try:
            return list(take())
        except MeasureError:
            raise
        except Exception as error:  # noqa: BLE001 - of the system, or of whatever client a store has
            said = str(error)
            for word in url.split():
                said = said.replace(word, "…")  # it may have a password
            raise Misused(f"Name a {kind} of {self.name} that can be read: {where} cannot ({said}).") from None

    def _wire(self) -> Iterator[Chunk]:
        if self.tap is None:
            raise Misused(f"Listen to what reaches {self.name}: run(…, tap=True).")
        return passed(self.name, self.tap, self.keylog)

    def _answers(self) -> Iterator[Chunk]:
        if not self.asks:
            raise Misused(f"Say who may ask {self.name} what: run(…, asks={{'guest': ['/path']}}).")
        for role, asks in self.asks.items():
            for ask in (Ask(one) if isinstance(one, str) else one for one in asks):
                try:
                    for _, said in answers(self.host, self.port, ask):
                        yield Chunk(f"answers to {role}, {ask.method} {ask.path}", 0, said)
                except OSError as error:
                    raise NotWhole(f"{self.name} does not answer {ask.method} {ask.path} ({error})") from None

    def _places(self) -> Iterator[Chunk]:
        here = Path(f"/proc/{self.pid}/cwd").resolve()
        yield Chunk("places, where it runs", 0, str(here).encode())
        own = [here] if here != Path(here.anchor) else []  # daemons go there, and nothing of what lies there is theirs
        yield from left("places", {*own, *self.folders}, self.before, [*self.logs, *self.state])
        for one in sorted(listening(family(self.pid, self.mark))):
            if one.port not in self.own:
                yield from said_by(one)

    # ---- assertions ----

    def look(self, *wanted: Secret, in_: Iterable[str]) -> dict[str, Found]:
        """Take captures and look for secrets; returns what was found in each, with its size in bytes."""
        if isinstance(in_, str) or not wanted or not (kinds := tuple(in_)):
            raise Misused("Say what to look for, and in which captures: in_=['log'].")
        if strange := [one for one in wanted if not isinstance(one, Secret)]:  # type: ignore[redundant-expr]  # tests are seldom typed
            raise Misused(f"Look for what Secret(…) or canary(…) returns: {type(strange[0]).__name__} is neither.")
        if len(names := {one.name for one in wanted}) < len(set(wanted)):
            raise Misused(
                f"Give each secret a name of its own, canary('first'): among {', '.join(sorted(names))} are two of one."
            )
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
        self._controlled()
        seen = self.look(*wanted, in_=in_)
        if leaks := [_told(one, lay) for found in seen.values() for one in wanted for lay in found.places(one.fact)]:
            raise AssertionError(f"{self.name} leaks:\n  " + "\n  ".join(leaks))
        return {kind: found.size for kind, found in seen.items()}

    def assert_forgets(self, say: Callable[[str], object], *, n: int = 40, at_most: float = 0.25) -> float:
        """Say `n` texts, and assert that at most this share is still in memory; returns the share.

        Freed memory is residue and no leak, so some may be there. Raises `Misused` before any `assert_holds`.
        """
        if not 0 <= at_most < 1:
            raise Misused(f"Write at_most as a share from 0 to below 1; {at_most} lets everything pass.")
        if n < 1:
            raise Misused(f"Say one text or more: n={n} says nothing.")
        self._controlled()
        texts = [canary(f"text {number}") for number in range(n)]
        for text in texts:
            if isinstance(later := say(text.text), _LATER):
                if isinstance(later, Coroutine):
                    later.close()
                raise Misused("Give a function that is done when it returns: lambda text: asyncio.run(say(text)).")
        found = self.look(*texts, in_=["memory"])["memory"]
        kept = [_told(text, found.places(text.fact)[0]) for text in texts if found.places(text.fact)]
        if (share := len(kept) / n) > at_most:
            raise AssertionError(f"{self.name} remembers {share:.0%} of {n} texts, and may {at_most:.0%}; {kept[0]}")
        return share

    def _controlled(self) -> None:
        if not self._controls:
            raise Misused(f"Show first that a search in {self.name} finds something: assert_holds(…).")


def _beside(path: Path) -> list[Path]:
    """Return what belongs to a file: `app.log.1`, `app.log-20130601.gz`, `app.2013-06-01.log`, `notes.db-wal`."""
    names = [f"{escape(path.name)}[.-]*", *([f"{escape(path.stem)}.*{escape(path.suffix)}*"] if path.suffix else [])]
    return sorted({one for name in names for one in path.parent.glob(name) if one != path and one.is_file()})


def _told(secret: Secret, lay: Evidence) -> str:
    return f"{secret.name}: found in {lay}"


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

    `{port}` in `command` stands for a free port; `ready` is a path that it answers without an error, else a connection
    is enough. What it prints is one of its logs. Raises `NotWhole` with the end of that if it does not answer.
    """
    folders = folders_in(Path(cwd).resolve()) if cwd else [Path.cwd()]
    before = around(*folders)
    with tempfile.TemporaryDirectory(prefix="measure-") as kept:
        program = Program(name, command, os.environ if env is None else env, cwd, Path(kept) / "output")
        try:
            program.until_ready(ready)
            with closing(Tap(program.host, program.port)) if tap else nullcontext() as wire:
                port = wire.port if wire else program.port
                service = Service(name, program.pid, port, logs, state, redis, postgres, keylog, asks or {}, wire)
                service.logs, service.host = [*service.logs, program.output], program.host
                service.mark, service.own = program.mark, (program.port,)
                service.folders, service.before = folders, before
                yield service
        finally:
            program.end()


def attach(name: str, *, pid: int, port: int = 0, **captures: Any) -> Service:
    """Return a program that runs already; `captures` as in `run` (logs, state, redis, postgres, asks)."""
    if odd := sorted(set(captures) - {"logs", "state", "redis", "postgres", "asks", "keylog"}):
        raise Misused(f"Attach with logs, state, redis, postgres, asks or keylog; not {odd[0]}.")
    folder = Path.cwd()
    with suppress(OSError):  # somebody else's: then no capture can be taken
        folder = Path(f"/proc/{pid}/cwd").resolve()
    return Service(name, pid, port, own=(port,), folders=[folder], before=around(folder), **captures)
