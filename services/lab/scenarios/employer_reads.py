"""The employer reads: the customer's key server is a recipient of every enterprise message."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    gossip = bes_bbm("priya", "quentin", "The new boss has no idea, between us")
    mid = (await stage.send("bes-bbm", gossip)).mid
    await stage.send("private", bbm("priya", "bob", "Same story, from the same handset, to a friend"))
    opened = await desk.read(ACME, mid)
    stage.check("what the employer reads", opened.content, gossip.text)
    say("By design")
    private = stage.messages["private"].mid
    await stage.refused("the message to a friend", "journal.unknown", desk.read(ACME, private))
    say("Not this one")
    await desk.rotate(ACME, destroy=True)
    await stage.refused("the same message again", "read.key_destroyed", desk.read(ACME, mid))
    say("Until the key is destroyed")


SCENARIO = declared(__name__, _play)
