"""Every scenario goes as it is told, on real parties; one that is told wrongly fails."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tiers.lab.attack.vantages import BY_ID
from tiers.lab.classroom.desk import Note
from tiers.lab.page.feed import Feed
from tiers.lab.page.playing import play_on
from tiers.lab.scenarios import compare, load, load_all
from tiers.lab.scenarios.compare import Measured
from tiers.lab.scenarios.scenario import Act, Audience, Cells, Scenario, Stage, run
from tiers.lab.world import arrangement
from tiers.wire.custody import CUSTODIES
from tiers.wire.errors import Missing, Ours, Yours
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


# ---- custodies side by side ----


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    """Measure every arrangement once."""
    return {name: asyncio.run(compare.measure(arrangement.load(name))) for name in arrangement.names()}


def test_every_arrangement_is_as_its_file_declares(measured: dict[str, Measured]) -> None:
    assert {name: one.surprises() for name, one in measured.items()} == {name: [] for name in measured}


def test_a_reader_too_many_or_too_few_in_a_file_is_found(measured: dict[str, Measured]) -> None:
    one = measured["two-keys"]
    consumer = one.arrangement.declared.consumer
    for who_reads in ((*consumer.who_reads, "court"), consumer.who_reads[1:]):
        told = replace_consumer(one, who_reads)
        assert len(told.surprises()) == 1


def replace_consumer(one: Measured, who_reads: tuple[str, ...]) -> Measured:
    declared = one.arrangement.declared
    side = msgspec.structs.replace(declared.consumer, who_reads=who_reads)
    told = msgspec.structs.replace(one.arrangement, declared=msgspec.structs.replace(declared, consumer=side))
    return replace(one, arrangement=told)


def test_what_one_stolen_key_opens_is_what_custody_is_about(measured: dict[str, Measured]) -> None:
    def opens(name: str, vantage: str, channel: Channel = Channel.CONSUMER) -> tuple[int, int]:
        return measured[name].opens(vantage, channel)

    assert ((0, 6), (6, 6)) == (opens("india-2013", "handset-bob"), opens("india-2013", "carrier-keys"))
    assert ((6, 6), (6, 6)) == (opens("canada-2010", "handset-bob"), opens("canada-2010", "carrier-keys"))
    assert ((0, 6), (6, 6)) == (opens("two-keys", "carrier-keys"), opens("two-keys", "both-halves"))
    assert ((0, 6), (0, 6)) == (opens("all-the-way", "carrier-keys"), opens("all-the-way", "state"))
    enterprise = Channel.ENTERPRISE
    assert ((3, 3), (0, 3)) == (
        opens("india-2013", "customer", enterprise),
        opens("all-the-way", "customer", enterprise),
    )


def test_the_default_comes_first_and_every_custody_has_an_arrangement() -> None:
    where = {name: arrangement.first_with(name)[0].name for name in CUSTODIES}
    assert {
        "carrier": "india-2013", "global": "canada-2010", "split": "two-keys",
        "customer": "india-2013", "device": "all-the-way",
    } == where  # fmt: skip


@pytest.mark.parametrize("text", ["", "title = 1", 'title = "x"\nsays = "y"\njurisdiction = "IN"'])
def test_an_arrangement_that_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(Yours, match="arrangement.malformed"):
        arrangement.parse_arrangement("mine", text)
