"""The lesson as a class plays it: the tour, five exercises, an arrangement that one built, and a file to take away."""

import asyncio
import json
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kits.page import Seen, ask, window
from tiers.lab.page.control import Control
from tiers.wire.encoding import b64u

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
STOPS = 13


def note(sender: str, to: str, channel: str, text: str) -> dict[str, str]:
    return {"sender": sender, "to": to, "channel": channel, "service": "bbm", "text": text}


async def served_on(control: Control, target: str) -> str:
    await ask(control, "turn", {"minutes": 1})  # to the start of a minute
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


async def test_what_is_begun_can_begin_again_and_not_twice_at_once(page: Seen) -> None:
    await page.look("exercises")
    card, answered = page.page.locator('[data-exercise="lying-log"]'), asyncio.Event()

    async def late(route: Any) -> None:
        await answered.wait()
        await route.continue_()

    await page.page.route("**/api/start", late)
    await card.get_by_role("button", name="Begin", exact=True).click()
    await card.locator("[data-begin][disabled]").wait_for()
    answered.set()
    first = await card.locator(".given").text_content()
    await card.get_by_role("button", name="Begin again").click()
    given = """document.querySelector('[data-exercise="lying-log"] .given').textContent"""
    await page.until(f"{given} !== {json.dumps(first)}")


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


async def test_a_saved_lesson_is_replayed_from_disk_by_one_vantage_point(
    control: Control, chromium: Any, tmp_path: Path
) -> None:
    await served_on(control, "bob")  # so that the public log has leaves
    await ask(control, "send", note("alice", "bob", "consumer", "A text for the operator alone"))
    for vantage, reads in (("operator", True), ("gateway", False)):
        file = tmp_path / f"{vantage}.html"
        file.write_text((await ask(control, "save", {"vantage": vantage}))["html"], encoding="utf-8")
        assert reads == ("A text for the operator alone" in file.read_text())
        async with window(chromium, file.as_uri()) as seen:
            await seen.key("End")
            assert vantage == await seen.page.get_attribute("[data-as]", "data-as")
            assert await seen.page.locator(".seeas select").is_disabled()
            await seen.look("log")
            await seen.page.locator("[data-check=ok]").nth(3).wait_for()
            assert 0 == await seen.page.locator("[data-check=bad]").count()
            assert [] == seen.complaints
            assert [] == [one for one in seen.strangers if not one.startswith("file:")]


def opened_by_jose(folder: Path, jwe: str, key: str) -> str:
    """Open a JWE with Debian's `jose`, which has nothing of ours; returns the plaintext."""
    (folder / "jwe.json").write_text(jwe)
    (folder / "key.jwk").write_text(key)
    command = ["jose", "jwe", "dec", "-i", str(folder / "jwe.json"), "-k", str(folder / "key.jwk")]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


@pytest.mark.skipif(shutil.which("jose") is None, reason="jose is missing: apt-get install jose")
async def test_somebody_elses_tool_opens_what_the_exercise_hands_out(page: Seen, tmp_path: Path) -> None:
    await page.look("exercises")
    await page.click("begin=jose")
    card = page.page.locator('[data-exercise="jose"]')
    lines = (await card.locator(".given").inner_text()).splitlines()
    jwe, key = (line for line in lines if line.startswith("{"))
    await card.locator("textarea").fill("not these four words")
    await card.locator("[data-answer]").click()
    await card.get_by_text("Not yet.").wait_for()
    await card.locator("textarea").fill(opened_by_jose(tmp_path, jwe, key))
    await card.locator("[data-answer]").click()
    await page.page.locator('[data-exercise="jose"][data-state="solved"]').wait_for()


@pytest.mark.skipif(shutil.which("jose") is None, reason="jose is missing: apt-get install jose")
async def test_somebody_elses_tool_opens_an_envelope_of_the_page_with_a_key_of_its_matrix(
    page: Seen, control: Control, tmp_path: Path
) -> None:
    text = "Opened by another hand"
    mid = str((await ask(control, "send", note("alice", "bob", "consumer", text)))["mid"])
    await page.until_event("opened")
    await page.look("bytes")
    await page.click("change")
    envelope = await page.page.locator(".paste textarea").input_value()
    await ask(control, "measure", {"mid": mid})
    await page.until_event("measured")
    await page.look("matrix")
    await page.page.locator('tr[data-row="operator"] td:last-child [data-cell]').click()
    values = await page.page.locator("[data-derivation] .value").all_inner_texts()
    keys = [b64u(bytes.fromhex(one)) for one in values if re.fullmatch("[0-9a-f]{64}", one)]
    said = []
    for key in keys:
        with suppress(subprocess.CalledProcessError):
            said.append(opened_by_jose(tmp_path, envelope, json.dumps({"kty": "oct", "k": key, "alg": "A256GCMKW"})))
    assert [text] == said, "one of the keys wraps the content key"


async def test_a_planted_fault_is_found_in_the_matrix_that_is_handed_out(page: Seen, control: Control) -> None:
    await page.look("exercises")
    await page.click("begin=planted")
    given = await page.page.locator('[data-exercise="planted"] .given').inner_text(timeout=150_000)
    matrix = json.loads(Path(re.findall(r"/\S+\.json", given)[0]).read_text())
    wrong = {(one["vantage"], one["message"]) for one in matrix["agreement"]["disagreements"]}
    steps = [it for one in matrix["cells"] if (one["vantage"], one["message"]) in wrong for it in one["derivation"]]
    offsets = dict.fromkeys(offset for step in steps for offset in re.findall(r"offset (0x[0-9a-f]+)", step))
    assert not (await ask(control, "answer", {"exercise": "planted", "text": f"nobody {next(iter(offsets))}"}))[
        "solved"
    ]
    for party in ("carrier", "acme", "gateway"):  # which of them a reader sees from what was found where
        text = f"{party} {next(iter(offsets))}"
        if (await ask(control, "answer", {"exercise": "planted", "text": text}))["solved"]:
            break
    await page.page.locator('[data-exercise="planted"][data-state="solved"]').wait_for()
