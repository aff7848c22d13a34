"""Indonesia, 2011: the terms were not published. The scenario shows the question, with two possible arrangements."""

from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.message.envelope import Channel, Service

C = Channel.CONSUMER


async def _send(stage: Stage) -> None:
    await stage.send("target", Note("alice", "bob", C, Service.BBM, "The shipment comes on Tuesday night"))
    await stage.send("stranger", Note("mallory", "bob", C, Service.BBM, "Happy birthday from the whole family"))


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


SCENARIO = Scenario(
    name="indonesia-2011",
    title="Indonesia, 2011: one sentence, two arrangements that would fit it",
    acts=(
        Act(
            _window,
            jurisdiction="ID",
            cells=(
                Cells("auditor", reads=("target",), sealed=("stranger",)),
                Cells("other-subscriber", sealed=("target",)),
            ),
        ),
        Act(
            _global,
            arrangement="canada-2010",
            jurisdiction="ID",
            cells=(
                Cells("carrier-keys", reads=("target", "stranger")),
                Cells("other-subscriber", reads=("target", "stranger")),
                Cells("auditor", sealed=("target", "stranger")),
            ),
        ),
    ),
    verdict="Nobody can tell from the outside which of the two it was: that is what publishing the terms is for.",
    unknown="What form the access took, for which services, and who could read what.",
    when="2011",
    asked="a filter within two weeks, a local server [J2], interception [L]",
    got="the filter [K]; on interception, a minister's word [L] and a company's sentence [M]",
    sources=("J", "J2", "K", "L", "M"),
)
