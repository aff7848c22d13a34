"""The provider's store, of a running world: two users, each held to its own keys; everybody else has no way in."""

import os
from collections.abc import AsyncIterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from kits.store import client
from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.world.cast import PARTIES, Party
from tiers.lab.world.cast import party as party_called
from tiers.lab.world.processes import stop
from tiers.lab.world.store import each_node
from tiers.lab.world.world import World, booted
from tiers.store.acl import RULES
from tiers.store.url import one_node
from tiers.wire.identity import Role

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

# {other} is a key of the other party that really exists, {own} one of the party's own.
KEYS = [
    "GET {other}", "SET {other} x", "DEL {other}", "UNLINK {other}", "TYPE {other}", "EXISTS {other}", "TTL {other}",
    "EXPIRE {other} 1", "DUMP {other}", "HGETALL {other}", "HSET {other} a b", "LRANGE {other} 0 -1", "LPUSH {other} x",
    "SMEMBERS {other}", "XRANGE {other} - +", "XADD {other} * a b", "XREAD STREAMS {other} 0", "STRLEN {other}",
    "COPY {other} {own}", "COPY {own} {other}", "RENAME {other} {own}", "RENAME {own} {other}", "MOVE {other} 1",
    "SORT {own} BY {other}* GET {other}*", "OBJECT ENCODING {other}", "MEMORY USAGE {other}", "WATCH {other}",
    "BLPOP {other} 1", "SINTERSTORE {own} {other}", "BITOP AND {own} {other}", "RESTORE {other} 0 x",
    "MIGRATE 127.0.0.1 1 {other} 0 1 ", "EVALSHA 0000000000000000000000000000000000000000 1 {other}",
]  # fmt: skip
DANGEROUS = [
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "KEYS *", "SCAN 0", "RANDOMKEY", "CONFIG GET *", "CONFIG SET dir /tmp",
    "ACL LIST", "ACL GETUSER gateway", "ACL SETUSER default on nopass ~* +@all", "MONITOR", "CLIENT LIST",
    "CLIENT KILL ID 1", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "FAILOVER", "SYNC", "SHUTDOWN",
    "MODULE LIST", "SLOWLOG GET", "LATENCY DOCTOR", "ROLE", "LASTSAVE", "PUBSUB CHANNELS", "CLUSTER RESET",
    "CLUSTER NODES", "CLUSTER MEET 127.0.0.1 1", "CLUSTER FORGET x", "CLUSTER DELSLOTS 1", "CLUSTER FAILOVER",
    "CLUSTER GETKEYSINSLOT 1 1", "CLUSTER MIGRATESLOTS SLOTSRANGE 0 1 NODE x",
    "CLIENT TRACKING ON BCAST", "CLIENT TRACKING ON BCAST PREFIX carrier:", "CLIENT PAUSE 10 ALL", "CLIENT REPLY OFF",
    "SUBSCRIBE carrier:x", "PSUBSCRIBE *", "PSUBSCRIBE __key*__:*", "SUBSCRIBE __keyevent@0__:set", "SCRIPT EXISTS x",
    "CONFIG GET requirepass", "DBSIZE", "OBJECT HELP", "MEMORY STATS", "ACL LOG", "ACL DRYRUN gateway GET x",
    "MULTI", "COMMAND GETKEYS GET x", "LATENCY HISTOGRAM", "WAIT 1 1", "FCALL x 0",
    "FUNCTION LIST", "FUNCTION FLUSH", "FUNCTION DUMP", "SCRIPT FLUSH", "SCRIPT KILL", "PUBLISH carrier:x 1",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world in which both parties' keys are in use: the story has been played."""
    root: Path = tmp_path_factory.mktemp("acl") / "w"
    async with booted(root) as running, opened(running) as desk:
        await play(desk, lambda _title, _sentence: None)
        yield running


OTHERS = {
    Role.GATEWAY: ["carrier:subscribers", "carrier:warrants"],
    Role.CARRIER: ["gateway:device:2100000a", "gateway:{li}:tasks", "{s00}:x"],
}


def user(world: World, role: Role) -> Redis:
    """One party at the node that its URL names: a node of a cluster says who may not before it says where."""
    return Redis.from_url(one_node(world.store.urls[role]))


async def refused(store: Redis, command: str) -> bool:
    """Whether the store says that this user may not: any other error would mean that it might."""
    try:
        await store.execute_command(*command.split())
    except NoPermissionError:
        return True
    except RedisError:
        return False
    return False


@pytest.mark.parametrize("role", RULES)
async def test_a_party_reaches_its_own_keys(world: World, role: Role) -> None:
    async with client(world.store.urls[role]) as store:
        own = OTHERS[Role.CARRIER if role is Role.GATEWAY else Role.GATEWAY][0]
        assert 1 == await store.ask("EXISTS", own)


@pytest.mark.parametrize("role", RULES)
async def test_a_party_is_refused_the_others_keys_whatever_the_command(world: World, role: Role) -> None:
    tried = [command.format(other=other, own=f"{role}:mine") for other in OTHERS[role] for command in KEYS]
    async with each_node(world.store.urls[role]) as nodes:
        for node in nodes:
            assert [] == [command for command in tried if not await refused(node, command)]


async def test_a_script_reaches_no_further_than_whoever_runs_it(world: World) -> None:
    async with user(world, Role.GATEWAY) as store:
        sha = await store.execute_command("SCRIPT", "LOAD", "return redis.call('HGETALL', ARGV[1])")
        with pytest.raises(RedisError, match="(?i)permission|acl"):
            await store.execute_command("EVALSHA", sha, 0, "carrier:subscribers")
    async with user(world, Role.CARRIER) as store:
        assert await refused(store, f"EVALSHA {sha} 0 gateway:{{li}}:tasks")
        with pytest.raises(RedisError, match="(?i)permission|acl"):
            await store.eval("return redis.call('HGETALL', ARGV[1])", 0, "gateway:{li}:tasks")


@pytest.mark.parametrize("role", RULES)
async def test_no_party_lists_empties_or_steers_the_store(world: World, role: Role) -> None:
    async with each_node(world.store.urls[role]) as nodes:
        for node in nodes:
            assert [] == [command for command in DANGEROUS if not await refused(node, command)]


async def test_nobody_enters_without_a_name(world: World) -> None:
    async with Redis.from_url(without_user(world.store.urls[Role.GATEWAY])) as nobody:
        with pytest.raises(RedisError, match="already authenticated|Authentication required"):
            await nobody.ping()


async def test_only_gateway_and_carrier_have_a_setting_that_names_a_store(world: World) -> None:
    for party in PARTIES:
        has_store = party.identity.role in RULES
        config = import_module(f"{package(party.program)}.config")
        name = {"tiers.ledger.witness": "WitnessSettings", "tiers.ledger": "LedgerSettings"}.get(
            party.program, "Settings"
        )
        settings = getattr(config, name)
        assert has_store == ("store_url" in {field.name for field in fields(settings)}), party.name
        assert has_store == ("TIERS_STORE_URL" in world.settings(party)), party.name


@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.name)
async def test_no_party_is_given_the_address_or_a_password_of_a_store_that_is_not_its_own(
    world: World, party: Party
) -> None:
    given = given_to(world, party)
    assert str(world.state(party.name)).encode() in given, "the search finds what was given"
    own = {role for role in RULES if role is party.identity.role}
    assert own == {role for role in RULES if password(world, role) in given}
    assert bool(own) == (address(world) in given)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system does not show an environment")
