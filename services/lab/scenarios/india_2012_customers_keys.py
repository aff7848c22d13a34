"""India, 2012: not the maker, who has no enterprise keys, is to be asked, but the customers, who do."""

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import ACME, GLOBEX
from tiers.wire.api.enterprise import Decision, Order, OrderAnswer, Reason

POLICY = b'[orders]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n'


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    note = bes_bbm("priya", "quentin", "The offer goes out on Thursday")
    other = bes_bbm("gita", "priya", "We would sign at that price")
    mid = (await stage.send("acme", note)).mid
    crossed = (await stage.send("crossed", other)).mid
    say("February 2012")
    say("Why the firms")
    before = await stage.log_size()

    async def order(org: str, reference: str, mid: str) -> OrderAnswer:
        return await desk.order(org, Order(reference, Reason.THIRD_PARTY_DATA_REQUEST, mid=mid))

    refused = await order(ACME, "DOT/1", mid)
    stage.check("Acme's answer", refused.decision, Decision.REFUSE)
    StateDir(desk.world.state("acme")).write("policy.toml", POLICY)
    given = await order(ACME, "DOT/2", mid)
    stage.check("what Acme hands over", [one.content for one in given.messages], [note.text])
    theirs = await order(ACME, "DOT/3", crossed)
    stage.check("of its mail with Globex", [one.content for one in theirs.messages], [other.text])
    say("Suppose it is done, firm by firm")
    kept = await order(GLOBEX, "DOT/4", crossed)
    stage.check("Globex's answer", kept.decision, Decision.REFUSE)
    stage.check("answers in the public log", await stage.log_size() - before, 4)
    say("The other end")


SCENARIO = declared(__name__, _play)
