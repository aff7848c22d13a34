"""Scenarios on the page, as a lecturer plays them: one act and two, back into an earlier act, and home again."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kits.page import Seen, ask
from tiers.lab.classroom.desk import Desk
from tiers.lab.matrix.policy import load_policy
from tiers.lab.page.control import Control
from tiers.lab.page.timeline import listed
from tiers.lab.page.watched import WatchedDesk
from tiers.lab.scenarios import load, load_all
from tiers.wire.message.envelope import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(loop_scope="module")
async def page(page: Seen, control: Control) -> AsyncIterator[Seen]:
    yield page
    await ask(control, "back")
    await ask(control, "reset")


async def play(page: Seen, name: str) -> None:
    await page.look("scenarios")
    await page.click(f"play={name}")
    await page.page.locator(f'.page[data-scene="{name}"]').wait_for()


async def test_with_stops_ticked_it_waits_before_it_says_who_wins_and_the_time_line_says_that_it_was_measured(
    page: Seen,
) -> None:
    await play(page, "london-2011")
    await page.until_event("ended", 60)
    await page.page.get_by_label("stops").check()
    await page.page.clock.install()
    await page.key("ArrowLeft", "ArrowLeft", " ")
    await page.until_read(page.page.locator('.caption[data-event="cells"]'))
    await page.page.get_by_role("button", name="Play (Space)").wait_for()
    assert "cells" == await page.kind(), "the room says who wins, before the page does"
    await page.look("scenarios")
    await page.page.locator('[data-column="london-2011.1"] .tick').wait_for()
    assert 1 == await page.page.locator("[data-column] .tick").count()


async def back_to(page: Seen, title: str) -> None:
    for _ in range(80):
        if await page.title() == title:
            return
        await page.key("ArrowLeft")
    pytest.fail(f"no such step: {title}")


async def test_the_time_line_has_what_happened_by_its_date_and_the_attacks_beside_it(page: Seen) -> None:
    await page.look("scenarios")
    await page.page.locator('[data-play="india-2013"]').wait_for()

    stops = await page.page.locator("[data-stop]").evaluate_all("all => all.map(one => one.dataset.stop)")
    plays = await page.page.locator("[data-play]").evaluate_all("all => all.map(one => one.dataset.play)")
    assert [one.name for one in load_all().values() if one.when] == stops
    assert list(load_all()) == plays


async def test_the_matrix_of_each_stop_stands_beside_the_next_and_what_moved_is_marked(page: Seen) -> None:
    await page.look("scenarios")
    await page.page.locator('[data-column="uk-2025.2"]').wait_for()
    heads = await page.page.locator("[data-column]").evaluate_all("all => all.map(one => one.dataset.column)")
    columns = [(f"{one['name']}.{it['act']}", it) for one in listed(load_all().values()) for it in one["matrices"]]
    assert [name for name, _ in columns] == heads

    for row in await page.page.locator(".beside tr[data-row]").all():
        who = await row.get_attribute("data-row")
        if who not in columns[0][1]["reads"]:
            continue  # a stop's own
        cells = await row.locator("td").evaluate_all("all => all.map(one => [one.className, one.dataset.moved])")
        told = [reads for _, matrix in columns for reads in matrix["reads"][who]]
        before = [*told[:2], *told[:-2]]
        moved = ["" if now == then else "opens" if now else "shuts" for now, then in zip(told, before, strict=True)]
        assert (who, told) == (who, [name.startswith("reads") for name, _ in cells])
        assert (who, moved) == (who, [how for _, how in cells])
    shown = await page.page.locator(".beside tr[data-row]").evaluate_all("all => all.map(one => one.dataset.row)")
    everybody = {name for name, row in load_policy().vantages.items() if not row.variant_of}
    readers = {who for who in everybody if any(any(matrix["reads"][who]) for _, matrix in columns)}
    assert readers == everybody & set(shown), "who reads at no stop is named below"
    said = await page.page.inner_text('[data-stop="uk-2025"]')
    assert "Reads now: A stolen master key (consumer)" in said
    await page.page.locator('[data-column="uk-2025.2"] a').click()
    assert "uk-2025" == await page.page.evaluate("document.activeElement.dataset.play")


async def test_india_plays_to_its_verdict_and_its_cells(page: Seen) -> None:
    told = load("india-2013")
    await play(page, "india-2013")
    await page.until_event("ended", 60)

    ending = await page.page.inner_text("[data-ending]")
    assert all(said in ending for said in (told.verdict, told.caught, told.unknown, *told.cited))
    table = await page.page.locator("[data-cells]").evaluate_all("all => all.map(one => one.dataset.cells)")
    assert {cells.vantage for cells in told.acts[0].cells} == set(table)
    assert "The board meets in the small room" in await page.page.inner_text('[data-cells="customer"]')

    await page.key("Home")
    assert "scene" == await page.kind()
    assert 0 == await page.page.locator(".letter").count()


async def test_an_earlier_act_is_seen_in_its_own_arrangement(page: Seen) -> None:
    await play(page, "canada-clemenza")
    await page.until_event("ended", 60)

    titles = list(load("canada-clemenza").told)
    await back_to(page, titles[-1])
    assert ["carrier", "for Mallory", "carrier", "for Bob"] == await locks(page)
    await page.see_as("other-employee")
    assert "sealed" == await page.page.locator(".peek [data-verdict]").get_attribute("data-verdict")

    await back_to(page, titles[1])
    assert ["one key", "for everybody"] == await locks(page)
    assert "1" == await page.page.locator("[data-act]").first.get_attribute("data-act")
    assert "reads" == await page.page.locator(".peek [data-verdict]").get_attribute("data-verdict")
    assert "declared" == await page.page.locator(".peek [data-source]").get_attribute("data-source")


async def test_a_regulators_order_and_the_gate_that_it_shuts_are_drawn(page: Seen) -> None:
    await play(page, "saudi-2010")
    await page.until_event("ended", 60)
    for _ in range(40):
        await page.key("ArrowLeft")
        if await page.kind() == "refused":
            break
    assert 1 == await page.page.locator('[data-box="regulator"]').count()
    assert "451" == await page.page.locator('[data-lane="consumer"] .gate text').text_content()
    assert "order.suspended" == await page.page.locator("[data-refusal]").get_attribute("data-refusal")


async def test_a_ghost_is_a_lit_party_and_a_rogue_is_drawn_as_one(page: Seen) -> None:
    await play(page, "ghost-recipient")
    await page.until_event("ended", 60)
    for _ in range(40):
        await page.key("ArrowLeft")
        if await page.page.locator('[data-box="ghost"].lit').count():
            break
    assert 1 == await page.page.locator('[data-box="ghost"].lit.rogue').count()
    assert 1 == await page.page.locator('[data-box="relay"].rogue').count()
    assert 1 == await page.page.locator(".now .hanging.stranger").count()


def kinds(desk: WatchedDesk, since: int) -> list[str]:
    return [json.loads(entry)["event"]["type"] for entry in desk.feed.since(since)]


async def locks(page: Seen) -> list[str]:
    return list(await page.page.locator(".now .hanging text").all_text_contents())


async def test_the_classroom_waits_and_is_as_it_was_when_the_scenario_has_gone(
    page: Seen, control: Control, desk: WatchedDesk
) -> None:
    note = {"sender": "alice", "to": "bob", "channel": "consumer", "service": "bbm", "text": "Before the scenario"}
    assert (await ask(control, "send", note))["opened"] is True
    await ask(control, "apply", {"target": "alice", "services": ["bbm"], "minutes": 1})
    await page.until_event("applied")
    await play(page, "canada-clemenza")
    began = len(desk.feed)

    assert "lab.scenario_on" == (await ask(control, "send", note))["code"]
    assert "lab.busy" == (await ask(control, "scenario", {"name": "athens"}))["code"]
    await page.look("lanes")
    assert 0 == await page.page.locator("[data-send]").count()
    await Desk.apply(desk, "bob", (Service.BBM,), 1)  # unseen: the classroom's court logs it meanwhile
    await page.click("back")  # while it plays
    await page.until_event("back", 60)

    meanwhile = kinds(desk, began)[: kinds(desk, began).index("back")]
    assert "ended" == meanwhile[-1]
    assert "logged" not in meanwhile, "the classroom's leaves are not the scenario's"
    assert "" == await page.page.get_attribute(".page", "data-scene")
    await page.page.locator(".bubble .text", has_text="Before the scenario").first.wait_for()
    await page.look("warrants")
    assert 1 == await page.page.locator('[data-warrant="alice"]').count()
    assert (await ask(control, "send", note | {"text": "And after it"}))["opened"] is True
    await page.until_event("opened")
