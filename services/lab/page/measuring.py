"""Attacks what stands on the page's log, as often as one likes, and lays what was found beside what was declared."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tiers.lab.attack.attack import attack
from tiers.lab.attack.vantages import VANTAGES
from tiers.lab.classroom.desk import Desk, Sent
from tiers.lab.page.events import Measured
from tiers.lab.page.keybook import keys_of
from tiers.lab.page.shapes import MeasuredCell
from tiers.measure.matrix.matrix import Attacked
from tiers.wire.keys.keytree import EPOCH_MS


async def measure(
    desk: Desk, messages: Mapping[str, Sent], warrants: Iterable[str], declared: Callable[[str], Mapping[str, str]]
) -> Measured:
    """Attack messages, by key, from every vantage point; `declared` gives a message's verdicts, by mid.

    The first time it turns the classroom clock by about an hour, until the warrants have expired. Raises `Ours` for a
    capture that is not whole.
    """
    said = {sent.mid: dict(declared(sent.mid)) for sent in messages.values()}
    before = desk.world.clock.now()
    attacked = await attack(desk, messages, warrants, VANTAGES)
    return Measured(
        tuple(_cells(attacked, messages, said)),
        {sent.mid: key for key, sent in messages.items()},
        keys_of(desk, messages),
        tuple((one.source, one.says, one.found) for one in attacked.controls),
        (desk.world.clock.now() - before) // EPOCH_MS,
    )


def _cells(
    attacked: Attacked, messages: Mapping[str, Sent], said: Mapping[str, Mapping[str, str]]
) -> Iterator[MeasuredCell]:
    content = {True: "reads", False: "sealed", None: "unmeasured"}
    for (vantage, key), outcome in attacked.outcomes.items():
        mid = messages[key].mid
        yield MeasuredCell(
            mid,
            vantage,
            said[mid][vantage].split()[0],
            content[outcome.reads],
            outcome.metadata,
            outcome.forge.value,
            outcome.derivation,
            outcome.forged,
        )
