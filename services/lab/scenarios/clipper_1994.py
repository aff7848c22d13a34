"""Clipper, 1994: an escrow in two halves, and a field in the escrow's place that passes every check."""

from collections.abc import Sequence
from dataclasses import replace

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.custody import SPLIT, Arrangement, Holder, Reader
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Protected, Recipient
from tiers.wire.message.sealing import ContentKey

NOTE = bbm("alice", "bob", "The halves of this key lie in two buildings")
RUBBISH = bbm("alice", "bob", "And the halves of this one open nothing")


def _rogue(cek: Secret, header: Protected, protected: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
    """Seal as the escrow wants it, but wrap another key for the escrow than the receiver gets."""
    honest = SPLIT.seal(cek, header, protected, holder, to)
    other = SPLIT.seal(ContentKey(bytes(32)), header, protected, holder, ())
    return [*honest[: len(to)], *other]


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("1993")
    await stage.warrant("alice")
    await stage.send("honest", NOTE)
    say("An honest handset")
    alice = desk.devices["alice"]
    alice._arrangement = Arrangement(replace(SPLIT, seal=_rogue), alice._arrangement.enterprise)  # noqa: SLF001 - a handset that was changed
    await stage.send("rubbish", RUBBISH)
    say("June 1994")
    desk.world.clock.turn(1)
    found = {one.mid: one for one in (await desk.inspect(stage.warrants["alice"])).findings}
    stage.check("the honest message opens", found[stage.messages["honest"].mid].content, NOTE.text)
    shut = found[stage.messages["rubbish"].mid]
    stage.check("the other one", shut.content, None)
    say("The auditor, with both halves", why=shut.sealed)
    say("What a commitment changes")


SCENARIO = declared(__name__, _play)
