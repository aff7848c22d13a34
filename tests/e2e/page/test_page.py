"""The glass box, as a lecturer uses it: a real browser on a real world, the whole story by mouse and keyboard."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from kits.page import BEAMER, LAPTOP, PHONE, TWICE, Seen, ask, invited, window
from tiers.lab.classroom.desk import Note
from tiers.lab.page import server
from tiers.lab.page.control import Control
from tiers.lab.page.door import POLICY
from tiers.lab.page.events import Accepted, Judged, Opened, Stored, Written
from tiers.lab.page.watched import WatchedDesk
from tiers.lab.world.cast import PARTIES
from tiers.wire.errors import TiersError
from tiers.wire.message.envelope import Channel, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

BBM = "Meet me under the station clock at seven"
MAIL = "Our offer is nine million, in writing on Monday"
MANY, FRAMES = 500, 300
SENT = (
    Note("alice", "bob", Channel.CONSUMER, Service.BBM, BBM),
    Note("priya", "quentin", Channel.ENTERPRISE, Service.EMAIL, MAIL, "Offer"),
)
LANES = (
    Note("alice", "bob", Channel.CONSUMER, Service.BBM, "ping"),
    Note("priya", "quentin", Channel.ENTERPRISE, Service.BBM, "pong"),
)


@pytest_asyncio.fixture(loop_scope="module")
async def lesson(desk: WatchedDesk, control: Control) -> None:
    """A lesson that has just begun, with a message on each lane: whatever another test has left.

    It begins at the start of a minute: a warrant's first must not end by chance before the test asks for that.
    """
    desk.world.clock.turn(1)
    await ask(control, "reset")
    for note in SENT:
        await desk.send(note)
        await desk.received(note.to)


@pytest_asyncio.fixture(loop_scope="module")
async def page(lesson: None, page: Seen) -> Seen:
    return page


async def write(page: Seen, owner: str, text: str, **choices: str) -> None:
    handset = page.page.locator(f'[data-handset="{owner}"]')
    for label, value in choices.items():
        if label != "subject":
            await handset.get_by_label(label, exact=True).select_option(value)
    if "subject" in choices:
        await handset.get_by_label("Subject").fill(choices["subject"])
    await handset.get_by_label("Message", exact=True).fill(text)
    await handset.locator("[data-send]").click()


async def test_the_page_is_drawn_with_less_than_a_second_of_work(control: Control, chromium: Any) -> None:
    async with window(chromium, control.page) as seen:
        cdp = await clocked(seen)
        before = await busy(cdp)
        await seen.page.reload()
        await seen.page.locator('[data-box="carrier"]').wait_for()
        work = await busy(cdp) - before
        assert "/" == await seen.page.evaluate("location.pathname")  # the token is gone from the address
        assert [] == seen.complaints
    print(f"\ndrawn with {work:.2f} s of work")  # noqa: T201 - the figure is the finding
    assert 0 < work < 1


async def test_a_message_on_each_lane_is_written_on_the_page_and_seen_to_pass(page: Seen) -> None:
    before = int(str(await page.page.get_attribute(".where", "data-steps")))
    await write(page, "alice", BBM)
    await page.page.locator(f".where[data-steps='{before + 3}']").wait_for()
    await write(page, "priya", MAIL, Kind="email", subject="Offer")
    await page.page.locator(f".where[data-steps='{before + 6}']").wait_for()
    await page.until_event("opened")

    steps = [await page.kind()]
    for _ in range(2):
        await page.key("ArrowLeft")
        steps.append(await page.kind())
    assert ["opened", "stored", "written"] == steps
    assert ["Quentin’s", "device", "Acme’s", "key server"] == await page.page.locator(
        ".now .hanging text"
    ).all_text_contents()


async def test_sealed_in_transit_an_envelope_is_tinted_only_in_the_hands_of_who_reads_it(page: Seen) -> None:
    await page.until_event("opened")
    assert 1 == await page.page.locator(".now .letter.readable").count()
    await page.key("ArrowLeft")
    assert [0, 1] == [await page.page.locator(f".now .letter.{kind}").count() for kind in ("readable", "sealed")]


async def test_whoever_opens_the_page_stands_in_the_present_and_sees_what_comes(
    page: Seen, control: Control, chromium: Any
) -> None:
    async with window(chromium, await invited(control)) as other:
        before = int(str(await other.page.get_attribute(".where", "data-steps")))
        assert str(before - 1) == await other.page.get_attribute(".where", "data-step")
        await other.page.clock.install()
        await write(page, "alice", BBM)
        await other.until_read(other.page.locator(f".where[data-step='{before + 2}']"))
        assert "opened" == await other.kind()
        assert [] == other.complaints
    await write(page, "priya", MAIL, Kind="email", subject="Offer")
    await page.page.locator(f".where[data-steps='{before + 6}']").wait_for()


async def test_eight_tabs_of_one_browser_draw_and_act(control: Control, chromium: Any) -> None:
    async with window(chromium, await invited(control)) as first:
        tabs = [first.page, *[await first.page.context.new_page() for _ in range(7)]]
        for tab in tabs[1:]:
            await tab.goto(origin(control))
        for tab in tabs:
            await tab.locator('[data-box="carrier"]').wait_for()
        await first.page.clock.install()  # in every tab
        await write(Seen(tabs[-1]), "alice", "From the eighth tab")
        for tab in tabs:
            await Seen(tab).until_read(tab.get_by_text("From the eighth tab").first)


async def test_a_browser_that_is_not_let_in_any_more_says_what_to_do(control: Control, chromium: Any) -> None:
    async with window(chromium, await invited(control)) as seen:
        lines: list[Any] = []

        def through(line: Any) -> None:
            lines.append(line)
            line.connect_to_server()

        await seen.page.route_web_socket("**/feed*", through)
        await seen.page.reload()
        await seen.page.locator('[data-box="carrier"]').wait_for()
        await seen.page.context.clear_cookies()
        await lines[0].close()
        await seen.page.locator('[data-connected="lost"]').wait_for()
        assert any("401" in one for one in seen.complaints)
        assert "tiers page" in await seen.page.inner_text('[data-connected="lost"]')


async def test_each_vantage_point_shows_what_it_holds_and_nothing_else(page: Seen) -> None:
    await page.until_event("opened")
    for vantage, bbm, mail in [
        ("all", True, True),
        ("gateway", False, False),
        ("operator", True, False),
        ("state", True, False),
        ("court", False, False),
        ("customer", False, True),
        ("other-customer", False, False),
    ]:
        await page.see_as(vantage)
        shown = ""
        for view in ("lanes", "bytes", "warrants", "log", "matrix"):
            await page.look(view)
            shown += await page.text()
        assert (vantage, bbm, mail) == (vantage, BBM in shown, MAIL in shown)


async def test_keys_choose_the_vantage_point_and_the_step(page: Seen) -> None:
    await page.until_event("opened")
    await page.key("2")
    await page.page.locator('[data-peek="gateway"]').wait_for()
    await page.key("0", "Home")
    assert "reset" == await page.kind()
    await page.key("ArrowRight", "ArrowRight", "ArrowLeft")
    assert "written" == await page.kind()
    await page.key("?")
    await page.page.get_by_role("dialog").wait_for()
    await page.key("Escape")
    await page.page.get_by_role("dialog").wait_for(state="hidden")
    await page.key("m")
    await page.page.locator('[data-view="matrix"] table').wait_for()


async def test_a_region_that_scrolls_keeps_its_keys_and_letters_can_be_switched_off(
    page: Seen, desk: WatchedDesk
) -> None:
    await page.page.set_viewport_size({"width": 360, "height": 500})
    for note in LANES * 2:  # as many columns as do not fit
        await desk.send(note)
        await desk.received(note.to)
    await page.until_event("opened")
    await page.key("m")
    step = await page.page.get_attribute(".where", "data-step")
    await page.page.locator(".matrix .scroll").focus()
    await page.key("ArrowRight", "ArrowLeft", "Home")
    assert step == await page.page.get_attribute(".where", "data-step")
    await page.page.locator("main").focus()
    await page.key("?")
    await page.page.locator("dialog .switch input").uncheck()
    await page.key("Escape", "l")
    assert "matrix" == await page.page.get_attribute(".page", "data-view")


async def test_a_setting_that_does_not_read_draws_the_page_all_the_same(control: Control, chromium: Any) -> None:
    async with window(chromium, await invited(control)) as seen:
        for kept in ("{", "null", "[1]", '{"theme":7,"speed":"x","presenter":"yes"}', '{"theme":"<b>","speed":99}'):
            await seen.page.evaluate("kept => localStorage.setItem('tiers.shown', kept)", kept)
            await seen.page.reload()
            await seen.page.locator('[data-box="carrier"]').wait_for()
        assert [] == seen.complaints


async def test_a_link_leads_to_the_same_place_and_carries_no_content(
    page: Seen, control: Control, chromium: Any
) -> None:
    await page.key("Home", "ArrowRight", "ArrowRight", "3")
    await page.until("location.hash.includes('as=operator')")
    link = await page.page.evaluate("location.hash")
    assert "#at=reset.2&as=operator" == link

    async with window(chromium, await invited(control)) as other:
        await other.page.evaluate("hash => { location.hash = hash }", link)
        await other.page.locator('.caption[data-event="stored"]').wait_for()
        await other.page.locator('[data-peek="operator"]').wait_for()


async def test_a_warrant_by_mouse_from_the_application_to_the_minute_after(page: Seen) -> None:
    await warrant_on(page, "alice")
    assert 1 == await page.page.locator('[data-warrant="alice"][data-status="copying"]').count()

    await page.look("lanes")
    await write(page, "alice", "The parcel is with the porter")
    await page.until_event("opened")
    await page.key("ArrowLeft")
    assert "copied" == await page.kind()

    await page.key("End")
    await page.look("warrants")
    await page.click("act=wait")
    await page.until_event("turned")
    await page.click("act=inspect")
    await page.until_event("inspected")
    assert "The parcel is with the porter" in await page.page.inner_text(".findings")
    await page.look("lanes")
    assert ("1", "1") == tuple(
        [await page.page.get_attribute(".copies", f"data-{what}") for what in ("copies", "open")]
    )
    assert 0 == await page.page.locator(".now .letter").count(), "the copies are on stage, not the last message"
    await page.look("warrants")
    await page.click("act=after")
    await page.page.locator("[data-refusal]").wait_for()
    assert str(await page.page.get_attribute("[data-refusal]", "data-refusal")).startswith("grant.")
    await page.until_event("inspected")
    await page.look("lanes")
    assert "1 read, 0 sealed" == await page.page.text_content('[data-box="auditor"] .note'), "one message, asked twice"


async def warrant_on(page: Seen, target: str) -> None:
    await page.key("End")
    await page.look("warrants")
    await page.page.locator('select[name="target"]').select_option(target)
    for act, event in (("apply", "applied"), ("approve", "decided"), ("serve", "served")):
        await page.click(f"act={act}")
        await page.until_event(event)


async def test_a_warrant_on_an_enterprise_target_brings_metadata_and_sealed_envelopes(page: Seen) -> None:
    await warrant_on(page, "priya")
    assert 1 == await page.page.locator('[data-hint="enterprise"]').count()
    await page.look("lanes")
    await write(page, "priya", "Nobody but Acme will read this")
    await page.until_event("opened")
    await page.look("warrants")
    await page.click("act=wait")
    await page.until_event("turned")
    await page.click("act=inspect")
    await page.until_event("inspected")
    row = page.page.locator('[data-warrant="priya"] [data-finding]')
    assert 1 == await row.count()
    assert "sealed" == await row.get_attribute("data-finding")
    assert "no recipient of this JWE is held by the carrier" in await row.inner_text()


async def test_whoever_sees_no_warrant_is_told_so(page: Seen) -> None:
    await page.key("End")
    await page.look("warrants")
    await page.see_as("ledger")
    assert 1 == await page.page.locator('[data-standing="unknown"]').count()


async def test_the_proof_of_a_leaf_is_checked_in_the_browser_and_an_altered_leaf_fails(
    page: Seen, control: Control
) -> None:
    for _ in range(2):
        await ask(control, "apply", {"target": "ravi", "services": ["bbm"], "minutes": 1})
    await page.until_event("applied")
    await page.look("log")
    await page.click("leaf=1")
    await page.page.locator(".proof [data-check=ok]").nth(3).wait_for()
    assert 4 == await page.page.locator(".proof [data-check]").count()
    await page.click("alter")
    await page.page.locator(".proof [data-check=bad]").nth(1).wait_for()
    assert [2, 2] == [await page.page.locator(f".proof [data-check={kind}]").count() for kind in ("ok", "bad")]


async def test_the_bytes_of_an_envelope_are_explained_and_a_member_lights_its_bytes(page: Seen) -> None:
    await page.key("End")
    await page.look("bytes")
    await page.page.locator('[data-bytes="shown"]').wait_for()
    await page.click("member=from")
    lit = "".join(await page.page.locator(".hexdump .hex .lit").all_inner_texts())
    assert bytes.fromhex(lit).decode().startswith('"from":"')
    assert 0 == await page.page.locator(".verify [data-check=bad]").count()


async def test_somebodys_own_envelope_is_inspected_and_what_is_wrong_with_it_named(
    page: Seen, desk: WatchedDesk
) -> None:
    raw = next(one for one in desk.feed.since(0) if '"type":"accepted"' in one)
    envelope = json.loads(raw)["event"]["envelope"]
    await page.look("bytes")
    await page.page.locator("[data-which]").select_option("-own")
    paste = page.page.locator(".paste textarea")
    await paste.fill("{}")
    await page.page.locator('[data-bytes="wrong"]').wait_for()
    await paste.fill(envelope.replace('"ciphertext":', '"ciphertext": '))
    await page.page.locator(".verify [data-check=bad]").wait_for()
    await paste.fill(envelope)
    await page.page.locator(".verify [data-check=bad]").wait_for(state="detached")


async def test_what_others_wrote_is_shown_whole_and_turns_nothing_around(page: Seen, control: Control) -> None:
    text = "first\n\nsecond \u202eLLIB"
    note = {
        "sender": "alice",
        "to": "bob",
        "channel": "consumer",
        "service": "email",
        "text": text,
        "subject": "S\u202ex",
    }
    assert (await ask(control, "send", note))["opened"] is True
    await page.until_event("opened")
    shown = page.page.locator(".peek p.plain")
    assert "first" in await shown.inner_text()
    assert "second" in await shown.inner_text()
    assert ["⟨U+202E⟩", "⟨U+202E⟩"] == await shown.locator(".control").all_inner_texts()
    assert "\u202e" not in await page.page.evaluate("document.body.textContent")


async def test_the_story_the_attack_and_a_cell_with_its_derivation_any_number_of_times(
    page: Seen, control: Control, desk: WatchedDesk
) -> None:
    await ask(control, "reset")
    await ask(control, "story")
    await page.look("matrix")
    await page.key("End")
    await page.click("act=measure")
    await page.page.locator('[data-agrees="true"]').wait_for(timeout=60_000)
    await page.until_event("measured")
    rows = page.page.locator(".matrix tbody tr[data-row]")
    folded = await rows.count()
    for row in ("gateway", "auditor", "customer", "receiver"):
        await page.click(f"fold={row}")
    assert (14, 22) == (folded, await rows.count())

    row = page.page.locator('tr[data-row="operator"] [data-verdict]')
    told = await row.evaluate_all("all => all.map(one => one.dataset.verdict)")
    assert ["reads"] * 4 + ["sealed"] * 3 + ["reads"] * 2 == told
    await page.click("cell=bbm.operator")
    derivation = page.page.locator("[data-derivation]")
    assert "the carrier's master" in await derivation.inner_text()
    assert "reads reads" == await derivation.locator("[data-three]").get_attribute("data-three")
    assert "Bring the blue folder" in await derivation.inner_text()
    key = await derivation.locator(".steps").first.locator(".value").all_inner_texts()
    await page.click("see-bytes")
    await page.page.locator('.openwith input[name="key"]').fill([one for one in key if len(one) == 64][-1])
    await page.click("open")
    await page.page.locator("[data-opened]", has_text="Bring the blue folder").wait_for()

    note = {
        "sender": "mallory",
        "to": "bob",
        "channel": "consumer",
        "service": "bbm",
        "text": "A student wrote this one",
    }
    await ask(control, "send", note)
    assert {} == await ask(control, "measure")
    found = next(one for one in map(json.loads, reversed(desk.feed.since(0))) if one["event"]["type"] == "measured")
    assert [] == [one for one in found["event"]["cells"] if one["content"] not in {"unmeasured", one["declared"]}]
    await page.until_event("measured")
    await page.look("matrix")
    agreed = page.page.locator("[data-agrees]")
    assert ("true", "as declared") == (await agreed.get_attribute("data-agrees"), (await agreed.inner_text())[-12:-1])
    assert 10 == await page.page.locator("[data-column]").count()


async def test_the_question_hides_its_answer_everywhere_and_the_attack_answers(page: Seen, control: Control) -> None:
    note = {
        "sender": "priya",
        "to": "quentin",
        "channel": "enterprise",
        "service": "bbm",
        "text": "Who reads this, then?",
    }
    await ask(control, "send", note)
    await page.until_event("opened")
    await page.look("lanes")
    await page.click("ask")
    await page.page.locator('[data-question="asked"]').wait_for()
    for view in ("lanes", "bytes", "matrix", "warrants"):
        await page.look(view)
        if view == "matrix":
            assert 0 == await page.page.locator("tr[data-row='customer'] td:last-child [data-verdict]").count()
        if view == "bytes":
            assert 1 == await page.page.locator("[data-bytes='none']").count()
    await page.look("lanes")
    assert [0, 0, 0] == [
        await page.page.locator(f".stage {what}").count()
        for what in (".box.lit", ".now .hanging", ".letter.now.sealed")
    ]
    assert await page.page.locator(".seeas select").is_disabled()
    tree = json.dumps(await accessible(page))
    assert "no key of its own fits" not in tree
    assert "Quentin’s device" not in tree
    for who in ("gateway", "receiver", "sender"):
        await page.click(f"guess={who}")
    await page.click("commit")
    await page.page.locator('[data-question="answered"]').wait_for(timeout=60_000)
    assert ("9", "11") == tuple([await page.page.get_attribute(".score", f"data-{what}") for what in ("right", "of")])
    assert {"gateway", "customer"} == set(
        await page.page.locator("[data-missed]").evaluate_all("all => all.map(one => one.dataset.missed)")
    )
    await page.click("go-on")


async def accessible(page: Seen) -> list[dict[str, Any]]:
    """Return Chromium's accessibility tree: the role and name of everything that is not ignored."""
    cdp = await page.page.context.new_cdp_session(page.page)
    await cdp.send("Accessibility.enable")
    nodes = (await cdp.send("Accessibility.getFullAXTree"))["nodes"]
    return [
        {"role": one["role"]["value"], "name": one.get("name", {}).get("value", "")}
        for one in nodes
        if not one["ignored"] and "role" in one
    ]


