"""Arrangements that one builds: what they declare, by the closure, what they cost, and what an attack finds."""

from typing import Any

from tiers.lab.page.verdicts import judge_in
from tiers.lab.world import arrangement as arrangements
from tiers.lab.world.arrangement import Arrangement, parse_arrangement
from tiers.wire.custody import CUSTODIES, custody_of
from tiers.wire.errors import Ours
from tiers.wire.message.envelope import Channel

_JOINED = ("device+carrier", "device+global")
_ENDS = {"sender", "receiver", "seized-handset"}


def choices() -> dict[str, list[dict[str, str]]]:
    """Return the custodies that each channel may have, and what holds the keys."""
    single = {channel: [one for one in CUSTODIES if channel in CUSTODIES[one].readers] for channel in Channel}
    single[Channel.CONSUMER] += _JOINED
    return {
        channel.value: [{"name": name, "holds": custody_of(name, channel).holds} for name in names]
        for channel, names in single.items()
    }


def declare(consumer: str, enterprise: str) -> dict[str, Any]:
    """Return who reads, before a warrant and inside its window, what it costs, and the file; raises `Yours`."""
    sides = {Channel.CONSUMER: consumer, Channel.ENTERPRISE: enterprise}
    cells = {}
    for channel, name in sides.items():
        custody_of(name, channel)
        moments = (judge_in(name, channel, granted=False), judge_in(name, channel, granted=True))
        cells[channel.value] = {who: [moment[who].reads for moment in moments] for who in moments[0]}
    costs = {channel: _costs(cells[channel]) for channel in cells}
    return {"cells": cells, "costs": costs, "toml": toml(consumer, enterprise)}


def _costs(cells: dict[str, list[bool]]) -> dict[str, bool]:
    """Say what is lost when something happens: whether the message is read, or cannot be brought back."""
    inside = {who: reads[1] for who, reads in cells.items()}
    return {
        "seized": inside["seized-handset"],
        "stolen": inside["carrier-keys"] or inside["customer"],
        "served": inside["auditor"],
        "lost": not any(reads for who, reads in inside.items() if who not in _ENDS),
    }


def toml(consumer: str, enterprise: str) -> str:
    """Write the arrangement as a file (docs/custody.md)."""
    lines = ['title = "Built on the page"', 'says = "Nobody has said yet what for."', 'jurisdiction = "IN"']
    for channel, name in ((Channel.CONSUMER, consumer), (Channel.ENTERPRISE, enterprise)):
        inside = judge_in(name, channel, granted=True)
        readers = [who for who, verdict in inside.items() if verdict.reads and who != "auditor-outside-window"]
        names = ", ".join(f'"{who}"' for who in readers)
        lines += [
            "",
            f"[{channel.value}]",
            f'custody = "{name}"',
            f"who-reads = [{names}]",
            'stolen = "see what it costs"',
        ]
    return "\n".join(lines) + "\n"


def arranged(consumer: str, enterprise: str) -> Arrangement:
    """Return the arrangement; raises `Yours`."""
    return parse_arrangement("built", toml(consumer, enterprise))


async def attack(consumer: str, enterprise: str) -> dict[str, dict[str, bool | None]]:
    """Boot that world, play the story in it and attack it: who reads the reference message of each channel."""
    from tiers.lab.matrix.matrix import REFERENCE  # noqa: PLC0415 - a classroom starts without the attack
    from tiers.lab.scenarios.compare import measure  # noqa: PLC0415 - as above

    measured = await measure(arranged(consumer, enterprise))
    found = measured.attacked
    if missing := [one.source for one in found.controls if one.found is None]:
        raise Ours("lab.capture", f"Start again: a capture is empty, {missing[0]}.")
    return {
        channel.value: {
            who: outcome.reads for (who, key), outcome in found.outcomes.items() if key == REFERENCE[channel]
        }
        for channel in Channel
    }


def shipped() -> list[dict[str, str]]:
    """Return the arrangements that are shipped, to begin from."""
    known = [arrangements.load(name) for name in arrangements.names()]
    return [
        {
            "name": one.name,
            "title": one.declared.title,
            "consumer": one.declared.consumer.custody,
            "enterprise": one.declared.enterprise.custody,
        }
        for one in known
        if not one.custody.within
    ]
