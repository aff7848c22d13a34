"""Compel the customer: the court turns to the one party that can read."""

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.lab.world.cast import ACME, ADMINISTRATORS, party
from tiers.wire.api.enterprise import Decision, Order, OrderAnswer, Reason, Rotate, Rotated
from tiers.wire.message.envelope import Channel, Service

E = Channel.ENTERPRISE
POLICY = b'[orders]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n'


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    note = Note("priya", "quentin", E, Service.BBM, "The ledger is in the second drawer")
    mid = (await stage.send("bes-bbm", note)).mid
    court = desk.as_(party("court").identity).peer("acme")
    before = await stage.log_size()

    async def order(reference: str) -> OrderAnswer:
        return await court.ask(
            "POST", "/v1/orders", OrderAnswer, Order(reference, Reason.THIRD_PARTY_DATA_REQUEST, mid=mid)
        )

    tell(
        "The provider has nothing",
        "Gateway, carrier and auditor together hold no key to it. So the court orders the company.",
    )
    refused = await order("HC/1")
    stage.check("the company's answer", (refused.decision, refused.messages), (Decision.REFUSE, ()))
    tell(
        "It refuses",
        f"Its policy says no to such a request; the answer stands in the public log (leaf {refused.leaf}).",
    )
    StateDir(desk.world.state("acme")).write("policy.toml", POLICY)
    given = await order("HC/2")
    stage.check("what it hands over", [one.content for one in given.messages], [note.text])
    tell(
        "It complies",
        "It changes its policy, opens this one message itself, and hands over the text. No key leaves the house.",
    )
    await desk.as_(ADMINISTRATORS[ACME]).peer("acme").ask("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    late = await order("HC/3")
    stage.check("after the key is gone", [one.code for one in late.unreadable], ["read.key_destroyed"])
    stage.check("answers in the public log", await stage.log_size() - before, 3)
    tell("It cannot", "After the key is destroyed it would comply and cannot. Three orders, three leaves.")


SCENARIO = Scenario(
    name="compel-the-customer",
    title="Compel the customer: whoever holds the key can be asked for the text",
    acts=(Act(_play, cells=(Cells("state", sealed=("bes-bbm",)), Cells("auditor", sealed=("bes-bbm",)))),),
    verdict="The court wins if the company lets it: an order reaches whoever holds the key, and the company knows that it was ordered.",
    caught="Every answer is logged before anything leaves. The employee is not told; the company may.",
    see="docs/attacks.md, the customer: hand content to somebody else; services/enterprise/orders.py",
)
