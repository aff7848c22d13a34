"""United Arab Emirates, 2010: a suspension announced, and called off before its date."""

from tiers.lab.classroom.desk import bbm, bes_mail
from tiers.lab.classroom.regulator import ALL, Regulator
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.api.gateway import Answer, OrdersInForce


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    tra = Regulator.appear(desk, "tra")
    say("1 August 2010")
    answer = await tra.suspend("TRA/2010/10", *ALL, minutes=3)
    stage.check("the answer", answer.outcome, Answer.SUSPENDED)
    say("Why")
    await stage.send("bbm", bbm("alice", "bob", "Will this still work in October?"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "Plan for October attached.", "Plan"))
    say("Until the date")
    desk.world.clock.turn(1)
    say("8 October")
    await tra.withdraw("TRA/2010/10-08", lifts="TRA/2010/10")
    relay = desk.as_(tra.identity).peer("gateway")
    stage.check("orders in force", (await relay.ask("GET", "/v1/orders", OrdersInForce)).orders, ())
    desk.world.clock.turn(3)
    await stage.send("bbm-later", bbm("bob", "alice", "It does. Nobody says why."))
    say("After 11 October")


SCENARIO = declared(__name__, _play)
