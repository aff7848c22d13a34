"""Indonesia, 2011: the terms were not published. The scenario shows the question, with two possible arrangements."""

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared


async def _send(stage: Stage) -> None:
    await stage.send("target", bbm("alice", "bob", "The shipment comes on Tuesday night"))
    await stage.send("stranger", bbm("mallory", "bob", "Happy birthday from the whole family"))


async def _window(stage: Stage) -> None:
    stage.tell(
        "17 January 2011", "A minister is reported: RIM has agreed to let authorities legally intercept messages [L]."
    )
    stage.tell(
        "First possibility", "The carrier holds keys by person and minute; a warrant names one person and a window."
    )
    await stage.warrant("alice")
    await _send(stage)
    stage.desk.world.clock.turn(1)
    found = await stage.desk.inspect(stage.warrants["alice"])
    stage.check("messages opened", [one.content for one in found.findings], [stage.messages["target"].note.text])
    stage.tell(
        "Then",
        f"The auditor reads what Alice wrote, and learns of {len(found.third_parties)} other; Mallory's stays shut.",
    )


async def _global(stage: Stage) -> None:
    stage.tell("Second possibility", "There is one key for everybody, and a request is answered by whoever holds it.")
    await _send(stage)
    stage.tell(
        "Then",
        "Whoever answers for Alice can answer for everybody, with or without a request. Nothing in the log differs.",
    )
    stage.tell(
        "The question",
        'RIM said that it had "fully addressed" lawful access [M]. Both acts would fit the sentence. Which was it?',
    )


SCENARIO = declared(__name__, _window, _global)
