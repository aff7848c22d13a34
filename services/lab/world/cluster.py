"""A cluster of three Valkeys on the loopback address, as the provider would run one. Thin I/O.

Every node has a third of the slots and no replica: while one is down, what lies on it waits, and nothing else does.
Beside the parties' two users there is the nodes' own, by which they hand slots to each other, and the lab steers them.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tiers.chassis.state import replace_file
from tiers.lab.world.processes import free_ports, stop
from tiers.lab.world.store import START_SECONDS, Node, Store, launch
from tiers.store.acl import RULES, acl_file
from tiers.store.slots import COUNT
from tiers.wire.errors import Ours

NODES = 3
MOVE_SECONDS = 30.0
_HOST = "127.0.0.1"
_CONFIG = """\
bind 127.0.0.1
port {port}
cluster-enabled yes
cluster-port {bus}
cluster-node-timeout 1000
cluster-require-full-coverage no
primaryuser nodes
primaryauth {password}
"""
_USER = "user nodes on >{password} ~* resetchannels -@all +@write +@transaction +select +ping +cluster +info\n"
_PAUSE = 0.05


async def started(folder: Path, log: Path) -> Store:
    """Start three nodes, form the cluster and wait until all agree on it; raises `Ours` if they do not."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passwords, own = {role: secrets.token_urlsafe(24) for role in RULES}, secrets.token_urlsafe(24)
    users = acl_file(passwords) + _USER.format(password=own)
    ports = free_ports(2 * NODES)
    pairs = list(zip(ports[:NODES], ports[NODES:], strict=True))
    urls = {role: f"redis+cluster://{role}:{quote(one)}@{_HOST}:{ports[0]}" for role, one in passwords.items()}
    steered = tuple(f"redis://nodes:{quote(own)}@{_HOST}:{port}" for port, _bus in pairs)
    async with AsyncExitStack() as stack:
        nodes = []
        for number, (port, bus) in enumerate(pairs, 1):
            config = _CONFIG.format(port=port, bus=bus, password=own)
            nodes.append(await _node(folder / f"node-{number}", config, users, log, port))
            stack.push_async_callback(stop, nodes[-1].child)
        store = Store(urls, tuple(nodes), folder, steered)
        async with _steering(store) as clients:
            await _form(clients, pairs)
        await agreed(store)
        stack.pop_all()
    return store


async def agreed(store: Store) -> None:
    """Wait until every node says that the cluster is well and knows them all; raises `Ours`."""
    async with _steering(store) as clients:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not all([await _well(one) for one in clients]):
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise Ours("lab.store", "Read the store's log: its nodes do not agree on a cluster.") from None


async def moved(store: Store, first: int, last: int, source: int, target: int) -> None:
    """Have node number `source` hand a range of slots to another, whole; raises `Ours` if it does not come off."""
    async with _steering(store) as clients:
        giver, taker = clients[source], clients[target]
        name = (await _say(taker, "CLUSTER MYID")).decode()
        await _say(giver, "CLUSTER MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", name)
        async with asyncio.timeout(MOVE_SECONDS):
            while (state := await _state(giver)) not in {b"success", b"failed"}:
                await asyncio.sleep(_PAUSE)
    if state != b"success":
        raise Ours("lab.store", f"Read {store.children[source].log}: the slots were not handed over.")


def third(number: int) -> tuple[int, int]:
    """Return the first and the last slot that a node has at the start."""
    edges = list(pairwise(COUNT * at // NODES for at in range(NODES + 1)))
    first, end = edges[number]
    return first, end - 1


async def _node(folder: Path, config: str, users: str, log: Path, port: int) -> Node:
    folder.mkdir(mode=0o700, exist_ok=True)
    acl = folder / "users.acl"
    replace_file(acl, users.encode("ascii"))
    return await launch(folder, config, acl, log, partial(asyncio.open_connection, _HOST, port))


async def _form(clients: list[Redis], pairs: Iterable[tuple[int, int]]) -> None:
    try:
        for number, client in enumerate(clients):
            await _say(client, "CLUSTER ADDSLOTSRANGE", *third(number))
            await _say(client, "CLUSTER SET-CONFIG-EPOCH", number + 1)
        for port, bus in pairs:
            await _say(clients[0], "CLUSTER MEET", _HOST, port, bus)
    except RedisError as error:
        raise Ours("lab.store", f"Read the store's log: its nodes form no cluster ({error}).") from None


async def _well(node: Redis) -> bool:
    try:
        said = await _say(node, "CLUSTER INFO")
    except (RedisError, OSError):
        return False
    return bool(said["cluster_state"] == "ok" and said["cluster_known_nodes"] == str(NODES))


async def _state(node: Redis) -> Any:
    newest = (await _say(node, "CLUSTER GETSLOTMIGRATIONS"))[0]
    fields = newest if isinstance(newest, dict) else dict(zip(newest[::2], newest[1::2], strict=True))
    return fields[b"state"]


async def _say(node: Redis, *command: str | int) -> Any:
    return await node.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves this one untyped


@asynccontextmanager
async def _steering(store: Store) -> AsyncIterator[list[Redis]]:
    """Reach every node by itself, as the nodes' own user."""
    clients = [Redis.from_url(url) for url in store.steered]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()
