"""Indonesia, 2011: the terms were not published. The scenario shows the question, with two possible arrangements."""

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared


async def _send(stage: Stage) -> None:
    await stage.send("target", bbm("alice", "bob", "The shipment comes on Tuesday night"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))


async def _window(stage: Stage) -> None:
    stage.say("17 January 2011")
    stage.say("First possibility")
    await stage.warrant("alice")
    await _send(stage)
    stage.desk.world.clock.turn(1)
    found = await stage.desk.inspect(stage.warrants["alice"])
    stage.check("messages opened", [one.content for one in found.findings], [stage.messages["target"].note.text])
    stage.say("Then", others=len(found.third_parties))


async def _global(stage: Stage) -> None:
    stage.say("Second possibility")
    await _send(stage)
    stage.say("And then")
    stage.say("The question")


SCENARIO = declared(__name__, _window, _global)
