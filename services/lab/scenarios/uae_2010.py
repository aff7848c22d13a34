"""United Arab Emirates, 2010: a suspension announced, and called off before its date."""

from tiers.lab.classroom.desk import bbm, bes_mail
from tiers.lab.classroom.regulator import ALL, Regulator
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.api.gateway import Answer, OrdersInForce


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tra = Regulator.appear(desk, "tra")
    tell("1 August 2010", "The regulator announces that BBM, mail and browsing will be suspended from 11 October [E].")
    answer = await tra.suspend("TRA/2010/10", *ALL, minutes=3)
    stage.check("the answer", answer.outcome, Answer.SUSPENDED)
    tell(
        "Why",
        'BlackBerry data was "immediately exported off-shore, where it is managed by a foreign, commercial organization" [E].',
    )
    await stage.send("bbm", bbm("alice", "bob", "Will this still work in October?"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "Plan for October attached.", "Plan"))
    tell(
        "Until the date",
        "Consumer and enterprise messages pass: an order holds from its date, and the log shows it before.",
    )
    desk.world.clock.turn(1)
    tell(
        "8 October", 'Three days before the date: the services "are now compliant"; nothing will be suspended [F] [G].'
    )
    await tra.withdraw("TRA/2010/10-08", lifts="TRA/2010/10")
    relay = desk.as_(tra.identity).peer("gateway")
    stage.check("orders in force", (await relay.ask("GET", "/v1/orders", OrdersInForce)).orders, ())
    desk.world.clock.turn(3)
    await stage.send("bbm-later", bbm("bob", "alice", "It does. Nobody says why."))
    tell(
        "After 11 October",
        "Messages pass. What had changed was not said, so we changed nothing: the cells are as before.",
    )


SCENARIO = declared(__name__, _play)
