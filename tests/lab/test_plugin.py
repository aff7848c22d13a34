"""The pytest plugin, used as docs/testing.md shows: every example there is run, in a pytest of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tiers.lab.attack import attack
from tiers.lab.attack.capture import take
from tiers.lab.attack.search.shapes import JWE
from tiers.lab.classroom import desk
from tiers.measure.search.scan import Shape
from tiers.testing import AssertReadable, AssertSealed, Channel, Desk, Note, Service, Vantage
from tiers.wire.errors import Missing, Ours, Yours

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"), re.DOTALL)
NOTE = Note("alice", "bob", Channel.CONSUMER, Service.BBM, "The train leaves from platform nine")


SHARED = """
import pytest
from tiers.testing import Channel, Note, Service

seen = []

@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(2))
async def test_one_after_the_other(tiers_desk, number):
    sent = await tiers_desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, f"number {number}"))
    assert sent.mid == (await tiers_desk.received("bob")).mid
    seen.append(tiers_desk.world.root)

def test_worlds():
    assert len(set(seen)) == WORLDS
"""


def run(source: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a test file as somebody else would, who has the plugin and none of our settings."""
    (folder / "test_example.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    command += ["-o", "asyncio_mode=auto", *options, "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_a_world_lives_as_long_as_its_scope(scope: str, tmp_path: Path) -> None:
    source = SHARED.replace("WORLDS", "2" if scope == "function" else "1")
    done = run(source, tmp_path, "-o", f"tiers_world_scope={scope}", "-o", "asyncio_mode=strict")
    assert done.returncode == 0, done.stdout


UNAWAITED = """
import pytest
from tiers.testing import Channel, Note, Service

@pytest.mark.asyncio
async def test_of_a_text_that_leaks(tiers_desk, tiers_assert_sealed):
    sent = await tiers_desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "the text that leaks"))
    tiers_assert_sealed(sent, to="operator")
"""


def test_an_assertion_that_is_not_awaited_is_no_pass(tmp_path: Path) -> None:
    done = run(UNAWAITED, tmp_path)
    assert done.returncode == 1, done.stdout
    assert "Write await before" in done.stdout


def test_a_scope_that_there_is_not_is_said(tmp_path: Path) -> None:
    done = run("", tmp_path, "-o", "tiers_world_scope=lesson")
    assert "tiers_world_scope is 'lesson': write one of function, class, module, package, session." in done.stderr


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", range(3))
def test_an_example_of_the_documentation_runs(example: int, tmp_path: Path) -> None:
    done = run(EXAMPLES[example], tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("example", [1, 2])
def test_a_vantage_point_and_a_custody_scheme_take_about_twenty_lines(example: int) -> None:
    body = EXAMPLES[example].partition("\n\n")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 22


async def test_whoever_is_named_wrongly_is_told_so(tiers_desk: Desk) -> None:
    for wrong in (
        lambda: tiers_desk.received("nobody"),
        lambda: tiers_desk.offline("nobody"),
        lambda: tiers_desk.online("nobody"),
        lambda: tiers_desk.read("apple", "mid"),
        lambda: tiers_desk.rotate("apple", destroy=False),
        lambda: tiers_desk.revoke("apple", "priya"),
        lambda: tiers_desk.decide("jti", "approve"),
    ):
        with pytest.raises(Yours, match="Name "):
            await wrong()
    with pytest.raises(Missing, match="journal"):
        await tiers_desk.read("acme", NOTE.text)


async def test_nobody_waits_for_ever_for_what_does_not_come(tiers_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "PATIENCE", 0)
    with pytest.raises(Ours, match="after 0 seconds no such message has come to bob"):
        await tiers_desk.received("bob")
    with pytest.raises(Ours, match="after 0 seconds the carrier does not have every copy"):
        await tiers_desk.copied()


async def test_an_assertion_that_fails_says_where_the_bytes_lay(
    tiers_desk: Desk, tiers_assert_sealed: AssertSealed, tiers_assert_readable: AssertReadable
) -> None:
    sent = await tiers_desk.send(NOTE)
    await tiers_desk.received("bob")

    with pytest.raises(AssertionError) as failed:
        await tiers_assert_sealed(sent, to="carrier-keys")
    # A key may begin with blanks: the offset is that of its first byte that is none.
    where = r"1\. the carrier's master key: found in keys:carrier, master\.key, offset 0x[0-9a-f]+, raw"
    assert re.search(where, str(failed.value))
    assert NOTE.text not in str(failed.value)
    with pytest.raises(AssertionError, match="link does not read it"):
        await tiers_assert_readable(sent, by="link")
    with pytest.raises(Yours, match=r"lab\.vantage"):
        await tiers_assert_sealed(sent, to="the-moon")
    with pytest.raises(Yours, match=r"lab\.vantage_empty"):
        await tiers_assert_sealed(sent, to=Vantage("nobody", ()))
    with pytest.raises(Yours, match=r"lab\.capture_unknown: memory:gatway is no capture; .*memory:gateway"):
        await tiers_assert_sealed(sent, to=Vantage("typist", ("memory:gatway",)))


async def test_what_was_not_captured_is_a_failure_and_no_pass(
    tiers_desk: Desk, tiers_assert_sealed: AssertSealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await tiers_desk.send(NOTE)
    monkeypatch.setattr(take, "MEASURES_MEMORY", False)
    with pytest.raises(AssertionError, match="gateway was not measured: memory:gateway cannot be captured here"):
        await tiers_assert_sealed(sent, to="gateway")


async def test_a_message_that_the_attacker_did_not_recognise_is_a_failure_and_no_pass(
    tiers_desk: Desk, tiers_assert_sealed: AssertSealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await tiers_desk.send(NOTE)
    monkeypatch.setattr(attack, "JWE", Shape("JWE", JWE.begins, JWE.pattern, lambda _data: None))
    with pytest.raises(AssertionError, match="the capture ciphertext lacks the message"):
        await tiers_assert_sealed(sent, to="logs")


async def test_a_desk_is_measured_again_after_a_measurement(
    tiers_desk: Desk, tiers_assert_sealed: AssertSealed, tiers_assert_readable: AssertReadable
) -> None:
    for _time in range(2):
        sent = await tiers_desk.send(NOTE)
        await tiers_assert_sealed(sent, to="seized-handset")
        await tiers_assert_readable(sent, by="receiver")


async def serve(desk: Desk) -> None:
    jti = await desk.apply("alice", (Service.BBM,), minutes=1)
    await desk.decide(jti, "approval")
    await desk.serve(jti)


async def test_a_warrant_that_was_served_opens_for_the_auditor_and_a_later_one_changes_nothing(
    tiers_desk: Desk, tiers_assert_readable: AssertReadable, tiers_assert_sealed: AssertSealed
) -> None:
    await serve(tiers_desk)
    sent = await tiers_desk.send(NOTE)
    await tiers_desk.received("bob")
    tiers_desk.world.clock.turn(1)
    await serve(tiers_desk)

    await tiers_assert_readable(sent, by="auditor-outside-window")
    await tiers_assert_sealed(sent, to="auditor-none")
