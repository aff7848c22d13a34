from pathlib import Path

import pytest
import structlog

from kits.enterprise import Customer, Handset, Town


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def town(tmp_path: Path, tls: Path):
    async with Town(tmp_path, tls) as running:
        yield running


@pytest.fixture
async def acme(town: Town) -> Customer:
    await town.acme.start(town.stack)
    return town.acme


@pytest.fixture
async def globex(town: Town) -> Customer:
    await town.globex.start(town.stack)
    return town.globex


@pytest.fixture
async def alice(acme: Customer) -> Handset:
    return await acme.hire("a11ce001")


@pytest.fixture
def events():
    """Every event that is logged while the test runs."""
    with structlog.testing.capture_logs() as captured:
        yield captured
