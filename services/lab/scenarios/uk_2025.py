"""United Kingdom, 2025: keys that only devices held are the provider's again, for those who live in one country."""

from tiers.lab.classroom.desk import bis_mail
from tiers.lab.scenarios.scenario import Stage, declared

OUTSIDE = bis_mail("alice", "mallory", "The photographs of the garden, as promised.", "Garden")
INSIDE = bis_mail("bob", "alice", "Scans from the dentist: nothing to worry about.", "Teeth")


async def _before(stage: Stage) -> None:
    await stage.send("outside", OUTSIDE)
    await stage.send("inside", INSIDE)
    stage.say("Until February 2025")


async def _after(stage: Stage) -> None:
    say = stage.say
    say("21 February 2025")
    await stage.warrant("bob")
    await stage.send("outside", OUTSIDE)
    sent = await stage.send("inside", INSIDE)
    stage.check("who reads what Bob sends", sent.envelope.jwe.recipients[0].header.kid.partition("/")[0], "carrier")
    stage.desk.world.clock.turn(1)
    found = await stage.desk.inspect(stage.warrants["bob"])
    stage.check("what a warrant on Bob opens", sum(one.content is not None for one in found.findings), 1)
    say("One relay, two custodies")


SCENARIO = declared(__name__, _before, _after)
