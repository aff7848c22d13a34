"""Saudi Arabia, 2010: BBM to be suspended, accounts that differ, and a regulator that lets it continue."""

from tiers.lab.classroom.desk import bbm, bis_mail
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.message.envelope import Channel, Service

BBM = (tuple(Channel), (Service.BBM,))


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    citc = Regulator.appear(desk, "citc")
    tell(
        "3 August 2010",
        "The regulator announces that BBM will be suspended from 6 August, until requirements are met [x].",
    )
    await citc.suspend("CITC/2010/08-03", *BBM, minutes=1)
    await stage.send("bbm", bbm("alice", "bob", "They say it stops on Friday"))
    desk.world.clock.turn(1)
    tell(
        "6 August",
        "Accounts of that day differ: services halted for hours [z], or mostly stayed on [A]. Here the order takes effect.",
    )
    held = bbm("alice", "bob", "Does anybody get this?")
    await stage.refused("BBM after the date", "order.suspended", desk.send(held))
    await stage.send("bis-mail", bis_mail("bob", "alice", "Mail still works.", "Friday"))
    tell(
        "One service", "BBM is refused with 451 and the order's reference; mail passes, on the same relay and channel."
    )
    tell(
        "7 August",
        "The Associated Press cites an official on a server inside the kingdom [B]. The deadline moves, to test solutions [x].",
    )
    await citc.suspend("CITC/2010/08-07", *BBM, minutes=2, lifts="CITC/2010/08-03")
    await stage.send("bbm-testing", bbm("alice", "bob", "It is back, for now"))
    tell(
        "10 August",
        'BBM may continue: "positive developments in the completion of part of the regulatory requirements" [C].',
    )
    await citc.withdraw("CITC/2010/08-10", lifts="CITC/2010/08-07")
    desk.world.clock.turn(3)
    await stage.send("bbm-after", bbm("bob", "alice", "So it stays"))
    tell(
        "What was it, then?",
        "The Journal was cited on codes to users' phones [D]. No terms were published; no cell here claims to show them.",
    )


SCENARIO = declared(__name__, _play)
