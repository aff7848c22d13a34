"""`tiers bench`: every lane in turn, again and again, so that what disturbs the machine disturbs all of them alike.

    closed   100 sessions with 8 messages each on the way; the rate is the lesser of accepted and delivered
    open     twice that rate, to see what overload does; then half of what it came to, to see latencies

Between two lanes nothing is left to do: mailboxes are empty, the mediation has every copy.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.progress import Progress

from bench.load import Member
from bench.results import Measured, Result, machine, share
from bench.stage import Stage, several, staged
from tiers.wire.errors import Ours
from tiers.wire.message.envelope import Channel

SESSIONS, IN_FLIGHT = 100, 8
OPEN_SECONDS = 4.0
_FIRST_PIN = {"enterprise": 0x51000000, "consumer": 0x52000000, "tasked1": 0x53000000, "tasked100": 0x54000000}
_TASKED = {"tasked1": 1, "tasked100": SESSIONS}
_PDUS = 'tiers_mediation_pdus_total{fate="kept"}'
_DRAIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Lane:
    """What is measured: whose sessions, on which channel, against which relay."""

    name: str
    group: str
    channel: Channel
    bare: bool = False


LANES = (
    Lane("bare_enterprise", "enterprise", Channel.ENTERPRISE, bare=True),
    Lane("enterprise", "enterprise", Channel.ENTERPRISE),
    Lane("bare_consumer", "consumer", Channel.CONSUMER, bare=True),
    Lane("consumer", "consumer", Channel.CONSUMER),
    Lane("tasked1", "tasked1", Channel.CONSUMER),
    Lane("tasked100", "tasked100", Channel.CONSUMER),
)
OPEN_LANES = tuple(lane for lane in LANES if lane.group not in _TASKED)


class Relay(Measured, frozen=True):
    messages: int
    closed: dict[str, list[Result]]
    overload: dict[str, Result]
    half: dict[str, Result]
    ratios: dict[str, float]
    cluster: bool = False
    """Whether the relay's store is a cluster; the yardstick's never is."""


async def measure(progress: Progress, repeats: int, messages: int, *, cluster: bool = False) -> Relay:
    before = os.getloadavg()[0]
    closed: dict[str, list[Result]] = {lane.name: [] for lane in LANES}
    overload, half = dict[str, Result](), dict[str, Result]()
    steps = progress.add_task("Booting the parties", total=repeats * len(LANES) + 2 * len(OPEN_LANES) + 1)
    async with staged(cluster=cluster) as stage:
        groups = await populate(stage)
        progress.advance(steps)
        for number in range(repeats):
            progress.update(steps, description=f"Closed loop, repeat {number + 1} of {repeats}")
            for lane in LANES:
                how = {"each": messages // SESSIONS, "in_flight": IN_FLIGHT}
                closed[lane.name].append(await _run(stage, lane, groups[lane.group], **how))
                progress.advance(steps)
        progress.update(steps, description="Open loop: overload, then half")
        for lane in OPEN_LANES:
            rate = 2 * statistics.median(result.rate for result in closed[lane.name])
            for results in (overload, half):
                each = max(int(rate * OPEN_SECONDS / SESSIONS), 1)
                results[lane.name] = await _run(stage, lane, groups[lane.group], each=each, rate=int(rate))
                rate = results[lane.name].rate / 2
                progress.advance(steps)
    return Relay(*machine(before), messages, closed, overload, half, ratios(closed), cluster)


async def _run(stage: Stage, lane: Lane, members: tuple[Member, ...], **how: int) -> Result:
    """Load a lane; raises `Ours` unless everything arrived once, and every copy at the mediation."""
    before = await stage.counted("carrier", _PDUS)
    result = await stage.load(stage.spec(members, lane.channel, bare=lane.bare, **how))
    start, accepted = time.monotonic(), result.sent - sum(result.refused.values())
    # an X2 and an X3 for each end that is a target
    wanted = before + 4 * accepted * _TASKED.get(lane.group, 0) / SESSIONS
    while await stage.counted("carrier", _PDUS) < wanted:
        if time.monotonic() - start > _DRAIN_SECONDS:
            raise Ours("bench.product", f"{lane.name}: the mediation is not getting every copy.")
        await asyncio.sleep(0.1)
    return result


async def populate(stage: Stage) -> dict[str, tuple[Member, ...]]:
    groups = {"enterprise": await stage.employees(_FIRST_PIN["enterprise"], SESSIONS)}
    for name in ("consumer", "tasked1", "tasked100"):
        groups[name] = await stage.subscribers(_FIRST_PIN[name], SESSIONS)
    for name, targets in _TASKED.items():
        await several(stage.task, [one.pin for one in groups[name][:targets]])
    return groups


def ratios(closed: Mapping[str, list[Result]]) -> dict[str, float]:
    """Return what each lane reached as a share of its yardstick."""
    return {
        "enterprise": share(closed["enterprise"], closed["bare_enterprise"]),
        "consumer": share(closed["consumer"], closed["bare_consumer"]),
        "tasked1": share(closed["tasked1"], closed["consumer"]),
        "tasked": share(closed["tasked100"], closed["consumer"]),
    }
