"""The story that `tiers demo` tells and `tiers matrix` attacks: nine messages, two warrants, three minutes.

The minutes pass because the lab turns the classroom clock. Everything else is what the parties do for anybody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tiers.lab.classroom.desk import Desk, Note, Sent, bbm, bes_bbm, bes_mail, bis_mail
from tiers.wire.api.auditor import Inspection
from tiers.wire.message.envelope import Channel, Service, format_envelope

CONSUMER, ENTERPRISE = Channel.CONSUMER, Channel.ENTERPRISE
BBM, EMAIL = Service.BBM, Service.EMAIL

# Key in the matrix and on the page -> who writes what to whom. The texts are canaries: long, and found nowhere else.
BEFORE = {
    "bbm-before": bbm("alice", "bob", "Lunch at Churchgate tomorrow? (a minute before the window)"),
}
INSIDE = {
    "bbm": bbm("alice", "bob", "Bring the blue folder to platform nine at six o'clock"),
    "bis-mail": bis_mail("bob", "alice", "The blue folder is in locker 47, code 2580.", "Folder"),
    "bbm-untasked": bbm("mallory", "bob", "Happy birthday Bob, from your cousin Mallory"),
    "bes-bbm": bes_bbm("priya", "quentin", "The board meets in the small room, bring the Q3 numbers"),
    "bes-mail": bes_mail("quentin", "priya", "We bid forty-one million and not a rupee more.", "Tender"),
    "bes-cross": bes_mail("gita", "priya", "Globex accepts the terms; sign on Thursday.", "Terms"),
    "employee-bbm": bbm("priya", "bob", "Off the record, the merger is announced on Friday"),
}
AFTER = {
    "bbm-after": bbm("alice", "bob", "All done, see you at home (a minute after the window)"),
}

Tell = Callable[[str, str], None]


@dataclass(slots=True)
class Story:
    """What happened: messages by key, warrants by target, what the auditor found, what a customer read."""

    messages: dict[str, Sent] = field(default_factory=dict)
    warrants: dict[str, str] = field(default_factory=dict)
    inspections: dict[str, Inspection] = field(default_factory=dict)

    def envelope(self, key: str) -> bytes:
        return format_envelope(self.messages[key].envelope)


async def play(desk: Desk, tell: Tell) -> Story:
    """Play the story on a fresh desk; `tell` gets a title and a sentence for each step."""
    story = Story()
    tell("Nine messages will pass", "One relay carries them all. Only whose keys open a message differs.")
    desk.world.clock.turn(1)  # the window must not begin before the warrants are served
    await _send_all(desk, story, BEFORE)
    tell(
        "A consumer message, before any warrant",
        "Alice writes to Bob. Her message is sealed to a key of the carrier's, for this minute.",
    )
    for target in ("alice", "priya"):
        jti = await desk.apply(target, (BBM, EMAIL), minutes=1, after=1)
        story.warrants[target] = jti
        await desk.decide(jti, "approval")
    tell("Two warrants", "An agency applies, a judge signs: for Alice, a consumer, and Priya of Acme; one minute each.")
    for target, jti in story.warrants.items():
        served = await desk.serve(jti)
        said = f"The carrier writes it into the public log first (entry {served.leaf}), then has the relay copy."
        tell(f"Served: {target.capitalize()}", said)
    desk.world.clock.turn(1)
    await _send_all(desk, story, INSIDE)
    tell("The minute of the warrant", "Seven messages, of both kinds. The relay copies what the two send and get.")
    desk.world.clock.turn(1)
    await _send_all(desk, story, AFTER)
    tell("The minute after", "Alice writes again. The copying has ended by the clock.")
    desk.world.clock.turn(1)
    for target, jti in story.warrants.items():
        found = await desk.inspect(jti)
        story.inspections[target] = found
        read = sum(finding.content is not None for finding in found.findings)
        sealed = len(found.findings) - read
        others = len(found.third_parties)
        said = f"{read} opened, {sealed} stay sealed. People seen whom no warrant names: {others}."
        tell(f"The auditor inspects {target.capitalize()}", said)
    return story


async def _send_all(desk: Desk, story: Story, notes: dict[str, Note]) -> None:
    for key, note in notes.items():
        story.messages[key] = await desk.send(note, key)
        await desk.received(note.to)