async def test_a_screen_reader_finds_parties_by_name_and_state_and_a_heading_in_every_view(page: Seen) -> None:
    await page.until_event("opened")
    for view in VIEWS:
        await page.look(view)
        headings = [one["name"] for one in await accessible(page) if one["role"] == "heading"]
        assert (view, True) == (view, len(headings) > 1)
    await page.look("lanes")
    buttons = [one["name"] for one in await accessible(page) if one["role"] == "button"]
    relay = next(one for one in buttons if one.startswith("Relay"))
    assert "no key of its own fits" in relay
    assert "See as" in relay
    options = await page.page.locator(".seeas option").all_inner_texts()
    assert len(options) == len(set(options))


VIEWS = ("lanes", "bytes", "warrants", "log", "matrix", "scenarios", "exercises", "arrange")
READY = {"scenarios": ".beside td.moved", "exercises": "[data-exercise]", "arrange": ".built .verdict"}
"""What a view shows once the lab has answered."""


async def through_every_view(page: Seen) -> AsyncIterator[str]:
    """Look at every view, with all that it shows, and then at a question that stands."""
    await page.key("End")
    for view in VIEWS:
        await page.look(view)
        if view in READY:
            await page.page.locator(READY[view]).first.wait_for()
        yield view
    await page.look("lanes")
    await page.click("ask")
    await page.page.locator('[data-question="asked"]').wait_for()
    yield "question"


