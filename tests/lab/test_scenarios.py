"""Every scenario goes as it is told, on real parties; one that is told wrongly fails."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tiers.lab.attack.vantages import BY_ID
from tiers.lab.classroom.desk import Note
from tiers.lab.page.feed import Feed
from tiers.lab.page.playing import play_on
from tiers.lab.scenarios import load, load_all
from tiers.lab.scenarios.scenario import Act, Audience, Cells, Scenario, Stage, run
from tiers.wire.errors import Missing, Ours
from tiers.wire.message.envelope import Channel, Service

pytestmark = pytest.mark.e2e
REPLAY = Path(__file__).parent / "page" / "replay.mjs"


@pytest.mark.parametrize("name", load_all())
async def test_a_scenario_goes_as_it_is_told_and_plays_on_the_page(name: str) -> None:
    told, feed = load(name), Feed(lambda: 0)
    result = await play_on(feed, told)

    assert result.cells
    assert [event["text"] for event in _events(feed, "told")].count("") == 0
    assert len(_events(feed, "told")) >= 3
    seen = await _replayed(feed)
    assert [title for title, text in seen["said"] if not (title and text)] == []
    assert ["Who wins, and why", told.verdict] == seen["said"][-1]
    assert [act.arrangement for act in told.acts] == seen["acts"]
    assert [list(cell) for cell in result.cells] == seen["cells"]
    assert [] == seen["wrong"]


async def test_a_scenario_that_fails_says_so_on_the_page() -> None:
    feed = Feed(lambda: 0)
    with pytest.raises(Ours, match="scenario.not_as_told"):
        await play_on(feed, Scenario("wrong", "Wrong", (Act(_claim, ()),), "Nobody."))

    title, text = (await _replayed(feed))["said"][-1]
    assert title == "The scenario did not go as told"
    assert "leaves in the log: 0 and not 1" in text


async def test_the_terminal_hears_every_sentence_of_the_same_play() -> None:
    steps: list[tuple[str, str]] = []
    result = await run(load("key-swap"), Audience(lambda title, text: steps.append((title, text))))

    assert result.cells
    titles = ["Two who have met", "Pinned: caught", "Two who have not", "Unpinned: it reads", "Bob finds out"]
    assert titles == [title for title, _text in steps]


def _events(feed: Feed, kind: str) -> list[dict[str, Any]]:
    return [one for one in (json.loads(entry)["event"] for entry in feed.since(0)) if one["type"] == kind]


async def _replayed(feed: Feed) -> Any:
    """Return what the page's own model makes of a log."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: install nodejs to run the page's model")
    running = await asyncio.create_subprocess_exec(node, str(REPLAY), stdin=PIPE, stdout=PIPE)
    out, _ = await running.communicate(f"[{','.join(feed.since(0))}]".encode())
    assert running.returncode == 0
    return json.loads(out)


def test_every_scenario_says_who_wins_and_on_whose_word() -> None:
    told = load_all().values()
    assert [scenario.name for scenario in told if not (scenario.title and scenario.verdict and scenario.cited)] == []
    assert [scenario.name for scenario in told if not scenario.when and not scenario.caught] == []
    assert [scenario.name for scenario in told if bool(scenario.when) != bool(scenario.asked and scenario.got)] == []
    for act in (act for scenario in told for act in scenario.acts):
        assert {cells.vantage for cells in act.cells} <= {*BY_ID, *(vantage.id for vantage in act.vantages)}
    with pytest.raises(Missing, match="scenario.unknown"):
        load("atlantis")


async def _send(stage: Stage) -> None:
    await stage.send("bbm", Note("alice", "bob", Channel.CONSUMER, Service.BBM, "A text that stands nowhere else"))


async def _claim(stage: Stage) -> None:
    stage.check("leaves in the log", await stage.log_size(), 1)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (Act(_send, (Cells("gateway", reads=("bbm",)),)), "gateway, bbm: 'sealed' and not 'reads'"),
        (Act(_send, (Cells("carrier-keys", sealed=("bbm",)),)), "carrier-keys, bbm: 'reads' and not 'sealed'"),
        (Act(_claim, ()), "leaves in the log: 0 and not 1"),
    ],
    ids=["reads", "sealed", "step"],
)
async def test_a_scenario_that_is_told_wrongly_fails(act: Act, why: str) -> None:
    with pytest.raises(Ours, match="scenario.not_as_told") as caught:
        await run(Scenario("wrong", "", (act,), ""), Audience(lambda _title, _text: None))
    assert why in caught.value.detail


async def test_the_scenario_of_the_page_about_them_plays_as_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    python, toml = (page.split(f"```{kind}\n")[1].partition("```")[0] for kind in ("python", "toml"))
    (tmp_path / "mine.toml").write_text(toml, encoding="utf-8")
    monkeypatch.setattr("tiers.lab.scenarios.scenario.files", lambda _package: tmp_path)
    made: dict[str, Any] = {"__name__": "somebodys.mine"}
    exec(python, made)
    found = await run(made["SCENARIO"], Audience(lambda _title, _text: None))
    assert found.cells == ((1, "gateway", "key", "sealed"),)
