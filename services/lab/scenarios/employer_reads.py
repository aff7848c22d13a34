"""The employer reads: the customer's key server is a recipient of every enterprise message."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    gossip = bes_bbm("priya", "quentin", "The new boss has no idea, between us")
    mid = (await stage.send("bes-bbm", gossip)).mid
    await stage.send("private", bbm("priya", "bob", "Same story, from the same handset, to a friend"))
    opened = await desk.read(ACME, mid)
    stage.check("what the employer reads", opened.content, gossip.text)
    tell(
        "By design", "The company's administrator opens Priya's message to a colleague: its key server is named in it."
    )
    private = stage.messages["private"].mid
    await stage.refused("the message to a friend", "journal.unknown", desk.read(ACME, private))
    tell(
        "Not this one",
        "What Priya writes a friend on the consumer channel is none of the company's: it has no key and no copy.",
    )
    await desk.rotate(ACME, destroy=True)
    await stage.refused("the same message again", "read.key_destroyed", desk.read(ACME, mid))
    tell(
        "Until the key is destroyed", "The company makes a new key and destroys the old: its own past is closed to it."
    )


SCENARIO = declared(__name__, _play)
