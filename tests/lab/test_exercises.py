"""Every exercise fails on an empty log, passes on its recorded solution, and fails on that of a near miss."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tiers.lab.exercises import ALL, load
from tiers.lab.exercises.exercise import Event, Given, Work
from tiers.lab.page.board import Board
from tiers.lab.page.events import Written
from tiers.lab.page.feed import Feed
from tiers.lab.world import arrangement
from tiers.wire.errors import Missing

FEW = 15
ENVELOPE = (
    (Path(__file__).parents[2] / "docs" / "spec" / "envelope.md").read_text().split("```envelope\n")[1].split("\n")[0]
)
WINDOW = {"from": 600_000, "until": 660_000}


def written(key: str, sender: str, to: str, channel: str) -> list[Event]:
    """Write down a message that was sent and opened."""
    note = {"type": "written", "key": key, "from": sender, "to": to, "channel": channel, "service": "bbm"}
    accepted = {"type": "accepted", "key": key, "mid": f"mid-{key}", "envelope": ENVELOPE}
    return [note, accepted, {"type": "opened", "mid": f"mid-{key}", "by": to, "unreadable": None}]


def judged(key: str, **cells: str) -> Event:
    return {
        "type": "judged",
        "mid": f"mid-{key}",
        "measured": False,
        "cells": {k: f"{v} all x" for k, v in cells.items()},
    }


def inspected(found: list[tuple[str, str | None]], start: int = 600_000, refused: str | None = None) -> Event:
    lanes = {"e": "enterprise"}
    findings = [{"mid": mid, "channel": lanes.get(mid, "consumer"), "content": content} for mid, content in found]
    inspection = {"findings": findings, "grant_refused": refused, "third_parties": ["2100000b", "2100000c"]}
    return {"type": "inspected", "jti": "w", "start": start, "until": start + 60_000, "inspection": inspection}


def refusal(act: str, code: str, about: str = "m") -> Event:
    return {"type": "refused", "by": "relay", "act": act, "about": about, "code": code, "detail": "No."}


APPLIED = {"type": "applied", "target": "alice", "claims": {"jti": "w", "window": WINDOW}}
CELL = {"mid": "mid-a", "vantage": "gateway", "declared": "sealed", "content": "sealed"}
HAND = written("a", "alice", "bob", "consumer")
CHANGED = ENVELOPE.replace('"iv":"', '"jv":"', 1)
TWO_KEYS = (Path(arrangement.__file__).parent / "arrangements" / "two-keys.toml").read_text()
INDIA = (Path(arrangement.__file__).parent / "arrangements" / "india-2013.toml").read_text()
PRIYA = written("p", "priya", "quentin", "enterprise")
REVOKED = {"type": "revoked", "org": "S50000001", "handset": "ravi"}
RAVI = written("r", "ravi", "priya", "enterprise")[0]
DESTROYED = {"type": "rotated", "org": "S50000001", "generation": 2, "destroyed": [1]}

SOLUTIONS: dict[str, Work] = {
    "first-message": Work(HAND),
    "sealed-from-the-state": Work([*PRIYA, judged("p", state="sealed")]),
    "employee-as-consumer": Work([*written("e", "priya", "bob", "consumer"), judged("e", operator="reads")]),
    "served": Work([{"type": "served", "jti": "w", "liid": "x", "leaf": 2}]),
    "rejected": Work([{"type": "decided", "jti": "w", "verb": "rejection", "status": "Rejected", "reason": "no"}]),
    "exactly-one": Work([inspected([("a", "text"), ("b", None)]), inspected([("a", "text")])]),
    "metadata-only": Work([inspected([("a", "text")]), inspected([("e", None)])]),
    "minute-after": Work([APPLIED, inspected([], 660_000, "grant.window")]),
    "never-the-past": Work([APPLIED, inspected([], 540_000, "grant.window")]),
    "third-parties": Work([inspected([("a", None)])], [" 2\n"]),
    "read-lawfully": Work([*PRIYA, {"type": "read", "org": "S50000001", "mid": "mid-p", "text": "x"}]),
    "company-refuses": Work([{"type": "ordered", "org": "S50000001", "decision": "refuse", "leaf": 3, "mids": []}]),
    "shut-out": Work([REVOKED, RAVI, refusal("send", "request.proof", "r")]),
    "kill-switch": Work([DESTROYED, refusal("read", "read.key_destroyed")]),
    "suspended": Work([refusal("send", "order.suspended")]),
    "measured": Work([*HAND, {"type": "measured", "cells": [CELL]}]),
    "one-byte": Work(HAND, ["{}", CHANGED]),
    "jose": Work([], ["copper tunnel orchid"], "copper tunnel orchid"),
    "lying-log": Work([], ["7 Carrier"], "carrier 7"),
    "own-arrangement": Work([], [TWO_KEYS]),
    "planted": Work([], ["carrier 0x7f"], json.dumps(["carrier 0x7f", "carrier 0x80"])),
}
NEAR: dict[str, list[Work]] = {
    "first-message": [Work(HAND[:2])],
    "sealed-from-the-state": [Work([*HAND, judged("a", state="reads")])],
    "employee-as-consumer": [Work([*PRIYA, judged("p", operator="sealed")])],
    "exactly-one": [Work([inspected([("a", "text"), ("b", "text")])])],
    "metadata-only": [
        Work([inspected([("e", None), ("b", "text")])]),
        Work([inspected([("a", None)], refused="auditor.not_elapsed")]),
        Work([inspected([])]),
    ],
    "minute-after": [
        Work([APPLIED, inspected([], 540_000, "grant.window")]),
        Work([APPLIED, inspected([], 660_000, "warrant.suspended")]),
    ],
    "never-the-past": [
        Work([APPLIED, inspected([], 660_000, "grant.window")]),
        Work([APPLIED, inspected([], 540_000, "warrant.suspended")]),
    ],
    "third-parties": [Work([inspected([("a", None)])], ["3"])],
    "read-lawfully": [Work([*HAND, {"type": "read", "org": "S50000001", "mid": "mid-a", "text": "x"}])],
    "shut-out": [
        Work([REVOKED]),
        Work([REVOKED, RAVI, refusal("send", "lab.channel", "r")]),
        Work([REVOKED, HAND[0], refusal("send", "request.proof", "a")]),
    ],
    "kill-switch": [
        Work([DESTROYED | {"destroyed": []}, refusal("read", "read.key_destroyed")]),
        Work([refusal("read", "journal.unknown"), DESTROYED]),
    ],
    "suspended": [Work([refusal("send", "session.revoked")])],
    "measured": [Work([*HAND, {"type": "measured", "cells": [CELL | {"content": "reads"}]}])],
    "one-byte": [Work(HAND, [ENVELOPE, ENVELOPE.replace("{", "[", 2)])],
    "own-arrangement": [Work([], [INDIA, "title = 1"])],
    "jose": [Work([], [""], "")],
    "lying-log": [Work([], ["court 7"], "carrier 7")],
}


def test_there_are_enough_from_easy_to_hard_each_with_three_hints() -> None:
    assert len(ALL) >= FEW
    assert ["easy", "middle", "hard"] == list(dict.fromkeys(one.level for one in ALL.values()))
    assert [] == [one.id for one in ALL.values() if len(set(one.hints)) != 3 or not one.task]
    assert set(ALL) == set(SOLUTIONS)
    with pytest.raises(Missing, match="exercise.unknown"):
        load("no-such")


@pytest.mark.parametrize("name", ALL)
def test_an_exercise_fails_on_an_empty_log_and_passes_on_its_recorded_solution(name: str) -> None:
    assert not load(name).check(Work())
    assert not any(load(name).check(near) for near in NEAR.get(name, []))
    assert load(name).check(SOLUTIONS[name])


RIGHT = {
    "third-parties": ["2", "two", "Two people.", "２", "2."],
    "lying-log": ["carrier 7", "carrier, 7", "carrier: 7", "Carrier leaf 7", "The carrier, at leaf 7.", "7,carrier"],
    "planted": ["carrier 0x7f", "0x7F carrier", "carrier  0x80", "carrier, 0x80"],
    "jose": ["copper tunnel orchid", "“Copper tunnel orchid.”\n"],
}
WRONG = {
    "third-parties": ["", "1", "2 3", "person", "22"],
    "lying-log": ["carrier", "7", "court 7", "carrier 7 8", "carrier 77"],
    "planted": ["carrier", "0x7f", "acme 0x7f", "carrier 0x7f 0x80"],
    "jose": ["", "copper tunnel", "copper tunnel lantern"],
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_is_right_in_any_spelling_and_with_a_word_too_many_it_is_wrong(name: str) -> None:
    exercise, solved = load(name), SOLUTIONS[name]
    for answers, right in ((RIGHT[name], True), (WRONG[name], False)):
        assert answers == [one for one in answers if right == exercise.check(replace(solved, answers=[one]))]


@pytest.mark.parametrize("name", ["jose", "lying-log"])
async def test_what_is_handed_out_is_another_each_time_and_holds_its_answer(name: str, tmp_path: Path) -> None:
    exercise = load(name)
    assert exercise.given is not None
    first, second = await exercise.given(tmp_path), await exercise.given(tmp_path)
    assert first.text != second.text
    assert first.secret not in first.text
    assert exercise.check(Work((), [first.secret], first.secret))


async def test_a_tick_comes_from_the_log_since_the_exercise_began_and_nothing_undoes_it(tmp_path: Path) -> None:
    feed = Feed(lambda: 0)
    board = Board(feed, tmp_path)
    note = Written("m1", "alice", "bob", "consumer", "bbm", "hello", "")
    feed.append(note)  # before it began
    await board.start("third-parties")
    with pytest.raises(Missing, match="exercise.not_begun"):
        board.answer("jose", "x")
    given = await board.start("jose")
    assert "A256GCMKW" in given
    assert not board.answer("jose", "no")
    secret = board._begun["jose"].secret
    assert board.answer("jose", secret)
    assert not board.answer("jose", "no"), "that was wrong; solved it stays"
    assert given != await board.start("jose")
    assert board._begun["jose"].solved, "solved it stays, begun again"
    assert board.answer("jose", board._begun["jose"].secret)
    kinds = [json.loads(one)["event"]["type"] for one in feed.since(0)]
    assert 1 == kinds.count("solved")
    assert {"jose": True, "third-parties": False} == {row["id"]: row["solved"] for row in board.rows() if row["begun"]}


async def test_two_who_begin_an_exercise_at_once_are_served_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[Path] = []

    async def given(folder: Path) -> Given:
        at_work.append(folder)
        await asyncio.sleep(0)
        assert 1 == len(at_work)
        at_work.clear()
        return Given("a world", "secret")

    monkeypatch.setitem(ALL, "planted", replace(load("planted"), given=given))
    board = Board(Feed(lambda: 0), tmp_path)
    assert ["a world", "a world"] == await asyncio.gather(board.start("planted"), board.start("planted"))
