"""A program that is started: until it answers, what it answers, and its end with all that it started. Thin I/O."""

import http.client
import os
import secrets
import signal
import socket
import string
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from tiers.measure.capture.processes import HOST, IPV6, stat_of, tree
from tiers.measure.errors import Misused, NotWhole

MARK = "TIERS_MEASURE"
"""A variable with a random value, in the environment of what is started here: what must be found in its memory."""
SECONDS, _GRACE, _PAUSE = 60.0, 15.0, 0.02
_PORTS = range(20_000, 32_000)
_HOPS = 5
_TAIL = 500
_LOOKS = 3
"""A daemon forks twice, and one look may miss it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that a role may make: what it is answered is a capture."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def address(host: str, port: int) -> str:
    """Return the address as a URL has it (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answers(host: str, port: int, ask: Ask) -> Iterator[tuple[int, bytes]]:
    """Ask, and follow where the program sends one on to: yield the status and all of each answer; raises `OSError`."""
    method, path, body = ask.method, urljoin("/", ask.path), ask.body
    for _ in range(_HOPS):
        try:
            with closing(http.client.HTTPConnection(host, port, timeout=SECONDS)) as connection:
                connection.request(method, quote(path, safe=string.punctuation), body, dict(ask.headers))
                answer = connection.getresponse()
                said = f"{answer.status} {answer.headers}".encode("utf-8", "surrogateescape") + _whole(answer)
        except http.client.HTTPException as error:
            raise OSError(f"it does not speak HTTP: {error!r}") from None
        yield answer.status, said
        to = urlsplit(urljoin(path, answer.getheader("Location", "")))
        if answer.status not in {301, 302, 303, 307, 308} or to.netloc not in {"", address(host, port)}:
            return
        path = to._replace(scheme="", netloc="").geturl()
        method, body = (method, body) if answer.status in {307, 308} else ("GET", None)


def _whole(answer: http.client.HTTPResponse) -> bytes:
    """Read an answer to its end; raises `OSError` for one that has none, such as a stream of events."""
    said, until = bytearray(), time.monotonic() + SECONDS
    while more := answer.read1():
        said += more
        if time.monotonic() > until:
            raise OSError(f"its answer does not end within {SECONDS:.0f} s")
    return bytes(said)


def _free_port() -> int:
    """Return a free port from below the range of outgoing connections: else one may take it before the program does."""
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise Misused(f"Free some ports from {_PORTS.start} to {_PORTS.stop} of {HOST}.")


class Program:
    """A program that was started: its `pid`, the `port` that it was given, and the `mark` of all that it starts."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path | None, output: Path
    ) -> None:
        if isinstance(command, str):
            raise Misused(f"Write the command of {name} as a list of words.")
        self.port = _free_port()
        self.name, self.mark, self.output = name, secrets.token_hex(16), output
        words = [str(word).replace("{port}", str(self.port)) for word in command]
        self._listens = words != [*map(str, command)]
        try:
            with output.open("wb") as said:
                self._process = subprocess.Popen(  # noqa: S603 - it is the user's own
                    words, env={**env, MARK: self.mark}, cwd=cwd, stdout=said, stderr=said, start_new_session=True
                )
        except OSError as error:
            raise Misused(f"Name a program and a folder that are there: {name} does not start ({error}).") from None
        self.pid, self.host = self._process.pid, HOST

    def until_ready(self, path: str) -> None:
        """Wait until it answers `path` without an error, or takes a connection. It may become a daemon meanwhile."""
        until = time.monotonic() + SECONDS
        if path and not self._listens:
            raise Misused(f"Write {{port}} where the command of {self.name} says its port: {path} is asked there.")
        while why := self._listens and self._why_not(path):
            if self._process.poll() is not None and not any(marked(self.mark) for _ in range(_LOOKS)):
                why = f"it ended with {self._process.returncode}"
            elif time.monotonic() < until:
                time.sleep(_PAUSE)
                continue
            said = self.output.read_text(errors="replace")[-_TAIL:].strip()
            raise NotWhole(f"{self.name} did not answer ({why}; it said: {said or 'nothing'})")
        if self._process.poll() is not None:
            self.pid = next(iter(marked(self.mark)), self.pid)

    def _why_not(self, path: str) -> str:
        """Return why it does not answer yet; nothing if it does. Sets `host`."""
        for self.host in (HOST, IPV6):
            try:
                return self._ask(path)
            except ConnectionRefusedError:
                continue
            except OSError as error:
                return str(error)
        return "nothing listens at its port"

    def _ask(self, path: str) -> str:
        if not path:
            socket.create_connection((self.host, self.port), 1).close()
            return ""
        status = next(answers(self.host, self.port, Ask(path)))[0]
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Misused(f"Name a path that {self.name} answers: ready={path!r} is answered {status}.")
        return f"{path} is answered {status}" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""

    def end(self) -> None:
        """End it and all that it started, also what went into the background."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            for pid in marked(self.mark):
                with suppress(ProcessLookupError):
                    if os.getpgid(pid) != self._process.pid:
                        os.kill(pid, sign)
            until = time.monotonic() + _GRACE
            while (self._process.poll() is None or marked(self.mark)) and time.monotonic() < until:
                time.sleep(_PAUSE)


def family(pid: int, mark: str) -> list[int]:
    """Return a process, its descendants, and what it started that has left them; parents first."""
    found = tree(pid)
    for other in marked(mark):
        found += [one for one in tree(other) if one not in found]
    return found


def marked(mark: str) -> list[int]:
    """Return the processes that have a mark in their environment, the eldest first. Linux only."""
    found = list[tuple[int, int]]()
    for path in Path("/proc").glob("[0-9]*/environ") if mark else ():
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in path.read_bytes():
                found.append((int(stat_of(pid := int(path.parent.name))[19]), pid))
    return [pid for _, pid in sorted(found)]


def has_ended(pid: int) -> bool:
    """Say whether a process is none any more, or waits only for its parent to notice that it ended. Linux only."""
    with suppress(OSError):
        return stat_of(pid)[0] == "Z"
    return True
