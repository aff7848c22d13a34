"""Downgrade: enterprise is made not to work, in the hope that people use the readable channel instead."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import BOTH, Stage, declared
from tiers.lab.world.cast import handset
from tiers.wire.message.envelope import Channel, Service

E = Channel.ENTERPRISE


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    secret = bes_bbm("priya", "quentin", "The offer is forty-one million")
    say("The push")
    await Regulator.appear(desk, "pusher").suspend("PUSH/1", (E,), BOTH)
    await stage.warrant("priya")
    before = len(desk.devices["priya"]._store.messages())  # noqa: SLF001 - the handset's own memory, looked into
    await stage.refused("an enterprise message", "order.suspended", desk.send(secret))
    stage.check("messages that Priya's handset sent instead", len(desk.devices["priya"]._store.messages()) - before, 0)  # noqa: SLF001 - as above
    say("Priya's handset")
    await stage.refused(
        "the same words to a colleague who is no subscriber", "envelope.receiver",
        desk.devices["priya"].send(Channel.CONSUMER, Service.BBM, handset("quentin").pin, secret.text.encode()),
    )  # fmt: skip
    await stage.send("explicit", bbm("priya", "bob", "Call me, the office line is down"))
    say("What is left")
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["priya"])
    stage.check(
        "what the auditor opens", [one.content for one in found.findings], [stage.messages["explicit"].note.text]
    )


SCENARIO = declared(__name__, _play)
