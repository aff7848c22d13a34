"""Compel the customer: the court turns to the one party that can read."""

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME
from tiers.wire.api.enterprise import Decision, Order, OrderAnswer, Reason

POLICY = b'[orders]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n'


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    note = bes_bbm("priya", "quentin", "The ledger is in the second drawer")
    mid = (await stage.send("bes-bbm", note)).mid
    before = await stage.log_size()

    async def order(reference: str) -> OrderAnswer:
        return await desk.order(ACME, Order(reference, Reason.THIRD_PARTY_DATA_REQUEST, mid=mid))

    say("The provider has nothing")
    refused = await order("HC/1")
    stage.check("the company's answer", (refused.decision, refused.messages), (Decision.REFUSE, ()))
    say("It refuses", leaf=refused.leaf)
    StateDir(desk.world.state("acme")).write("policy.toml", POLICY)
    given = await order("HC/2")
    stage.check("what it hands over", [one.content for one in given.messages], [note.text])
    say("It complies")
    await desk.rotate(ACME, destroy=True)
    late = await order("HC/3")
    stage.check("after the key is gone", [one.code for one in late.unreadable], ["read.key_destroyed"])
    stage.check("answers in the public log", await stage.log_size() - before, 3)
    say("It cannot")


SCENARIO = declared(__name__, _play)
