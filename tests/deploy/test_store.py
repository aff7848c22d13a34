"""The store's configuration is the treaty's, and a real store that runs it holds each party to its own keys."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio as redis
from redis.exceptions import NoPermissionError

from kits.dockerfile import DEPLOY
from tiers.lab.world import store
from tiers.lab.world.processes import base_environ, start, stop
from tiers.store.acl import RULES, acl_file
from tiers.wire.identity import Role

PASSWORDS = {role: f"{role}-password" for role in RULES}
EXAMPLE = DEPLOY / "store" / "users.acl.example"


def test_the_example_is_what_the_treaty_writes() -> None:
    assert EXAMPLE.read_text() == acl_file(PASSWORDS)


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Path]:
    """Run a Valkey on deploy/store's two files; only its folder and its address are this machine's."""
    path = tmp_path / "s"
    config = tmp_path / "valkey.conf"
    config.write_text((DEPLOY / "store" / "valkey.conf").read_text().replace("/data", str(tmp_path)))
    here = ["--aclfile", str(EXAMPLE), "--port", "0", "--unixsocket", str(path)]
    command = [store._binary(), str(config), *here]
    child = await start("store", command, base_environ(), tmp_path / "log")
    try:
        await store._listening(partial(asyncio.open_unix_connection, path), child)
        yield path
    finally:
        await stop(child)


def user(socket: Path, role: Role) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(socket), username=role, password=PASSWORDS[role])


async def test_each_party_reaches_its_own_keys_and_nobody_elses(socket: Path) -> None:
    async with user(socket, Role.GATEWAY) as gateway, user(socket, Role.CARRIER) as carrier:
        await gateway.xadd("{s07}:mailbox:2100000b", {"jwe": b"{}"})
        await carrier.set("carrier:product:1", b"pdu")
        for stranger, key in ((carrier, "{s07}:mailbox:2100000b"), (gateway, "carrier:product:1")):
            with pytest.raises(NoPermissionError):
                await stranger.type(key)


async def test_nobody_lists_or_empties_the_store(socket: Path) -> None:
    for role in RULES:
        async with user(socket, role) as party:
            for command in ("KEYS *", "SCAN 0", "FLUSHALL", "CONFIG GET appendonly", "ACL LIST"):
                with pytest.raises(NoPermissionError):
                    await party.execute_command(*command.split())


async def test_whoever_names_no_user_is_nobody(socket: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    writer.write(b"PING\r\n")
    assert (await reader.readline()).startswith(b"-NOAUTH")  # what the container's healthcheck looks for, too
    writer.close()
    await writer.wait_closed()


async def test_a_reply_waits_for_the_disk(socket: Path) -> None:
    async with user(socket, Role.GATEWAY) as gateway:
        persistence = await gateway.info("persistence")
    assert persistence["aof_enabled"] == 1
    assert "\nappendfsync always\n" in (DEPLOY / "store" / "valkey.conf").read_text()
