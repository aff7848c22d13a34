"""London, 2011: a demand that BBM be suspended for a night, and a key that lies in every handset."""

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.custody.global_ import global_wrap
from tiers.wire.message.sealing import open_content, unwrap_from_carrier


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("August 2011")
    await stage.send("bbm", bbm("alice", "bob", "Stay at home tonight, the shops are shut"))
    say("The demand")
    key = desk.devices["mallory"].ring.factory
    assert key is not None  # noqa: S101 - the arrangement puts one into every handset
    jwe = stage.messages["bbm"].envelope.jwe
    opened = open_content(jwe, unwrap_from_carrier(jwe.recipients[0], global_wrap(key)))
    stage.show("any handset's key", "bbm", opened, stage.messages["bbm"].note.text)
    say("Can nobody?")
    before = await stage.log_size()
    await stage.send("next-day", bbm("bob", "alice", "Open again. I am going to work."))
    stage.check("orders in the public log", await stage.log_size() - before, 0)
    say("The night passes")


SCENARIO = declared(__name__, _play)
