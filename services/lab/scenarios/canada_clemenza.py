"""Canada, Project Clemenza: one key opens a million messages. Then the same handset's keys, under the key tree."""

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
    desk, say = stage.desk, stage.say
    say("2010 to 2012")
    await stage.send("target", bbm("alice", "bob", "Move the money before the weekend"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))
    before = await stage.log_size()
    say("The key")
    key = desk.devices["mallory"].ring.factory
    assert key is not None  # noqa: S101 - the arrangement puts one into every handset
    for name in ("target", "stranger"):
        jwe = stage.messages[name].envelope.jwe
        text = open_content(jwe, unwrap_from_carrier(jwe.recipients[0], global_wrap(key)))
        stage.show("one handset's key", name, text, stage.messages[name].note.text)
    seconds = _open_many(stage)
    say("2,000 messages more, one key", rate=SAMPLE / seconds, seconds=MILLION * seconds / SAMPLE)
    stage.check("leaves in the public log meanwhile", await stage.log_size() - before, 0)
    say("The log stays silent")


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
    say = stage.say
    say("The same, under the key tree")
    await stage.send("target", bbm("alice", "bob", "Move the money before the weekend"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))
    say("Mallory's handset, taken")
    say("And the carrier's master?")


SCENARIO = declared(__name__, _global, _tree)
