"""A glass box on a world of its own for each module, and a browser on it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from kits.page import Seen, browser, invited, window
from tiers.lab.classroom.desk import opened
from tiers.lab.page.control import Control, served
from tiers.lab.page.watched import WatchedDesk, watched
from tiers.lab.world.world import booted


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WatchedDesk]:
    root = tmp_path_factory.mktemp("page") / "w"
    async with booted(root) as world, opened(world) as plain, watched(plain) as seen:
        yield seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def control(desk: WatchedDesk) -> AsyncIterator[Control]:
    async with served(desk) as where:
        yield where


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Any]:
    async with browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(control: Control, chromium: Any) -> AsyncIterator[Seen]:
    async with window(chromium, await invited(control)) as seen:
        yield seen
        assert [] == seen.complaints
        assert [] == seen.strangers
