"""Two assertions that attack a running classroom: who can read a message, by what is really held there.

    await assert_readable(desk, sent, by="auditor")     await assert_sealed(desk, sent, to="operator")

Both take a vantage point by name, or one of your own. They raise `AssertionError` with the derivation: what was found,
where, at which offset, and what followed from it. Agencies ask under every warrant that was served at the desk.
They turn the classroom clock: assert last.
"""

from typing import Protocol

from tiers.lab.attack.attack import attack
from tiers.lab.attack.vantages import BY_ID, CAPTURES, Vantage
from tiers.lab.classroom.desk import Desk, Sent
from tiers.measure.matrix.matrix import Outcome
from tiers.wire.errors import Yours

_KEY = "the message"


class AssertReadable(Protocol):
    """What the fixture `tiers_assert_readable` gives."""

    async def __call__(self, message: Sent, *, by: str | Vantage) -> None:
        """Raise `AssertionError` unless the message can be read from this vantage point."""


class AssertSealed(Protocol):
    """What the fixture `tiers_assert_sealed` gives."""

    async def __call__(self, message: Sent, *, to: str | Vantage) -> None:
        """Raise `AssertionError` if the message can be read from this vantage point."""


async def assert_readable(desk: Desk, message: Sent, *, by: str | Vantage) -> None:
    """Assert that a message can be read from a vantage point; raises as `look` does."""
    vantage = _vantage(by)
    outcome = await look(desk, message, vantage)
    if not outcome.reads:
        raise AssertionError(f"{vantage.id} does not read it: nothing that it holds opens {message.mid}")


async def assert_sealed(desk: Desk, message: Sent, *, to: str | Vantage) -> None:
    """Assert that a message stays shut to a vantage point; a failure says which bytes, where, opened it."""
    vantage = _vantage(to)
    outcome = await look(desk, message, vantage)
    if outcome.reads:
        steps = "\n".join(f"  {step}" for step in outcome.derivation)
        raise AssertionError(f"{vantage.id} reads {message.mid}:\n{steps}")


async def look(desk: Desk, message: Sent, vantage: Vantage) -> Outcome:
    """Attack one message from one vantage point.

    Raises `AssertionError` where something was not captured, or lacks what must be in it; `Ours` for a capture that is
    not whole; `Yours` for a vantage point without captures, or with one that does not exist.
    """
    _check(vantage)
    attacked = await attack(desk, {_KEY: message}, desk.warrants, [vantage])
    outcome = attacked.outcomes[vantage.id, _KEY]
    if missing := [control for control in attacked.controls if control.found is None]:
        raise AssertionError(f"the capture {missing[0].source} lacks {missing[0].says}: it proves nothing")
    if outcome.reads is None:
        absent = [one for one in vantage.of(message.note.sender, message.note.to) if one not in attacked.sizes]
        raise AssertionError(f"{vantage.id} was not measured: {', '.join(absent)} cannot be captured here")
    return outcome


def _vantage(named: str | Vantage) -> Vantage:
    if isinstance(named, Vantage):
        return named
    if named not in BY_ID:
        raise Yours("lab.vantage", f"Name one of: {', '.join(BY_ID)}; or pass a Vantage of your own.")
    return BY_ID[named]


def _check(vantage: Vantage) -> None:
    if not vantage.sources:
        raise Yours("lab.vantage_empty", f"Give {vantage.id} captures: whoever holds nothing proves nothing.")
    if unknown := [one for one in vantage.sources if one not in CAPTURES]:
        raise Yours("lab.capture_unknown", f"{unknown[0]} is no capture; name some of: {', '.join(CAPTURES)}.")
