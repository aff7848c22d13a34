"""Encryption all the way: only the receiver's handset holds a key. What the auditor is left with."""

from tiers.lab.classroom.desk import bbm, bes_mail, bis_mail
from tiers.lab.scenarios.scenario import Stage, declared


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("17 November 2015")
    say("Suppose so")
    await stage.warrant("alice")
    await stage.warrant("priya")
    sent = await stage.send("bbm", bbm("alice", "bob", "Nobody between us reads this"))
    kids = [one.header.kid for one in sent.envelope.jwe.recipients]
    stage.check("the recipients", kids, ["device/2100000b/1"])
    await stage.send("bis-mail", bis_mail("bob", "alice", "Nor this.", "Re: us"))
    await stage.send("bes-mail", bes_mail("quentin", "priya", "Nor does the company.", "Board"))
    say("Three messages", kids=", ".join(kids))
    desk.world.clock.turn(1)
    found = await desk.inspect(stage.warrants["alice"])
    stage.check("opened", [one.content for one in found.findings], [None, None])
    seen = found.findings[0]
    stage.check("metadata", (seen.sender, seen.to, seen.service), ("2100000a", "2100000b", "bbm"))
    say(
        "What the auditor is left with",
        sender=seen.sender,
        to=seen.to,
        service=seen.service,
        size=seen.size,
        why=seen.sealed,
    )
    await stage.refused(
        "the customer's own compliance", "journal.unknown", desk.read("S50000001", stage.messages["bes-mail"].mid)
    )
    say("And the customer")


SCENARIO = declared(__name__, _play)
