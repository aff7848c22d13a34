"""The matrix of this system: its story attacked, its policy closed under its rules. See docs/spec/matrix.md."""

import time
from collections.abc import Mapping, Sequence

import msgspec

from tiers.lab.attack.attack import attack
from tiers.lab.attack.derive.closure import close, expand
from tiers.lab.attack.derive.scene import Case, relations, told
from tiers.lab.attack.vantages import VANTAGES
from tiers.lab.classroom.desk import Desk, Note, Sent
from tiers.lab.classroom.story import Story
from tiers.lab.matrix.policy import load_policy
from tiers.lab.world.arrangement import DEFAULT, Arrangement, load
from tiers.measure.derive import closure
from tiers.measure.derive.closure import Forge
from tiers.measure.derive.rules import Fact
from tiers.measure.matrix.matrix import Attacked, Content, Derived, Matrix, MessageRow, assemble, content_of, saying
from tiers.measure.matrix.policy import Policy
from tiers.wire.message.envelope import Channel

REFERENCE = {Channel.CONSUMER: "bbm", Channel.ENTERPRISE: "bes-bbm"}
"""The message that everybody is held against: sent inside the minute of the warrants."""
_ALSO = "auditor-outside-window"
"""Who reads what the auditor reads: no file names him."""


async def measure(desk: Desk, story: Story) -> Matrix:
    """Attack a world after its story; raises `Ours` for a capture that is not whole.

    It turns the classroom clock by about an hour, until the warrants have expired: measure last.
    """
    began = time.monotonic()
    attacked = await attack(desk, story.messages, story.warrants.values(), VANTAGES)
    matrix = beside(desk.world.arrangement, attacked, story.messages)
    return msgspec.structs.replace(matrix, seconds=round(time.monotonic() - began, 3))


def beside(arranged: Arrangement, attacked: Attacked, messages: Mapping[str, Sent]) -> Matrix:
    """Lay what was measured beside what the arrangement declares and what follows from it."""
    policy = declared(arranged)
    notes = {key: sent.note for key, sent in messages.items()}
    return assemble(attacked, policy, rows(policy, notes), derive(policy, arranged=arranged))


def rows(policy: Policy, notes: Mapping[str, Note]) -> tuple[MessageRow, ...]:
    """Return the columns of the matrix."""
    return tuple(
        MessageRow(key, policy.messages[key], note.sender, note.to, note.channel, note.service)
        for key, note in notes.items()
    )


def declared(arranged: Arrangement) -> Policy:
    """Return the policy of an arrangement.

    India's is written by hand. Another's file says who reads the reference messages; for all others it follows from who
    holds what.
    """
    policy = load_policy()
    if arranged.name == DEFAULT:
        return policy
    derived = derive(policy, arranged=arranged)
    return saying(policy, _told(arranged, derived))


def _told(arranged: Arrangement, derived: Derived) -> Derived:
    """Put in what the file declares."""
    out = dict(derived)
    for channel, key in REFERENCE.items():
        for name, _ in [cell for cell in derived if cell[1] == key and cell[0] != _ALSO]:
            reads = name in arranged.side(channel).who_reads
            out[name, key] = content_of(reads=reads), derived[name, key][1]
    return out


def derive(
    policy: Policy, cases: Sequence[Case] | None = None, arranged: Arrangement | None = None
) -> dict[tuple[str, str], tuple[Content, Forge]]:
    """Close what each vantage point is declared to hold, symbolically; returns content and forge of each cell."""
    story, arranged = told() if cases is None else cases, arranged or load(DEFAULT)
    world = relations(story, arranged)
    out = {}
    for name, row in policy.vantages.items():
        closed: dict[frozenset[Fact], frozenset[Fact]] = {}
        for case in story:
            facts = expand(row.holds, case, story, arranged)
            if facts not in closed:
                closed[facts] = close(facts, world)
            known = closed[facts]
            out[name, case.key] = content_of(reads=("plaintext", case.key) in known), closure.forges(known, case.key)
    return out
