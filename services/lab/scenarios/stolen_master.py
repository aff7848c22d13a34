"""Stolen master: somebody walks out with the carrier's master key."""

from tiers.lab.classroom.desk import bbm, bes_mail
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    await stage.send("yesterday", bbm("alice", "bob", "Written before the theft"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The enterprise side of it.", "Board"))
    say("Yesterday")
    before = await stage.log_size()
    desk.world.clock.turn(3)
    say("The theft")
    await stage.send("tomorrow", bbm("mallory", "bob", "Written after the theft"))
    stage.check("leaves in the log since", await stage.log_size() - before, 0)
    say("The log")


SCENARIO = declared(__name__, _play)
