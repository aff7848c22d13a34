"""The lesson as a class plays it: the tour, five exercises, an arrangement that one built, and a file to take away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kits.page import Seen, ask, browser, window
from tiers.lab.classroom.desk import opened
from tiers.lab.page.control import Control, served
from tiers.lab.page.watched import WatchedDesk, watched
from tiers.lab.world.world import booted

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
STOPS = 13


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WatchedDesk]:
    root: Path = tmp_path_factory.mktemp("lesson") / "w"
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


def note(sender: str, to: str, channel: str, text: str) -> dict[str, str]:
    return {"sender": sender, "to": to, "channel": channel, "service": "bbm", "text": text}


async def served_on(control: Control, target: str) -> str:
    jti = str((await ask(control, "apply", {"target": target, "services": ["bbm"], "minutes": 1}))["jti"])
    await ask(control, "decide", {"jti": jti, "verb": "approval"})
    await ask(control, "serve", {"jti": jti})
    return jti


async def state(page: Seen, exercise: str) -> str | None:
    return str(await page.page.get_attribute(f'[data-exercise="{exercise}"]', "data-state"))


async def test_exercises_are_ticked_by_what_happens_and_count_points(page: Seen, control: Control) -> None:
    await page.look("exercises")
    wanted = ("first-message", "served", "exactly-one", "minute-after", "suspended")
    for name in wanted:
        await page.click(f"begin={name}")
        await page.page.locator(f'[data-exercise="{name}"][data-state="begun"]').wait_for()
    jti = await served_on(control, "alice")
    await ask(control, "send", note("alice", "bob", "consumer", "The only one that is read"))
    await ask(control, "turn", {"minutes": 1})
    await ask(control, "inspect", {"jti": jti})
    now = int((await ask(control, "turn", {"minutes": 1}))["now"])
    minute = now - now % 60_000
    await ask(control, "inspect", {"jti": jti, "start": minute, "until": minute + 60_000})
    await ask(control, "regulate", {"channel": "consumer", "service": "bbm", "suspend": True})
    refused = await ask(control, "send", note("alice", "bob", "consumer", "Nobody gets this"))
    assert "order.suspended" == refused["code"]
    await ask(control, "regulate", {"channel": "consumer", "service": "bbm", "suspend": False})
    for name in wanted:
        await page.page.locator(f'[data-exercise="{name}"][data-state="solved"]').wait_for()
    assert "50" == await page.page.get_attribute("[data-points]", "data-points")
    await page.key("Home")  # time travel undoes nothing
    assert "solved" == await state(page, "exactly-one")
    card = page.page.locator('[data-exercise="jose"]')
    for _ in range(3):
        await card.locator("[data-hint]").click()
    assert 3 == await card.locator(".hints li").count()
    rows = await ask(control, "exercises")
    assert set(wanted) == {row["id"] for row in rows if row["solved"]}


async def test_the_tour_goes_on_when_its_act_is_done(page: Seen, control: Control) -> None:
    await page.page.evaluate("location.hash = '#tour=0'")
    await page.page.locator('[data-tour="write"]').wait_for()
    await ask(control, "send", note("alice", "bob", "consumer", "For the tour"))
    await page.until_event("opened")
    await page.page.locator('[data-tour="write"][data-done="true"]').wait_for()
    await page.click("next-stop")
    await page.key("ArrowLeft")
    await page.page.locator('[data-tour="lock"][data-done="true"]').wait_for()
    await page.click("next-stop")
    await page.click("box=carrier")
    await page.page.locator('[data-tour="carrier"][data-done="true"]').wait_for()
    await page.click("next-stop")
    assert "false" == await page.page.get_attribute('[data-tour="relay"]', "data-done")
    await page.click("box=relay")
    await page.page.locator('[data-tour="relay"][data-done="true"]').wait_for()
    for _ in range(STOPS - 4):
        await page.click("next-stop")
    await page.page.locator('[data-tour="measure"]').wait_for()
    assert 0 == await page.page.locator("[data-next-stop]").count()


async def test_an_arrangement_that_one_builds_is_declared_at_once_and_measured(page: Seen) -> None:
    await page.look("arrange")
    row = page.page.locator('.built tr[data-row="auditor"]')
    await row.wait_for()
    await page.page.locator('[data-build="B.consumer"]').select_option("device")
    await page.page.locator('.built tr[data-row="auditor"][data-moved="true"]').wait_for()
    await page.page.locator("[data-moment]").fill("0")
    await page.page.locator('.built tr[data-row="auditor"][data-moved="false"]').wait_for()
    await page.page.locator("[data-moment]").fill("1")
    await page.click("attack=B")
    await page.page.locator("[data-measured]").wait_for(timeout=120_000)
    assert "0" == await page.page.get_attribute("[data-measured]", "data-measured")


async def test_a_saved_lesson_is_replayed_from_disk_by_one_vantage_point(control: Control, tmp_path: Path) -> None:
    await served_on(control, "bob")  # so that the public log has leaves
    await ask(control, "send", note("alice", "bob", "consumer", "A text for the operator alone"))
    for vantage, reads in (("operator", True), ("gateway", False)):
        file = tmp_path / f"{vantage}.html"
        file.write_text((await ask(control, "save", {"vantage": vantage}))["html"], encoding="utf-8")
        assert reads == ("A text for the operator alone" in file.read_text())
        async with browser() as chromium, window(chromium, file.as_uri()) as seen:
            await seen.key("End")
            assert vantage == await seen.page.get_attribute("[data-as]", "data-as")
            assert await seen.page.locator(".seeas select").is_disabled()
            await seen.look("log")
            await seen.page.locator("[data-check=ok]").nth(3).wait_for()
            assert 0 == await seen.page.locator("[data-check=bad]").count()
            assert [] == seen.complaints
            assert [] == [one for one in seen.strangers if not one.startswith("file:")]
