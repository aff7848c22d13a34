"""EncroChat, 2020: an implant in the handset. Whose keys stand in the message does not matter to it."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    await stage.send("bbm", bbm("alice", "bob", "Your new phone reads this before you do"))
    await stage.send("bes-bbm", bes_bbm("priya", "quentin", "Colleagues keep their phones in the fridge"))
    stage.say("1 April 2020")


SCENARIO = declared(__name__, _play, _play, _play)
