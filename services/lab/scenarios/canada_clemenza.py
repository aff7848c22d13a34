"""Canada, Project Clemenza: one leaked key opens a million messages. Then the same leak against the key tree."""

import time

import uuid_utils

from tiers.device.keyring import Draft, seal_consumer
from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.custody import GLOBAL
from tiers.wire.custody.global_ import global_wrap
from tiers.wire.message.envelope import Service
from tiers.wire.message.sealing import open_content, unwrap_from_carrier

SAMPLE = 2_000
MILLION = 1_000_000


async def _global(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell(
        "2010 to 2012",
        "In Montreal the police read over one million PIN-to-PIN messages [S]. All handsets share one key [c].",
    )
    await stage.send("target", bbm("alice", "bob", "Move the money before the weekend"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))
    before = await stage.log_size()
    tell("The key leaks", "Here it is taken from one handset. Where the police had theirs from is contested [T] [S3].")
    key = desk.devices["mallory"].ring.factory
    assert key is not None  # noqa: S101 - the arrangement puts one into every handset
    for name in ("target", "stranger"):
        jwe = stage.messages[name].envelope.jwe
        text = open_content(jwe, unwrap_from_carrier(jwe.recipients[0], global_wrap(key)))
        stage.show("one leaked key", name, text, stage.messages[name].note.text)
    seconds = _open_many(stage)
    tell(
        f"{SAMPLE:,} messages more, one key",
        f"All open, {SAMPLE / seconds:,.0f} a second on this machine: a million in {MILLION * seconds / SAMPLE:,.0f} s.",
    )
    stage.check("leaves in the public log meanwhile", await stage.log_size() - before, 0)
    tell(
        "The log stays silent",
        "No warrant was served, no grant was asked for, nobody was told: a key needs no permission.",
    )


def _open_many(stage: Stage) -> float:
    """Seal messages of all subscribers, then open every one with one handset's key; returns the seconds of opening."""
    devices = [one for one in stage.desk.devices.values() if one.ring.consumer is not None]
    text, now = b"One of very many", stage.desk.world.clock.now()
    sealed = []
    for number in range(SAMPLE):
        sender, to = devices[number % len(devices)], devices[(number + 1) % len(devices)]
        mid = str(uuid_utils.uuid7())
        sealed.append(seal_consumer(sender.ring, Draft(to.ring.pin, Service.BBM, text, mid, now), GLOBAL))
    key = devices[0].ring.factory
    assert key is not None  # noqa: S101 - as above
    began = time.perf_counter()
    opened = sum(
        open_content(one.jwe, unwrap_from_carrier(one.jwe.recipients[0], global_wrap(key))) == text for one in sealed
    )
    seconds = time.perf_counter() - began
    stage.check("messages that one key opens", opened, SAMPLE)
    return seconds


async def _tree(stage: Stage) -> None:
    tell = stage.tell
    tell(
        "The same leak, against the key tree", "The same two messages; each handset has its own keys, minute by minute."
    )
    await stage.send("target", bbm("alice", "bob", "Move the money before the weekend"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))
    tell("Mallory's handset leaks", "It opens what Mallory herself wrote or gets, and nothing of Alice's.")
    tell(
        "And the carrier's master?",
        "That opens everything again, and the log is as silent: the tree narrows a warrant, not a theft.",
    )


SCENARIO = declared(__name__, _global, _tree)
