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
    desk, say = stage.desk, stage.say
    say("Athens")
    before = await stage.log_size()
    relay = desk.as_(party("carrier").identity).peer("gateway")
    path = f"/v1/tasks/{uuid.uuid4()}"
    await stage.refused("a task without a warrant", "task.no_warrant", relay.ask_raw("PUT", path, b"{}"))
    stage.check("leaves about it", await stage.log_size() - before, 1)
    say("Through the interface")
    jti = await desk.apply("alice", BOTH, minutes=2)
    await desk.decide(jti, "approval")
    warrant = (await desk.as_(APPLICANT).peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)).warrant
    unlogged = b'{"warrant":' + msgspec.json.encode(warrant) + b',"evidence":{}}'
    await stage.refused(
        "a task with a warrant that was never served", "task.no_warrant", relay.ask_raw("PUT", path, unlogged)
    )
    say("With a true warrant, unlogged")
    await stage.send("bbm", BBM)


async def _inside(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("From the inside")
    before = await stage.log_size()
    await stage.send("bbm", BBM)
    await stage.send("bes-bbm", BES)
    copies = (desk.world.state("gateway") / COPIES).read_bytes()
    stage.check("messages that it copied", copies.count(b"\n"), 2)
    stage.check("of which the text lies in the copy", BBM.text.encode() in copies, False)
    stage.check("leaves about it", await stage.log_size() - before, 0)
    say("What it gets")


SCENARIO = declared(__name__, _interface, _inside)
