"""Saudi Arabia, 2010: BBM to be suspended, accounts that differ, and a regulator that lets it continue."""

from tiers.lab.classroom.desk import bbm, bis_mail
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.message.envelope import Channel, Service

BBM = (tuple(Channel), (Service.BBM,))


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    citc = Regulator.appear(desk, "citc")
    say("3 August 2010")
    await citc.suspend("CITC/2010/08-03", *BBM, minutes=1)
    await stage.send("bbm", bbm("alice", "bob", "They say it stops on Friday"))
    desk.world.clock.turn(1)
    say("6 August")
    held = bbm("alice", "bob", "Does anybody get this?")
    await stage.refused("BBM after the date", "order.suspended", desk.send(held))
    await stage.send("bis-mail", bis_mail("bob", "alice", "Mail still works.", "Friday"))
    say("One service")
    say("7 August")
    await citc.suspend("CITC/2010/08-07", *BBM, minutes=2, lifts="CITC/2010/08-03")
    await stage.send("bbm-testing", bbm("alice", "bob", "It is back, for now"))
    say("10 August")
    await citc.withdraw("CITC/2010/08-10", lifts="CITC/2010/08-07")
    desk.world.clock.turn(3)
    await stage.send("bbm-after", bbm("bob", "alice", "So it stays"))
    say("What was it, then?")


SCENARIO = declared(__name__, _play)
