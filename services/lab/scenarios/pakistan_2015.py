"""Pakistan, 2015: an order to close the enterprise server's connections, a demand for all its traffic, a withdrawal."""

from tiers.lab.classroom.desk import bes_bbm, bes_mail
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.scenarios.scenario import BOTH, Stage, declared
from tiers.wire.api.gateway import Answer, OrdersInForce
from tiers.wire.message.envelope import Channel

E = Channel.ENTERPRISE
BES = ((E,), BOTH)


MAIL = bes_bbm("priya", "quentin", "The Karachi office signs the lease on Monday")


async def _play(stage: Stage) -> None:
    pta = Regulator.appear(stage.desk, "pta")
    await _ordered(stage, pta)
    await _suspended(stage, pta)
    await _withdrawn(stage, pta)


async def _ordered(stage: Stage, pta: Regulator) -> None:
    say = stage.say
    say("An ordinary day")
    await stage.send("bes-bbm", MAIL)

    say("July 2015")
    first = await pta.suspend("PTA/2015/07", *BES, minutes=5)
    stage.check("the answer", first.outcome, Answer.SUSPENDED)
    await stage.send("bes-mail", bes_mail("quentin", "priya", "Still working, until the date.", "Lease"))
    say("Until the date", leaf=first.leaf)

    asked = await pta.demand("PTA/2015/access", *BES)
    stage.check("the answer", asked.outcome, Answer.NOT_HELD)
    kids = asked.specimens[0].recipients
    stage.check("a recipient at the provider", [kid for kid in kids if not kid.startswith("org/")], [])
    say("The demand")
    say("The answer", kids=", ".join(kids))


async def _suspended(stage: Stage, pta: Regulator) -> None:
    desk, say = stage.desk, stage.say
    say("30 November")
    await pta.suspend("PTA/2015/11", *BES, minutes=2, lifts="PTA/2015/07")
    await desk.offline("quentin")
    stage.messages["kept"] = await desk.send(bes_bbm("priya", "quentin", "Sent the evening before; you were out"))
    say("What a suspension does")
    desk.world.clock.turn(2)
    await desk.online("quentin")
    refusal = await stage.refused("a message after the date", "order.suspended", desk.send(MAIL))
    stage.check("the order's reference in the refusal", "PTA/2015/11" in refusal.detail, True)
    say("451", why=refusal.detail)
    relay = desk.as_(pta.identity).peer("gateway")
    stage.check("orders in force", len((await relay.ask("GET", "/v1/orders", OrdersInForce)).orders), 1)


async def _withdrawn(stage: Stage, pta: Regulator) -> None:
    desk, say = stage.desk, stage.say
    say("31 December")
    stage.check("messages that reached Quentin meanwhile", desk.devices["quentin"].received.qsize(), 0)
    await pta.withdraw("PTA/2015/12", lifts="PTA/2015/11")
    stage.check("what was kept", (await desk.received("quentin")).mid, stage.messages["kept"].mid)
    say("Kept, and delivered")
    await stage.send("after", bes_bbm("priya", "quentin", "We are back; the lease is signed"))
    say("Afterwards")


SCENARIO = declared(__name__, _play)
