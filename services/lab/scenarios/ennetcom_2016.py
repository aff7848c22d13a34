"""Ennetcom, 2016: enterprise mail, and the company's own key server in the hands of the police."""

from tiers.lab.classroom.desk import bes_bbm, bes_mail
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME


async def _kept(stage: Stage) -> None:
    tell = stage.tell
    tell(
        "A company",
        "It sells handsets that send nothing but encrypted mail [f1]. Its key server is named in each message.",
    )
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The lorry leaves on Monday.", "Monday"))
    await stage.send("bes-bbm", bes_bbm("priya", "quentin", "Then the warehouse stays closed"))
    tell(
        "19 April 2016", "Police in Toronto seize the server for Dutch investigators [f1]. Here: the key server's disk."
    )
    tell(
        "March 2017",
        'The prosecutor says that 3.6 million messages can be read: the keys "fell into the hands of prosecutor and police" [f2].',
    )


async def _destroyed(stage: Stage) -> None:
    tell = stage.tell
    await stage.send("bes-mail", bes_mail("quentin", "priya", "The lorry leaves on Monday.", "Monday"))
    await stage.desk.rotate(ACME, destroy=True)
    tell("The same company, tidier", "It makes a new key and destroys the old one before the server is seized.")
    await stage.send("later", bes_bbm("priya", "quentin", "Nobody will read the last one again"))
    tell(
        "What is left to seize", "The new key opens what is sent from now on. The past is closed, also to the company."
    )


SCENARIO = declared(__name__, _kept, _destroyed)