async def not_too_wide(page: Seen, view: str) -> None:
    wide = await page.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert (view, True) == (view, wide <= 0)


SERIOUS = {"resultTypes": ["violations"]}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What alone can differ by night: nothing but colours does."""


@pytest.mark.usefixtures("lesson")
@pytest.mark.parametrize("size", [LAPTOP, BEAMER, PHONE, TWICE], ids=["laptop", "beamer", "phone", "200 %"])
async def test_axe_finds_nothing_serious_by_day_and_by_night_and_nothing_is_too_wide(
    control: Control, chromium: Any, size: dict[str, int]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is missing").Axe()
    scaled = {"bypass_csp": True, "device_scale_factor": 2 if size is TWICE else 1}
    async with window(chromium, await invited(control), size, **scaled) as seen:
        async for view in through_every_view(seen):
            await not_too_wide(seen, view)
            for scheme, options in (("light", {}), ("dark", COLOURS)):
                await seen.page.emulate_media(color_scheme=scheme)
                found = (await axe.run(seen.page, options=SERIOUS | options)).response["violations"]
                serious = [
                    (one["id"], [node["target"] for node in one["nodes"][:3]])
                    for one in found
                    if one["impact"] in {"serious", "critical"}
                ]
                assert (view, scheme, []) == (view, scheme, serious)


@pytest.mark.usefixtures("lesson")
@pytest.mark.parametrize("size", [(360, 740), (768, 1024), (3840, 2160)])
async def test_no_screen_is_too_small_or_too_large(control: Control, chromium: Any, size: tuple[int, int]) -> None:
    async with window(chromium, await invited(control), {"width": size[0], "height": size[1]}) as seen:
        async for view in through_every_view(seen):
            await not_too_wide(seen, view)


async def test_everything_can_be_reached_by_keyboard(page: Seen) -> None:
    for _ in range(60):
        await page.key("Tab")
        outline = await page.page.evaluate("""() => {
          const at = document.activeElement;
          if (at === document.body) return "body";
          const style = getComputedStyle(at);
          const body = at.querySelector?.(":scope > .body");
          return body ? getComputedStyle(body).strokeWidth : style.outlineStyle + style.outlineWidth;
        }""")
        assert outline in {"solid3px", "4px", "body"}


async def test_reset_is_the_presenters_and_is_asked_for(page: Seen) -> None:
    await page.key("End")
    assert 0 == await page.page.get_by_role("button", name="Reset").count()
    await page.key("p")
    await page.page.get_by_role("button", name="Reset").click()
    assert "reset" != await page.kind(), "it asks first"
    await page.click("yes")
    await page.page.locator('.caption[data-event="reset"]').wait_for()
    assert 0 == await page.page.locator(".letter").count()
    await page.page.locator("[data-story]").wait_for()
    await page.key("p")


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Transport]:
    """The connections by which pages that are opened from now on hear the event log."""
    made: list[asyncio.Transport] = []

    class Noted(web.WebSocketResponse):
        async def prepare(self, request: web.BaseRequest) -> Any:
            assert request.transport is not None
            made.append(request.transport)
            return await super().prepare(request)

    monkeypatch.setattr(server.web, "WebSocketResponse", Noted)
    return made


async def test_a_broken_connection_goes_on_where_it_was(
    feeds: list[asyncio.Transport], page: Seen, desk: WatchedDesk
) -> None:
    await page.page.clock.install()
    (feed,) = feeds
    feed.abort()
    desk.tell("Told meanwhile", "While the page was away.")
    await page.until_read(page.page.locator(".caption .title", has_text="Told meanwhile"))
    assert len(feeds) > 1


async def test_five_hundred_messages_scrub_smoothly(desk: WatchedDesk, control: Control, chromium: Any) -> None:
    before = len(desk.feed)
    for note in LANES:
        await desk.send(note)
        await desk.received(note.to)
    again = [json.loads(one)["event"] for one in desk.feed.since(before) if '"type":"logged"' not in one]
    for n in range(MANY // 2 - 1):  # what happened, over and over, under other names
        for event in again:
            renamed = {"mid": f"{event.get('mid', '')[:-4]}{n:04x}"} if "mid" in event else {}
            renamed |= {"key": f"{event['key']}-{n}"} if "key" in event else {}
            desk.feed.append(msgspec.convert(event | renamed, Written | Accepted | Judged | Stored | Opened))
    async with window(chromium, await invited(control), reduced_motion="no-preference") as seen:
        await seen.until(f"Number(document.querySelector('.track input').max) >= {MANY * 3}")
        cdp = await clocked(seen)
        before = await busy(cdp)
        frames = await seen.page.evaluate(
            """async () => {
          const slider = document.querySelector(".track input");
          const times = [];
          for (let at = 0, last = performance.now(); at < FRAMES; at += 1) {
            slider.value = Math.round(((Math.sin(at / 20) + 1) / 2) * slider.max);
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - last);
            last = performance.now();
          }
          return times;
        }""".replace("FRAMES", str(FRAMES))
        )
        work = 1000 * (await busy(cdp) - before) / FRAMES
        assert [] == seen.complaints
    rate = 1000 * len(frames) / sum(frames)
    print(f"\nscrubbing {MANY} messages: {rate:.0f} frames/s, {work:.1f} ms of work a frame")  # noqa: T201 - the figure, for whoever runs it
    assert work < 1000 / 60


async def clocked(page: Seen) -> Any:
    """Have Chromium count how long the page's thread works."""
    cdp = await page.page.context.new_cdp_session(page.page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    return cdp


async def busy(cdp: Any) -> float:
    """Return the seconds that the page's thread has worked: others on the same machine do not count."""
    found = await cdp.send("Performance.getMetrics")
    return float(next(one["value"] for one in found["metrics"] if one["name"] == "TaskDuration"))


async def test_the_door_is_shut_to_everybody_else(control: Control) -> None:
    async with aiohttp.ClientSession() as http:
        own = control.page.split("/")[2]
        headers = {"Host": own, "Origin": f"http://{own}"}
        form = {"token": control.page.partition("token=")[2]}
        for _ in range(2):  # the second time at the latest it is spent
            used = await http.post(f"{control.url}/enter", data=form, headers=headers, allow_redirects=False)
        naked = [
            await http.get(f"{control.url}{path}", headers={"Host": own})
            for path in ("/", "/feed", "/static/main.js", "/healthz")
        ]
        rebound = await http.get(f"{control.url}/", headers={"Host": "evil.example"})
        guessed = await http.post(f"{control.url}/api/story", headers={"Authorization": "Bearer x"})
        await asyncio.gather(*(one.read() for one in (used, *naked, rebound, guessed)))
    assert [401, 401, 401, 401, 401] == [used.status, *(one.status for one in naked)]
    assert (403, 401) == (rebound.status, guessed.status)
    for one in (used, *naked, rebound, guessed):
        assert POLICY == one.headers["Content-Security-Policy"]


async def test_whoever_is_in_and_goes_back_is_in(page: Seen) -> None:
    await page.page.go_back()
    await page.page.locator(".stage svg").wait_for()


async def test_files_are_the_packages_and_no_others(control: Control) -> None:
    headers = {"Authorization": f"Bearer {control.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        page = await http.get(f"{control.url}/")
        module = await http.get(f"{control.url}/static/main.js")
        outside = [
            await http.get(f"{control.url}/static/{path}")
            for path in ("../server.py", "%2e%2e/server.py", "vendor", "nothing.js")
        ]
        await asyncio.gather(*(one.read() for one in (page, module, *outside)))
    assert ("text/html", "text/javascript") == (page.content_type, module.content_type)
    assert [404] * 4 == [one.status for one in outside]


async def test_no_party_has_such_a_door(desk: WatchedDesk) -> None:
    for one in PARTIES:
        for path in ("/feed", "/static/main.js", "/api/story"):
            with pytest.raises(TiersError, match="request.unknown"):
                await desk.as_(one.identity).peer(one.name).ask_raw("GET", path)


async def test_nothing_is_missed_by_a_reader_that_comes_back(control: Control, desk: WatchedDesk) -> None:
    headers = {"Authorization": f"Bearer {control.token}"}
    have = f"{desk.feed.run}:{len(desk.feed) - 3}"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{control.url}/feed?from={have}") as feed,
        asyncio.timeout(5),
    ):
        found = await feed.receive_json()
    assert (desk.feed.run, True) == (found["run"], found["present"])
    assert [len(desk.feed) - 2, len(desk.feed) - 1] == [one["n"] for one in found["entries"]]


async def test_an_error_is_a_page_for_people(control: Control) -> None:
    async with aiohttp.ClientSession(headers={"Accept": "text/html"}) as http:
        stranger = await http.get(control.url, headers={"Host": origin(control).removeprefix("http://")})
        assert ("text/html", 401) == (stranger.content_type, stranger.status)
        assert "tiers page" in await stranger.text()


def origin(control: Control) -> str:
    """Return where the page itself is."""
    return control.page.partition("/enter")[0]
