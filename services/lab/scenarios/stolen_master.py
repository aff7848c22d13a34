"""Stolen master: somebody walks out with the carrier's master key."""

from tiers.lab.classroom.desk import bbm, bes_mail
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    await stage.send("yesterday", bbm("alice", "bob", "Written before the theft"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The enterprise side of it.", "Board"))
    tell("Yesterday", "Alice writes Bob, Quentin writes Priya. Neither message is under any warrant.")
    before = await stage.log_size()
    desk.world.clock.turn(3)
    tell("The theft", "Thirty-two bytes are copied from the carrier's state directory. Nothing is missing afterwards.")
    await stage.send("tomorrow", bbm("mallory", "bob", "Written after the theft"))
    stage.check("leaves in the log since", await stage.log_size() - before, 0)
    tell("The log", "It has not grown by one leaf. The thief derives every subscriber, every minute, past and to come.")


SCENARIO = declared(__name__, _play)
