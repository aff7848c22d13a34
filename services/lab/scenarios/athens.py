"""Athens, 2004 to 2005: somebody uses the interception function without anybody's order."""

import uuid

import msgspec

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.faults.relay import COPIES
from tiers.lab.scenarios.scenario import BOTH, Stage, declared
from tiers.lab.world.cast import APPLICANT, party
from tiers.wire.api.court import Entry

BBM = bbm("alice", "bob", "The minister flies at seven")
BES = bes_bbm("priya", "quentin", "The tender opens at noon")


async def _interface(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell(
        "Athens",
        "In 2004 intruders in a network's exchanges used its interception function on over a hundred phones [d1].",
    )
    before = await stage.log_size()
    relay = desk.as_(party("carrier").identity).peer("gateway")
    path = f"/v1/tasks/{uuid.uuid4()}"
    await stage.refused("a task without a warrant", "task.no_warrant", relay.ask_raw("PUT", path, b"{}"))
    stage.check("leaves about it", await stage.log_size() - before, 1)
    tell(
        "Through the interface",
        "An intruder with the carrier's own certificate sets a task. No warrant: refused, and in the log.",
    )
    jti = await desk.apply("alice", BOTH, minutes=2)
    await desk.decide(jti, "approval")
    warrant = (await desk.as_(APPLICANT).peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)).warrant
    unlogged = b'{"warrant":' + msgspec.json.encode(warrant) + b',"evidence":{}}'
    await stage.refused(
        "a task with a warrant that was never served", "task.no_warrant", relay.ask_raw("PUT", path, unlogged)
    )
    tell(
        "With a true warrant, unlogged",
        "Two true signatures and no proof of logging: refused as well. Log first, act second.",
    )
    await stage.send("bbm", BBM)


async def _inside(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell("From the inside", "The intruder changes the relay itself: it keeps a copy of everything, by no task at all.")
    before = await stage.log_size()
    await stage.send("bbm", BBM)
    await stage.send("bes-bbm", BES)
    copies = (desk.world.state("gateway") / COPIES).read_bytes()
    stage.check("messages that it copied", copies.count(b"\n"), 2)
    stage.check("of which the text lies in the copy", BBM.text.encode() in copies, False)
    stage.check("leaves about it", await stage.log_size() - before, 0)
    tell(
        "What it gets",
        "Both envelopes, with who, to whom, when and how much. No text: in Athens the exchange had the voices, and sent them to prepaid phones [d1].",
    )


SCENARIO = declared(__name__, _interface, _inside)
