"""United Arab Emirates, 2011: who may have the enterprise tier at all. A downgrade, as a rule."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import BOTH, Stage, declared
from tiers.lab.world.cast import ACME
from tiers.wire.message.envelope import Channel

E = Channel.ENTERPRISE
PLAN = bes_bbm("priya", "quentin", "The supplier in Sharjah wants cash")


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("April 2011")
    await stage.send("bes-bbm", PLAN)
    tra = Regulator.appear(desk, "tra")
    await tra.suspend("TRA/2011/05", (E,), BOTH, minutes=1, orgs=(ACME,))
    say("The rule")
    desk.world.clock.turn(1)
    refusal = await stage.refused("Acme's next message", "order.suspended", desk.send(PLAN))
    say("1 May 2011", why=refusal.detail)
    other = bes_bbm("gita", "priya", "We have twenty-five handsets, so ours still works")
    await stage.send("larger-firm", other)
    say("A larger firm")
    await stage.warrant("priya")
    await stage.send("bbm", bbm("priya", "bob", "Tell the supplier that we pay on delivery"))
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["priya"])
    read = [finding.content for finding in found.findings if finding.content]
    stage.check("what the auditor opens", read, [stage.messages["bbm"].note.text])
    say("What is left to Acme")


SCENARIO = declared(__name__, _play)
