"""The employer reads: the customer's key server is a recipient of every enterprise message."""

from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.lab.world.cast import ACME, ADMINISTRATORS
from tiers.wire.api.enterprise import Rotate, Rotated
from tiers.wire.message.envelope import Channel, Service

C, E = Channel.CONSUMER, Channel.ENTERPRISE


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    gossip = Note("priya", "quentin", E, Service.BBM, "The new boss has no idea, between us")
    mid = (await stage.send("bes-bbm", gossip)).mid
    await stage.send("private", Note("priya", "bob", C, Service.BBM, "Same story, from the same handset, to a friend"))
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
    administrator = desk.as_(ADMINISTRATORS[ACME]).peer("acme")
    await administrator.ask("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    await stage.refused("the same message again", "read.key_destroyed", desk.read(ACME, mid))
    tell(
        "Until the key is destroyed", "The company makes a new key and destroys the old: its own past is closed to it."
    )


SCENARIO = Scenario(
    name="employer-reads",
    title="The employer reads: sealed against the state is not sealed against the company",
    acts=(
        Act(
            _play,
            cells=(
                Cells("customer", sealed=("private",)),
                Cells("other-customer", sealed=("bes-bbm", "private")),
                Cells("state", reads=("private",), sealed=("bes-bbm",)),
            ),
        ),
    ),
    verdict="The employer wins, by contract: it reads its employees' enterprise mail for as long as it keeps its key.",
    caught="Nothing is hidden: the recipients list names the company's key server in every message.",
    see="docs/attacks.md, the customer",
)
