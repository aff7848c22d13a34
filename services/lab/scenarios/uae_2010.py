"""United Arab Emirates, 2010: a suspension announced, and called off before its date."""

from tiers.lab.classroom.desk import Note
from tiers.lab.classroom.regulator import ALL, Regulator
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.api.gateway import Answer, OrdersInForce
from tiers.wire.message.envelope import Channel, Service

C, E = Channel.CONSUMER, Channel.ENTERPRISE


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
    await stage.send("bbm", Note("alice", "bob", C, Service.BBM, "Will this still work in October?"))
    await stage.send("bes-mail", Note("quentin", "priya", E, Service.EMAIL, "Plan for October attached.", "Plan"))
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
    await stage.send("bbm-later", Note("bob", "alice", C, Service.BBM, "It does. Nobody says why."))
    tell(
        "After 11 October",
        "Messages pass. What had changed was not said, so we changed nothing: the cells are as before.",
    )


SCENARIO = Scenario(
    name="uae-2010",
    title="United Arab Emirates, 2010: suspended from a date, compliant before it",
    acts=(
        Act(
            _play,
            jurisdiction="AE",
            cells=(
                Cells("gateway", sealed=("bbm", "bes-mail", "bbm-later")),
                Cells("operator", reads=("bbm", "bbm-later"), sealed=("bes-mail",)),
                Cells("state", reads=("bbm", "bbm-later"), sealed=("bes-mail",)),
            ),
        ),
    ),
    verdict="The order never took effect. Seen from the outside, before and after are the same; only the statement differs.",
    unknown="What had changed. The arrangement played here is India's later one, for want of any known one.",
    when="2010",
    asked="that BBM, mail and browsing come under the country's law [E]",
    got="the regulator's statement that they now did [F]",
    sources=("E", "F", "G", "H"),
)
