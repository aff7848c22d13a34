"""A pytest plugin: a world for other people's tests, and two assertions that attack it (docs/testing.md).

    tiers_world, tiers_desk     every party as its own process, and people with handsets, for one test
    assert_readable(sent, by="auditor")     assert_sealed(sent, to="operator")

Both take a vantage point by name, or one of your own. They raise `AssertionError` with the derivation: what was found,
where, at which offset, and what followed from it. They turn the classroom clock: assert last.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tiers.lab.attack.attack import attack
from tiers.lab.attack.vantages import BY_ID, Vantage
from tiers.lab.classroom.desk import Desk, Sent, opened
from tiers.lab.world.world import World, booted
from tiers.measure.matrix.outcome import Outcome
from tiers.wire.errors import Yours

Assertion = Callable[..., Awaitable[None]]
_KEY = "the message"


@pytest_asyncio.fixture
async def tiers_world(tmp_path: Path) -> AsyncIterator[World]:
    """Boot every party; stop all of them after the test."""
    async with booted(tmp_path / "world") as world:
        yield world


@pytest_asyncio.fixture
async def tiers_desk(tiers_world: World) -> AsyncIterator[Desk]:
    """Seat people with handsets in the world: `await tiers_desk.send(Note(…))`."""
    async with opened(tiers_world) as desk:
        yield desk


@pytest.fixture
def tiers_warrants() -> dict[str, str]:
    """Return the warrants that were served in this test, jti by target: put yours in, and agencies ask under them."""
    return {}


@pytest.fixture
def assert_readable(tiers_desk: Desk, tiers_warrants: Mapping[str, str]) -> Assertion:
    """Assert that a message can be read from a vantage point, by what is really held there."""

    async def check(message: Sent, *, by: str | Vantage) -> None:
        outcome = await look(tiers_desk, message, by, tiers_warrants)
        if outcome.reads is None:
            pytest.skip(f"{_name(by)}: not measured here")
        if not outcome.reads:
            raise AssertionError(f"{_name(by)} does not read it: nothing that it holds opens {message.mid}")

    return check


@pytest.fixture
def assert_sealed(tiers_desk: Desk, tiers_warrants: Mapping[str, str]) -> Assertion:
    """Assert that a message stays shut to a vantage point; a failure says which bytes, where, opened it."""

    async def check(message: Sent, *, to: str | Vantage) -> None:
        outcome = await look(tiers_desk, message, to, tiers_warrants)
        if outcome.reads is None:
            pytest.skip(f"{_name(to)}: not measured here")
        if outcome.reads:
            steps = "\n".join(f"  {step}" for step in outcome.derivation)
            raise AssertionError(f"{_name(to)} reads {message.mid}:\n{steps}")

    return check


async def look(desk: Desk, message: Sent, vantage: str | Vantage, warrants: Mapping[str, str]) -> Outcome:
    """Attack one message from one vantage point; raises `Ours` if a capture is empty, `Yours` for an unknown name."""
    if isinstance(vantage, str):
        if vantage not in BY_ID:
            raise Yours("lab.vantage", f"Name one of: {', '.join(BY_ID)}; or pass a Vantage of your own.")
        vantage = BY_ID[vantage]
    attacked = await attack(desk, {_KEY: message}, warrants, [vantage])
    missing = [control for control in attacked.controls if control.evidence is None]
    if missing:
        raise AssertionError(f"the capture {missing[0].source} lacks {missing[0].says}: it proves nothing")
    return attacked.outcomes[vantage.id, _KEY]


def _name(vantage: str | Vantage) -> str:
    return vantage if isinstance(vantage, str) else vantage.id
