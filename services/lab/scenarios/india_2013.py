"""India, 2013: consumer traffic to be inspected under a warrant, enterprise content not. The default story."""

from tiers.lab.classroom.story import play
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    story = await play(stage.desk, stage.tell)
    stage.messages, stage.warrants = story.messages, story.warrants
    alice, priya = story.inspections["alice"], story.inspections["priya"]
    stage.check("messages of Alice's that open", sum(one.content is not None for one in alice.findings), 2)
    stage.check("people whom no warrant names, beside Alice", len(alice.third_parties), 1)
    sealed = {one.mid: one.sealed for one in priya.findings if one.content is None}
    stage.check("enterprise messages of Priya's that stay shut", len(sealed), 3)
    stage.check("why", set(sealed.values()), {"no recipient of this JWE is held by the carrier"})
    stage.say("What was handed over, and what not", alice=len(alice.third_parties), priya=len(priya.third_parties))


SCENARIO = declared(__name__, _play)
