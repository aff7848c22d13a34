"""Ennetcom, 2016: enterprise mail, and the company's own key server in the hands of the police."""

from tiers.lab.classroom.desk import bes_bbm, bes_mail
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME


async def _kept(stage: Stage) -> None:
    say = stage.say
    say("A company")
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The lorry leaves on Monday.", "Monday"))
    await stage.send("bes-bbm", bes_bbm("priya", "quentin", "Then the warehouse stays closed"))
    say("19 April 2016")
    say("March 2017")


async def _destroyed(stage: Stage) -> None:
    say = stage.say
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The lorry leaves on Monday.", "Monday"))
    await stage.desk.rotate(ACME, destroy=True)
    say("The same company, tidier")
    await stage.send("later", bes_bbm("priya", "quentin", "Nobody will read the last one again"))
    say("What is left to seize")


SCENARIO = declared(__name__, _kept, _destroyed)
