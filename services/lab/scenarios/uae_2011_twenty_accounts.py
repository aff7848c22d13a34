"""United Arab Emirates, 2011: who may have the enterprise tier at all. A downgrade, as a rule."""

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import BOTH, Stage, declared
from tiers.lab.world.cast import ACME
from tiers.wire.message.envelope import Channel

E = Channel.ENTERPRISE
PLAN = bes_bbm("priya", "quentin", "The supplier in Sharjah wants cash")


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell("April 2011", "Acme has three handsets. Its enterprise messages are sealed to its own keys.")
    await stage.send("bes-bbm", PLAN)
    tra = Regulator.appear(desk, "tra")
    await tra.suspend("TRA/2011/05", (E,), BOTH, minutes=1, orgs=(ACME,))
    tell(
        "The rule",
        'From 1 May enterprise services are for organisations with 20 or more accounts, "and not to private individuals" [E2].',
    )
    desk.world.clock.turn(1)
    refusal = await stage.refused("Acme's next message", "order.suspended", desk.send(PLAN))
    tell("1 May 2011", f"Acme is too small. The relay refuses: {refusal.detail}")
    other = bes_bbm("gita", "priya", "We have twenty-five handsets, so ours still works")
    await stage.send("larger-firm", other)
    tell("A larger firm", "Globex stands for one with twenty accounts. It writes as before, on the same relay.")
    await stage.warrant("priya")
    await stage.send("bbm", bbm("priya", "bob", "Tell the supplier that we pay on delivery"))
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["priya"])
    read = [finding.content for finding in found.findings if finding.content]
    stage.check("what the auditor opens", read, [stage.messages["bbm"].note.text])
    tell(
        "What is left to Acme",
        "The Internet Service, whose messages a warrant reaches. No key moved, and no cipher got weaker.",
    )


SCENARIO = declared(__name__, _play)
