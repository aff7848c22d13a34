"""Ennetcom, 2016: enterprise mail, and the company's own key server in the hands of the police."""

from tiers.lab.attack.vantages import CIPHERTEXT, Vantage
from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.lab.world.cast import ACME, ADMINISTRATORS
from tiers.wire.api.enterprise import Rotate, Rotated
from tiers.wire.message.envelope import Channel, Service

E = Channel.ENTERPRISE
SEIZED = Vantage("seized-key-server", ("state:acme", CIPHERTEXT))
"""The disk of a company's key server, and every envelope that the relay ever took."""


async def _kept(stage: Stage) -> None:
    tell = stage.tell
    tell(
        "A company",
        "It sells handsets that send nothing but encrypted mail [f1]. Its key server is named in each message.",
    )
    await stage.send("bes-mail", Note("quentin", "priya", E, Service.EMAIL, "The lorry leaves on Monday.", "Monday"))
    await stage.send("bes-bbm", Note("priya", "quentin", E, Service.BBM, "Then the warehouse stays closed"))
    tell(
        "19 April 2016", "Police in Toronto seize the server for Dutch investigators [f1]. Here: the key server's disk."
    )
    tell(
        "March 2017",
        'The prosecutor says that 3.6 million messages can be read: the keys "fell into the hands of prosecutor and police" [f2].',
    )


async def _destroyed(stage: Stage) -> None:
    tell = stage.tell
    await stage.send("bes-mail", Note("quentin", "priya", E, Service.EMAIL, "The lorry leaves on Monday.", "Monday"))
    peer = stage.desk.as_(ADMINISTRATORS[ACME]).peer("acme")
    await peer.ask("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    tell("The same company, tidier", "It makes a new key and destroys the old one before the server is seized.")
    await stage.send("later", Note("priya", "quentin", E, Service.BBM, "Nobody will read the last one again"))
    tell(
        "What is left to seize", "The new key opens what is sent from now on. The past is closed, also to the company."
    )


SCENARIO = Scenario(
    name="ennetcom-2016",
    title="Ennetcom, 2016: sealed to the company, and the company's server is seized",
    acts=(
        Act(
            _kept,
            jurisdiction="NL",
            vantages=(SEIZED,),
            cells=(
                Cells("seized-key-server", reads=("bes-mail", "bes-bbm")),
                Cells("operator", sealed=("bes-mail", "bes-bbm")),
                Cells("other-customer", sealed=("bes-mail", "bes-bbm")),
            ),
        ),
        Act(
            _destroyed,
            jurisdiction="NL",
            vantages=(SEIZED,),
            cells=(Cells("seized-key-server", reads=("later",), sealed=("bes-mail",)),),
        ),
    ),
    verdict=(
        "Whoever takes the server has what the company had: every message for which a key is still there. "
        "Sealed against the state means sealed as long as the company keeps its keys from it."
    ),
    caught="The company knows that its server is gone. Its customers learn it from the papers.",
    unknown="How the keys were obtained. The company's lawyer said that it did not have them [f3].",
    when="2016",
    asked="the data of a seized server, by a court in Canada for four Dutch investigations [f1]",
    got="3.6 million readable messages; the cipher was not broken [f2]",
    sources=("f1", "f2", "f3"),
)
