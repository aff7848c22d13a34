"""Downgrade: enterprise is made not to work, in the hope that people use the readable channel instead."""

from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import BOTH, Act, Cells, Scenario, Stage
from tiers.lab.world.cast import handset
from tiers.wire.message.envelope import Channel, Service

C, E = Channel.CONSUMER, Channel.ENTERPRISE


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    secret = Note("priya", "quentin", E, Service.BBM, "The offer is forty-one million")
    tell("The push", "Somebody has enterprise messages suspended, by an order or simply by dropping them.")
    await Regulator.appear(desk, "pusher").suspend("PUSH/1", (E,), BOTH)
    await stage.warrant("priya")
    before = len(desk.devices["priya"]._store.messages())  # noqa: SLF001 - the handset's own memory, looked into
    await stage.refused("an enterprise message", "order.suspended", desk.send(secret))
    stage.check("messages that Priya's handset sent instead", len(desk.devices["priya"]._store.messages()) - before, 0)  # noqa: SLF001
    tell(
        "Priya's handset",
        "It reports the refusal and sends nothing. There is no fall-back in it that anybody could trigger.",
    )
    await stage.refused(
        "the same words to a colleague who is no subscriber", "envelope.receiver",
        desk.devices["priya"].send(C, Service.BBM, handset("quentin").pin, secret.text.encode()),
    )  # fmt: skip
    await stage.send("explicit", Note("priya", "bob", C, Service.BBM, "Call me, the office line is down"))
    tell(
        "What is left",
        "She writes Bob a consumer message, knowingly. That one the auditor reads, under the warrant on her.",
    )
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["priya"])
    stage.check(
        "what the auditor opens", [one.content for one in found.findings], [stage.messages["explicit"].note.text]
    )


SCENARIO = Scenario(
    name="downgrade",
    title="Downgrade: make the sealed channel fail and wait",
    acts=(Act(_play, cells=(Cells("auditor", reads=("explicit",)), Cells("customer", sealed=("explicit",)))),),
    verdict="The machines do not fall back, so the attacker gets what people choose to say on the other channel, and no more.",
    caught="The sender sees a refusal, with the order's reference if it is one. A customer's policy could forbid the other channel.",
    see="docs/attacks.md, the relay: drop, delay or reorder",
)
