"""India, 2013: consumer traffic to be inspected under a warrant, enterprise content not. The default story."""

from tiers.lab.classroom.story import play
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage

OUTSIDE = ("bbm-before", "bbm-after")
ENTERPRISE = ("bes-bbm", "bes-mail", "bes-cross")


async def _play(stage: Stage) -> None:
    story = await play(stage.desk, stage.tell)
    stage.messages, stage.warrants = story.messages, story.warrants
    alice, priya = story.inspections["alice"], story.inspections["priya"]
    stage.check("messages of Alice's that open", sum(one.content is not None for one in alice.findings), 2)
    stage.check("people whom no warrant names, beside Alice", len(alice.third_parties), 1)
    sealed = {one.mid: one.sealed for one in priya.findings if one.content is None}
    stage.check("enterprise messages of Priya's that stay shut", len(sealed), 3)
    stage.check("why", set(sealed.values()), {"no recipient of this JWE is held by the carrier"})
    stage.tell(
        "What was handed over, and what not",
        "Handed over: consumer mail and BBM, the envelope of everything. Not: enterprise content. "
        f"The warrant on Alice shows {len(alice.third_parties)} third party, the one on Priya {len(priya.third_parties)}.",
    )


SCENARIO = Scenario(
    name="india-2013",
    title="India, 2013: a capability for consumer traffic, and none for the enterprise server",
    acts=(
        Act(
            _play,
            cells=(
                Cells("auditor", reads=("bbm", "bis-mail", "employee-bbm"), sealed=(*OUTSIDE, *ENTERPRISE)),
                Cells("state", reads=("bbm", "bis-mail"), sealed=ENTERPRISE),
                Cells("gateway", sealed=("bbm", *ENTERPRISE)),
                Cells("customer", reads=ENTERPRISE, sealed=("bbm", "employee-bbm")),
            ),
        ),
    ),
    verdict=(
        "Each side could say that it got what it needed: the state reads consumer traffic in a warrant's window, "
        "the customer alone reads its own. Metadata of both is visible to the relay."
    ),
    unknown=(
        "Which keys the real capability used, and who held them; how many requests were made. "
        "The window and the carrier's keys are ours: no source has them."
    ),
    when="2013",
    asked="readable access to consumer mail, BBM and the enterprise server [m]",
    got="a system for consumer mail, BBM and browsing, ready for use in July 2013 [v]; of the enterprise server, the identity of its customers [v]",
    sources=("k", "m", "v", "w", "n4", "n5"),
)
