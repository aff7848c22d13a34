"""`tiers bench --hour`: ten minutes at full speed, an hour of a slower relay, to see whether anything fills up.

Round after round of the closed loop on both channels, one subscriber in a hundred tasked. Message contents are made
between the rounds, so the relay works about half of the time.
"""

import time
from itertools import cycle

import msgspec
from rich.progress import Progress

from bench.results import usage
from bench.run import IN_FLIGHT, SESSIONS
from bench.stage import staged
from tiers.wire.message.envelope import Channel

SECONDS = 600
MESSAGES = 40_000
"""In each round."""


class Round(msgspec.Struct, frozen=True):
    """How things stood `at` seconds, after `messages` in all: the last round's rate, resident MiB by process."""

    at: float
    messages: int
    rate: float
    memory: dict[str, float]


async def measure(progress: Progress) -> list[Round]:
    """Boot, load for ten minutes, and note the memory after each round."""
    bar = progress.add_task("An hour of messages", total=SECONDS)
    rounds: list[Round] = []
    async with staged() as stage:
        employees = await stage.employees(0x51000000, SESSIONS)
        subscribers = await stage.subscribers(0x52000000, SESSIONS)
        await stage.task(subscribers[0].pin)
        start = time.monotonic()
        for members, channel in cycle(((employees, Channel.ENTERPRISE), (subscribers, Channel.CONSUMER))):
            spec = stage.spec(members, channel, each=MESSAGES // SESSIONS, in_flight=IN_FLIGHT)
            result = await stage.load(spec)
            memory = {name: used.rss for name, used in usage(spec.pids).items() if used.rss and name != "load"}
            sent = result.sent + (rounds[-1].messages if rounds else 0)
            rounds.append(Round(time.monotonic() - start, sent, result.rate, memory))
            progress.update(bar, completed=rounds[-1].at)
            if rounds[-1].at >= SECONDS and len(rounds) > 1:  # both channels had theirs
                break
    return rounds
