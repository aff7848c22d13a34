"""The commands of a running classroom, as people type them: names, limits, sentences, exit statuses."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from tiers.lab import scenarios
from tiers.lab.classroom.desk import Note, _check
from tiers.lab.cli import acts, exercise, kit
from tiers.lab.cli.main import app
from tiers.lab.page.acts import _known
from tiers.lab.page.control import Control
from tiers.lab.world.cast import handset, org_of
from tiers.wire.errors import Missing, Yours
from tiers.wire.message.envelope import Channel, Service

RUNNER = CliRunner()


@pytest.mark.parametrize("name", ["alice", "Alice", "ALICE"])
def test_a_name_may_be_written_in_capitals(name: str) -> None:
    assert "alice" == _known(name)


@pytest.mark.parametrize("name", ["acme", "Acme", "S50000001", "s50000001"])
def test_a_company_has_its_name(name: str) -> None:
    assert "S50000001" == org_of(name)


def test_who_is_unknown_is_told_who_is_known() -> None:
    with pytest.raises(Missing, match=r"alice, bob, mallory, priya, quentin, ravi, gita"):
        _known("eve")
    with pytest.raises(Missing, match=r"acme, globex"):
        org_of("initech")


@pytest.mark.parametrize(
    ("sender", "to", "channel", "sentence"),
    [
        ("alice", "quentin", Channel.ENTERPRISE, "Alice belongs to no company: try priya, quentin, ravi, gita."),
        ("priya", "bob", Channel.ENTERPRISE, "Bob belongs to no company"),
        (
            "quentin",
            "bob",
            Channel.CONSUMER,
            "Quentin is no subscriber of the carrier's: try alice",
        ),
    ],
)
def test_a_channel_is_for_those_who_have_its_keys(sender: str, to: str, channel: Channel, sentence: str) -> None:
    with pytest.raises(Yours, match=sentence):
        _check(Note(sender, to, channel, Service.BBM, "hello"))


@pytest.mark.parametrize(
    "command",
    [
        ["warrant", "apply", "alice", "--minutes", "0"],
        ["warrant", "apply", "alice", "--minutes", "1441"],
        ["order", "acme", "criminal_investigation", "--handset", "priya", "--minutes", "0"],
        ["turn", "0"],
        ["turn", "100000"],
    ],
)
def test_no_minutes_and_too_many_are_refused_before_anybody_is_asked(command: list[str]) -> None:
    assert 2 == RUNNER.invoke(app, command).exit_code


def parameters(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        yield f"{name} {parameter.name}", parameter
    for own, inner in getattr(command, "commands", {}).items():
        yield from parameters(inner, f"{name} {own}")


def test_every_argument_and_option_says_what_it_is() -> None:
    every = dict(parameters(typer.main.get_command(app), "tiers"))
    assert "tiers send sender" in every
    assert [] == [name for name, one in every.items() if not one.help]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    said: dict[str, object] = {}
    for module in (acts, exercise):
        monkeypatch.setattr(module, "asked", lambda name, _ask: said[name])
    return said


def test_a_decision_shows_no_signatures(answers: dict[str, object]) -> None:
    answers["decide"] = {"jti": "1", "status": "approved", "warrant": {"payload": "eyJ"}, "reason": ""}
    done = RUNNER.invoke(app, ["warrant", "approve", "1"])
    assert (0, False) == (done.exit_code, "eyJ" in done.output)


@pytest.mark.parametrize(("refused", "status"), [("auditor.not_elapsed", 1), (None, 0)])
def test_an_inspection_without_keys_is_no_success(answers: dict[str, object], refused: str | None, status: int) -> None:
    answers["inspect"] = {"jti": "1", "findings": [], "grant_refused": refused}
    assert status == RUNNER.invoke(app, ["inspect", "1"]).exit_code


HOSTILE = "a\x1b]0;forged\x07b\x9b2Jc\u202ed\u2028e\x7f"
INERT = ("\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\x7f")


@pytest.mark.parametrize("command", [["read", "acme", "1"], ["inspect", "1"], ["send", "alice", "bob", "x"]])
def test_what_others_wrote_does_nothing_to_the_terminal(answers: dict[str, object], command: list[str]) -> None:
    command = [*command, "--channel", "consumer"] if command[0] == "send" else command
    answers[command[0]] = {"content": HOSTILE, HOSTILE: [HOSTILE], "grant_refused": HOSTILE}
    done = RUNNER.invoke(app, command)
    assert [] == [mark for mark in INERT if mark in done.output]
    assert "\u27e8U+202E\u27e9" in done.output


def test_a_refusal_that_quotes_others_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        kit._end(HOSTILE, 2)
    assert [] == [mark for mark in INERT if mark in capsys.readouterr().err]


@pytest.mark.parametrize(
    "command",
    [
        ["send", "Alice", "BOB", "x", "--channel", "Consumer", "--service", "BBM"],
        ["order", "Acme", "third_party_data_request", "--mid", "1"],
    ],
)
def test_names_are_taken_in_any_case(answers: dict[str, object], command: list[str]) -> None:
    answers |= {"send": {}, "order": {}}
    done = RUNNER.invoke(app, command)
    assert 0 == done.exit_code, done.output


def test_a_lesson_is_found_in_any_case(answers: dict[str, object]) -> None:
    assert scenarios.load("india-2013") == scenarios.load("INDIA-2013")
    answers["exercises"] = [{"id": "served", "solved": True}]
    assert "Solved.\n" == RUNNER.invoke(app, ["exercise", "check", "Served"]).output


def test_a_wrong_answer_to_a_solved_exercise_is_said_to_be_wrong(answers: dict[str, object]) -> None:
    answers |= {"exercises": [{"id": "jose", "solved": True}], "answer": {"solved": False}}
    done = RUNNER.invoke(app, ["exercise", "check", "jose", "no"])
    assert ("Not that. It was solved before.\n", 1) == (done.output, done.exit_code)


@pytest.mark.parametrize(("answer", "given"), [("@/dev/zero", b""), ("-", b"y" * 300_000), ("-", b"\xff"), ("@/", b"")])
def test_an_answer_is_text_of_some_length(answers: dict[str, object], answer: str, given: bytes) -> None:
    answers["answer"] = {"solved": False}
    done = RUNNER.invoke(app, ["exercise", "check", "jose", answer], input=given)
    assert 2 == done.exit_code, done.output


def test_no_standard_input_is_an_empty_answer(
    answers: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers |= {"exercises": [{"id": "jose", "solved": False}], "answer": {"solved": False}}
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(typer.Exit):
        exercise.exercise_check("jose", "-")
    assert "Not yet.\n" == capsys.readouterr().out


@pytest.mark.parametrize(("status", "code"), [(500, "lab.failed"), (404, "lab.down")])
async def test_a_classroom_that_failed_is_told_from_one_that_is_not_there(status: int, code: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="Server got itself in trouble")

    app = web.Application()
    app.router.add_post("/api/turn", answer)
    async with TestServer(app) as server:
        with pytest.raises(Yours, match=f"^{code}: "):
            await acts.ask(Control(str(server.make_url("")), "token", ""), "turn", {})


def test_the_courts_words_become_the_commands() -> None:
    assert "allows approve, reject, not suspend." == acts._as_commands("allows approval, rejection, not suspension.")


def test_a_newcomer_has_minutes_to_read_between_applying_and_serving() -> None:
    assert signature(acts.warrant_apply).parameters["minutes"].default >= 10


def test_the_classroom_which_holds_every_key_leaves_no_core_file() -> None:
    code = (
        "import atexit, resource, sys; sys.argv = ['tiers', '--version'];"
        "atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE)));"
        "from tiers.lab.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "(0, 0)" == done.stdout.splitlines()[-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is missing here")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lanes.html").symlink_to("/dev/full")
    command = [sys.executable, "-c", "from tiers.lab.cli.main import main; main()", "worksheets", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (2, "Make room: the disk is full.\n") == (done.returncode, done.stderr)


def test_whoever_has_no_handset_is_told_who_has() -> None:
    with pytest.raises(Missing, match=r"^lab\.handset: Name a handset of the classroom: alice, bob, "):
        handset("zoe")


def test_a_note_may_say_its_channel_as_text_and_a_chat_has_no_subject() -> None:
    note = Note("alice", "bob", "consumer", "bbm", "hello", "no")
    assert (Channel.CONSUMER, Service.BBM) == (note.channel, note.service)
    with pytest.raises(ValueError, match="smoke"):
        replace(note, channel="smoke")
    with pytest.raises(Yours, match=r"^lab\.subject"):
        _check(note)
