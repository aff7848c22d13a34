"""Backdated message: a target who knows the window dates its messages out of it."""

from dataclasses import replace

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.keys.keytree import EPOCH_MS

NOTE = bbm("alice", "bob", "This was written yesterday, as far as you know")


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    clock, alice = desk.world.clock, desk.devices["alice"]
    hoarded = alice.ring.consumer
    clock.turn(12)
    await stage.warrant("alice", minutes=2, after=1)
    clock.turn(1)
    say("The window is open")
    alice.ring = replace(alice.ring, consumer=hoarded)
    alice._clock = lambda: clock.now() - 10 * EPOCH_MS  # noqa: SLF001 - her own clock, turned back
    await stage.refused("ten minutes back", "envelope.misdated", desk.send(NOTE))
    alice._clock = lambda: clock.now() - 119_000  # noqa: SLF001 - as above
    await stage.refused("two minutes back", "admission.epoch", desk.send(NOTE))
    say("Refused twice")
    alice._clock = lambda: clock.now() - EPOCH_MS  # noqa: SLF001 - as above
    await stage.send("one-back", bbm("alice", "bob", "One minute back, at the edge of the window"))
    alice._clock = clock.now  # noqa: SLF001 - as above
    clock.turn(1)
    await stage.send("honest", bbm("alice", "bob", "The right time, in the middle of the window"))
    clock.turn(1)
    found = await desk.inspect(stage.warrants["alice"])
    sealed = {one.mid: one.sealed for one in found.findings}
    stage.check(
        "why the first stays shut",
        sealed[stage.messages["one-back"].mid],
        "this minute lies outside the granted window",
    )
    say("One minute at the edge")


SCENARIO = declared(__name__, _play)