@pytest.mark.parametrize("name", ["court", "acme", "witness-2", "carrier"])
async def test_nor_is_one_that_is_executed_instead_of_forked(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an executed process was started with is all in /proc; a forked one shows the nursery's there."""
    monkeypatch.setenv("LANG", "C.UTF-8" if os.environ.get("LANG") == "C" else "C")  # so it is not the nursery's
    await stop(world.children[name])
    await world.launch(name)
    started = Path(f"/proc/{world.children[name].pid}/environ").read_bytes()
    assert str(world.state(name)).encode() in started
    own = {role for role in RULES if role is party_called(name).identity.role}
    assert own == {role for role in RULES if password(world, role) in started}
    assert bool(own) == (address(world) in started)


def given_to(world: World, party: Party) -> bytes:
    """All that a party starts with: its settings, what the launcher receives, the nursery's own, and its folders."""
    child = world.children[party.name]
    proc = [Path(f"/proc/{child.pid}/{name}") for name in ("environ", "cmdline")]
    folders = (world.state(party.name), world.tls(party.identity), world.root / "trust")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    said = [*world.settings(party).values(), *child.command, *child.environ.values()]
    return b"\n".join(
        [*(text.encode() for text in said), *(file.read_bytes() for file in (*proc, *files) if file.exists())]
    )


def address(world: World) -> bytes:
    return without_user(world.store.urls[Role.GATEWAY]).partition("//")[2].encode()


def password(world: World, role: Role) -> bytes:
    secret = urlsplit(one_node(world.store.urls[role])).password
    assert secret
    return secret.encode()


def without_user(url: str) -> str:
    """A URL of the node that a party's URL names, for somebody who names nobody."""
    scheme, _, rest = one_node(url).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def package(program: str) -> str:
    """`tiers.ledger.witness` is a program of the package `tiers.ledger`."""
    return ".".join(program.split(".")[:2])
