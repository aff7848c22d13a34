"""Encryption all the way: only the receiver's handset holds a key. What the auditor is left with."""

from tiers.lab.classroom.desk import bbm, bes_mail, bis_mail
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell(
        "17 November 2015",
        'Marty Beard of BlackBerry speaks of competitors who are "all about encryption all the way" [a1].',
    )
    tell(
        "Suppose so",
        "Subscribers show each other their keys when they meet; every message has one recipient, the receiver.",
    )
    await stage.warrant("alice")
    await stage.warrant("priya")
    sent = await stage.send("bbm", bbm("alice", "bob", "Nobody between us reads this"))
    kids = [one.header.kid for one in sent.envelope.jwe.recipients]
    stage.check("the recipients", kids, ["device/2100000b/1"])
    await stage.send("bis-mail", bis_mail("bob", "alice", "Nor this.", "Re: us"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "Nor does the company.", "Board"))
    tell(
        "Three messages",
        f"Recipients of the first: {', '.join(kids)}. The carrier is not asked; the customer keeps no journal.",
    )
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["alice"])
    stage.check("opened", [one.content for one in found.findings], [None, None])
    seen = found.findings[0]
    stage.check("metadata", (seen.sender, seen.to, seen.service), ("2100000a", "2100000b", "bbm"))
    tell(
        "What the auditor is left with",
        f"{seen.sender} wrote {seen.to} by {seen.service}, {seen.size} bytes; {seen.sealed}.",
    )
    await stage.refused(
        "the customer's own compliance", "journal.unknown", desk.read("S50000001", stage.messages["bes-mail"].mid)
    )
    tell("And the customer", "It cannot read its own mail either, nor bring it back when a handset is lost.")


SCENARIO = declared(__name__, _play)
