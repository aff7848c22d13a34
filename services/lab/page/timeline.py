"""The scenarios as the page lists them: what has a date with the matrix of its arrangement, by the lab's closure. Pure.

    scenarios -> listed -> [{name, title, acts, when, asked, got, matrices}]
    matrix: {act, arranged, reads: {vantage: [consumer, enterprise]}, own: {vantage: reads}}

A warrant on the sender is served, and its window is open. `own` are vantage points that the act alone has.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tiers.lab.page.verdicts import judge_in
from tiers.lab.scenarios.scenario import Act, Scenario
from tiers.lab.world import arrangement
from tiers.lab.world.arrangement import Arrangement
from tiers.wire.message.envelope import Channel


def listed(scenarios: Iterable[Scenario]) -> list[dict[str, Any]]:
    """Return every scenario; matrices for those that stand on the time line."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "acts": len(one.acts),
            "when": one.when,
            "asked": one.asked,
            "got": one.got,
            "matrices": list(_matrices(one)) if one.when else [],
        }
        for one in scenarios
    ]


def _matrices(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Yield a matrix for each act in which somebody else reads than in the act before."""
    before = None
    for number, act in enumerate(scenario.acts, 1):
        matrix = matrix_of(act)
        if matrix != before:
            yield {"act": number, **matrix}
        before = matrix


def matrix_of(act: Act) -> dict[str, Any]:
    """Return who reads a consumer's and an employee's message in an act's arrangement, as it is declared."""
    arranged = arrangement.load(act.arrangement).within(act.jurisdiction)
    sides = [judge_in(_custody(arranged, one), one, granted=True, ghost=act.ghost == one) for one in Channel]
    reads = {who: [side[who].reads for side in sides] for who in sides[0]}
    alone = {one.id for one in act.vantages}
    own = {cells.vantage: bool(cells.reads) for cells in act.cells if cells.vantage in alone}
    return {"arranged": arranged.declared.title, "reads": reads, "own": own}


def _custody(arranged: Arrangement, channel: Channel) -> str:
    """Return the custody of a channel, for who lives where the arrangement is in force."""
    inside = arranged.declared.within.get(arranged.declared.jurisdiction)
    return inside.custody if inside and channel is Channel.CONSUMER else arranged.side(channel).custody
