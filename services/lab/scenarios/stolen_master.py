"""Stolen master: somebody walks out with the carrier's master key."""

from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.message.envelope import Channel, Service

C, E = Channel.CONSUMER, Channel.ENTERPRISE


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    await stage.send("yesterday", Note("alice", "bob", C, Service.BBM, "Written before the theft"))
    await stage.send("bes-mail", Note("quentin", "priya", E, Service.EMAIL, "The enterprise side of it.", "Board"))
    tell("Yesterday", "Alice writes Bob, Quentin writes Priya. Neither message is under any warrant.")
    before = await stage.log_size()
    desk.world.clock.turn(3)
    tell("The theft", "Thirty-two bytes are copied from the carrier's state directory. Nothing is missing afterwards.")
    await stage.send("tomorrow", Note("mallory", "bob", C, Service.BBM, "Written after the theft"))
    stage.check("leaves in the log since", await stage.log_size() - before, 0)
    tell("The log", "It has not grown by one leaf. The thief derives every subscriber, every minute, past and to come.")


SCENARIO = Scenario(
    name="stolen-master",
    title="Stolen master: the price of an escrow",
    acts=(
        Act(
            _play,
            cells=(
                Cells("carrier-keys", reads=("yesterday", "tomorrow"), sealed=("bes-mail",)),
                Cells("operator", reads=("yesterday", "tomorrow"), sealed=("bes-mail",)),
                Cells("gateway", sealed=("yesterday", "tomorrow", "bes-mail")),
            ),
        ),
    ),
    verdict="The thief wins all consumer traffic of this carrier for as long as the key is used, and none of the enterprise's.",
    caught="Nothing here. A key in hardware that counts its uses would show some; two keepers (arrangement two-keys) would stop one thief.",
    see="docs/attacks.md, the carrier: lose the master key",
)
