"""EncroChat, 2020: an implant in the handset. Whose keys stand in the message does not matter to it."""

from tiers.lab.attack.vantages import CIPHERTEXT, Vantage
from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.message.envelope import Channel, Service

C, E = Channel.CONSUMER, Channel.ENTERPRISE
IMPLANT = Vantage("implanted-handset", ("handset:receiver", CIPHERTEXT))
"""A program in the receiver's handset that sees what its user sees, and holds what it holds."""
KEYS = ("bbm", "bes-bbm")


async def _play(stage: Stage) -> None:
    await stage.send("bbm", Note("alice", "bob", C, Service.BBM, "Your new phone reads this before you do"))
    await stage.send("bes-bbm", Note("priya", "quentin", E, Service.BBM, "Colleagues keep their phones in the fridge"))
    stage.tell(
        "1 April 2020",
        "What looks like a routine update is an implant of the French gendarmerie [i1] [i2]. It reads on the handset.",
    )


def _act(arrangement: str, others: tuple[Cells, ...]) -> Act:
    cells = (Cells("implanted-handset", reads=KEYS), *others)
    return Act(_play, arrangement=arrangement, jurisdiction="FR", vantages=(IMPLANT,), cells=cells)


SCENARIO = Scenario(
    name="encrochat-2020",
    title="EncroChat, 2020: the handset itself, under three arrangements",
    acts=(
        _act("india-2013", (Cells("auditor", sealed=KEYS),)),
        _act("two-keys", (Cells("auditor", sealed=KEYS),)),
        _act("all-the-way", (Cells("state", sealed=KEYS), Cells("customer", sealed=KEYS))),
    ),
    verdict=(
        "The implant wins under every arrangement, because a message must be opened where it is read. "
        "No recipients list says anything about who else looks at the screen."
    ),
    caught="Nothing in the messages, the relay or the log. In 2020 the company itself noticed, after two months [i1].",
    unknown="How the implant works: France keeps it a defence secret [i1].",
    when="2020",
    asked="nothing of the provider: the handsets were changed by an update [i2]",
    got="messages of tens of thousands of handsets, from 1 April to 13 June [i1]",
    sources=("i1", "i2"),
)
