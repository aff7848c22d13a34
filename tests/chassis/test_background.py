"""One bad item ends no round, and half a process never stays."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tiers.chassis import background
from tiers.chassis.web import notify_ready
from tiers.wire.errors import Ours

PARTY = """
import asyncio, sys, threading, time
from tiers.chassis import background, program, web
from tiers.chassis.tls import Tls
from aiohttp import web as http
from dataclasses import dataclass

@dataclass
class Settings:
    pass

async def breaks():
    raise KeyError("x")

async def hangs(_app):
    yield
    await asyncio.sleep(3600)

async def waits(_app):
    print("waiting", flush=True)
    await asyncio.sleep(3600)
    yield

def blocks():
    print("hanging", flush=True)
    threading.Event().wait(3600)

async def run(_settings):
    app = http.Application()
    app.cleanup_ctx.append({"hangs": hangs, "waits": waits, "blocks": waits, "ends": ends}[sys.argv[1]])
    web.STOP_SECONDS = 0.5
    class NoTls:
        server = None
        async def keep_fresh(self):
            await asyncio.sleep(3600)
    if sys.argv[1] == "blocks":
        asyncio.get_running_loop().call_later(0.1, blocks)
    part = background.start(breaks()) if sys.argv[1] in {"hangs", "ends"} else None
    await web.serve(app, "gateway/1", "127.0.0.1:0", NoTls())

async def ends(_app):
    yield

program.run_party(Settings, run)
"""


@pytest.mark.parametrize("error", [KeyError("a bug"), Ours("store.unavailable", "down"), OSError("disk")])
async def test_a_round_that_fails_is_done_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE_SECONDS", 0)
    rounds, done = [error, None, error, None], asyncio.Event()

    async def work() -> None:
        now = rounds.pop(0)
        if not rounds:
            done.set()
        if now:
            raise now

    task = asyncio.create_task(background.every(0, work))
    async with asyncio.timeout(10):
        await done.wait()
    await background.stop(task)


async def test_a_round_is_done_at_once_when_there_is_news() -> None:
    done, news = asyncio.Queue[int](), asyncio.Event()

    async def work() -> None:
        done.put_nowait(1)

    task = asyncio.create_task(background.every(None, work, news))
    async with asyncio.timeout(10):
        await done.get()
        news.set()
        await done.get()
    await background.stop(task)


@pytest.mark.parametrize(("how", "said"), [("ends", b"party.failed"), ("hangs", b"Timeout")])
def test_a_part_that_fails_ends_the_process_with_a_status_that_says_so_even_if_something_hangs(
    how: str, said: bytes
) -> None:
    ended = subprocess.run([sys.executable, "-c", PARTY, how], capture_output=True, timeout=60, check=False)
    assert 1 == ended.returncode
    assert said in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("how", "begins", "status", "said"),
    [("waits", b"waiting\n", 0, b"party.stopped"), ("blocks", b"hanging\n", 1, b"Timeout")],
)
def test_a_party_that_is_told_to_stop_ends_though_it_has_not_begun_or_hangs(
    how: str, begins: bytes, status: int, said: bytes
) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARTY, how], stdout=pipe, stderr=subprocess.STDOUT) as party:
        assert party.stdout is not None
        assert begins in iter(party.stdout.readline, b"")
        while party.poll() is None:  # told again and again, which puts nothing off
            party.terminate()
            with suppress(subprocess.TimeoutExpired):
                party.wait(0.1)
        assert said in party.stdout.read()
    assert party.returncode == status


def test_who_started_us_and_does_not_listen_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "ready"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "ready"))
        for _ in range(600):
            notify_ready()
        assert deaf.recv(64) == b"READY=1"
    notify_ready()


def test_what_stops_a_party_at_its_start_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    names = {name: str(tmp_path / name) for name in ("state", "trust")} | {"listen": "127.0.0.1:0"}
    names["tls"] = str(tmp_path / "\x1b[2J\n\u202etls")
    environ = os.environ | {f"TIERS_{name.upper()}": value for name, value in names.items()}
    command = [sys.executable, "-m", "tiers.ledger.witness"]
    ended = subprocess.run(command, capture_output=True, env=environ, check=False)
    assert (2, 1) == (ended.returncode, len(ended.stderr.decode().splitlines()))
    assert "tls.files" in ended.stderr.decode()
    assert not any(one in ended.stderr.decode() for one in "\x1b\u202e")


async def test_of_several_things_at_once_the_first_failure_is_told_when_all_have_ended() -> None:
    ended = list[int]()

    async def work(number: int, *, fails: bool = False) -> int:
        await asyncio.sleep(0)
        ended.append(number)
        if fails:
            raise Ours("store.unavailable", f"{number}")
        return number

    assert await background.all_of(work(number) for number in range(3)) == [0, 1, 2]
    ended.clear()
    with pytest.raises(Ours, match="1"):
        await background.all_of([work(0), work(1, fails=True), work(2, fails=True), work(3)])
    assert ended == [0, 1, 2, 3]
