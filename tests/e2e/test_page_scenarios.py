"""Scenarios on the page, as a lecturer plays them: one act and two, back into an earlier act, and home again."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from kits.page import Seen, ask, browser, window
from tiers.lab.classroom.desk import Desk, opened
from tiers.lab.page.control import Control, served
from tiers.lab.page.watched import WatchedDesk, watched
from tiers.lab.scenarios import load, load_all
from tiers.lab.world.world import booted
from tiers.wire.message.envelope import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WatchedDesk]:
    root: Path = tmp_path_factory.mktemp("scenes") / "w"
    async with booted(root) as world, opened(world) as plain, watched(plain) as seen:
        yield seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def control(desk: WatchedDesk) -> AsyncIterator[Control]:
    async with served(desk) as where:
        yield where


@pytest_asyncio.fixture(loop_scope="module")
async def page(control: Control) -> AsyncIterator[Seen]:
    address = str((await ask(control, "invite"))["address"])
    async with browser() as chromium, window(chromium, address) as seen:
        yield seen
        assert [] == seen.complaints
        assert [] == seen.strangers
    await ask(control, "reset")


async def play(page: Seen, name: str) -> None:
    await page.key("s")
    await page.page.get_by_title(f"Play {name}", exact=True).click()
    await page.page.locator(".scene", has_text=load(name).title).wait_for()


async def back_to(page: Seen, title: str) -> None:
    for _ in range(80):
        if await page.title() == title:
            return
        await page.key("ArrowLeft")
    pytest.fail(f"no such step: {title}")


async def until_end(page: Seen, title: str = "Who wins, and why") -> None:
    for _ in range(2):  # a world boots in some seconds
        with suppress(AssertionError):
            await page.until_title(title)
            break
    await page.until_title(title)


async def test_the_list_has_every_scenario_history_first(page: Seen) -> None:
    await page.key("s")
    await page.page.get_by_title("Play india-2013").wait_for()

    assert [one.title for one in load_all().values()] == await page.page.locator(
        ".catalogue li > span:first-child"
    ).all_text_contents()
    assert ["What happened", "Attacks"] == await page.page.locator(".scenarios h2").all_text_contents()
    await page.key("?")
    assert "scenarios" in await page.page.inner_text("dialog")


async def test_india_plays_to_its_verdict_and_its_cells(page: Seen) -> None:
    told = load("india-2013")
    await play(page, "india-2013")
    await until_end(page)

    ending = await page.page.inner_text(".ending")
    assert all(said in ending for said in (told.verdict, told.caught, told.unknown, *told.sources))
    table = await page.page.locator(".ending .cells tbody tr").all_inner_texts()
    assert len({cells.vantage for cells in told.acts[0].cells}) == len(table)
    assert any(row.startswith("Acme, the customer\tbes-bbm") for row in table)

    await page.key("Home")
    assert told.title == await page.title()
    assert 0 == await page.page.locator(".letter").count()
    await page.key("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    assert "Alice writes Bob a BBM" == await page.title()


async def test_an_earlier_act_is_seen_in_its_own_arrangement(page: Seen) -> None:
    await play(page, "canada-clemenza")
    await until_end(page)
    assert ["1", "2"] == sorted(set(await page.page.locator(".ending .cells td:first-child").all_text_contents()))

    await back_to(page, "And the carrier's master?")
    assert ["carrier", "for Mallory", "carrier", "for Bob"] == await locks(page)
    await page.see_as("Another employee")
    assert "sealed" in await page.page.inner_text(".peek .head")

    await back_to(page, "One leaked key opens target")
    assert ["one key", "for everybody"] == await locks(page)
    assert "act 1 of 2, arrangement: One global key" in await page.page.inner_text(".scene")
    assert "READS" in await page.page.inner_text(".peek .head")
    assert "declared to read" in await page.page.inner_text(".peek .why")
    await back_to(page, load("canada-clemenza").title)


def kinds(desk: WatchedDesk, since: int) -> list[str]:
    return [json.loads(entry)["event"]["type"] for entry in desk.feed.since(since)]


async def locks(page: Seen) -> list[str]:
    return list(await page.page.locator(".now .hanging text").all_text_contents())


async def test_the_classroom_waits_and_comes_back(page: Seen, control: Control, desk: WatchedDesk) -> None:
    note = {"sender": "alice", "to": "bob", "channel": "consumer", "service": "bbm", "text": "Before the scenario"}
    await ask(control, "apply", {"target": "alice", "services": ["bbm"], "minutes": 1})
    await page.until_title("An application for a warrant on Alice")
    await play(page, "canada-clemenza")
    began = len(desk.feed)

    assert "lab.scenario_on" == (await ask(control, "send", note))["code"]
    assert "lab.busy" == (await ask(control, "scenario", {"name": "athens"}))["code"]
    assert 0 == await page.page.get_by_role("button", name="Send", exact=True).count()
    await Desk.apply(desk, "bob", (Service.BBM,), 1)  # unseen: the classroom's court logs it meanwhile
    await page.page.get_by_role("button", name="Back to the classroom").click()  # while it plays
    await until_end(page, "The beginning")

    meanwhile = kinds(desk, began)[: kinds(desk, began).index("reset")]
    assert "ended" == meanwhile[-1]
    assert "logged" not in meanwhile, "the classroom's leaves are not the scenario's"
    back = began + len(meanwhile)
    await desk.feed.grown(back + 1)
    assert ["reset", "logged"] == kinds(desk, back)
    assert 0 == await page.page.locator(".scene").count()
    assert (await ask(control, "send", note))["opened"] is True
    await page.until_title("Bob reads it")
