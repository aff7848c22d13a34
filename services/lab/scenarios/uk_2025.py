"""United Kingdom, 2025: keys that only devices held are the provider's again, for those who live in one country."""

from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.message.envelope import Channel, Service

C = Channel.CONSUMER
OUTSIDE = Note("alice", "mallory", C, Service.EMAIL, "The photographs of the garden, as promised.", "Garden")
INSIDE = Note("bob", "alice", C, Service.EMAIL, "Scans from the dentist: nothing to worry about.", "Teeth")


async def _before(stage: Stage) -> None:
    await stage.send("outside", OUTSIDE)
    await stage.send("inside", INSIDE)
    stage.tell(
        "Until February 2025",
        "Whoever wants it has his stored data sealed to his own devices. Our messages stand for what is stored.",
    )


async def _after(stage: Stage) -> None:
    tell = stage.tell
    tell(
        "21 February 2025",
        "Apple withdraws Advanced Data Protection in the United Kingdom [m1]. Bob lives there; Alice and Mallory do not.",
    )
    await stage.warrant("bob")
    await stage.send("outside", OUTSIDE)
    sent = await stage.send("inside", INSIDE)
    stage.check("who reads what Bob sends", sent.envelope.jwe.recipients[0].header.kid.partition("/")[0], "carrier")
    stage.desk.world.clock.turn(1)
    found = await stage.desk.inspect(stage.warrants["bob"])
    stage.check("what a warrant on Bob opens", sum(one.content is not None for one in found.findings), 1)
    tell(
        "One relay, two custodies",
        "What Bob sends names the provider's key; what others send names devices alone. The relay accepts both.",
    )


SCENARIO = Scenario(
    name="uk-2025",
    title="United Kingdom, 2025: the provider holds the keys again, for one country",
    acts=(
        Act(
            _before,
            arrangement="all-the-way",
            jurisdiction="GB",
            cells=(Cells("carrier-keys", sealed=("outside", "inside")), Cells("receiver", reads=("outside", "inside"))),
        ),
        Act(
            _after,
            arrangement="uk-2025",
            cells=(
                Cells("carrier-keys", reads=("inside",), sealed=("outside",)),
                Cells("auditor", reads=("inside",), sealed=("outside",)),
                Cells("gateway", sealed=("outside", "inside")),
                Cells("receiver", reads=("outside", "inside")),
            ),
        ),
    ),
    verdict=(
        "The state wins what people in its country store, without a back door: the front door is the provider's again. "
        "Everybody elsewhere keeps his keys, until he writes to, or hears from, somebody who did not."
    ),
    caught="Nothing is hidden: the feature is gone, and the recipients list says whose keys stand there.",
    unknown="The notice that was reported. Ours are messages in transit; what happened concerns stored data.",
    when="2025",
    asked="by a notice that was reported and that nobody may confirm, access to what only devices could open [m2]",
    got="the feature withdrawn for one country [m1]; messages in transit stayed as they were [m3]",
    sources=("m1", "m2", "m3"),
)
