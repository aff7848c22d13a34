"""India, rule 4(2), 2021: who wrote it first? What metadata proves where only devices hold keys, and what a tag adds."""

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import VerifyKey, verify_compact
from tiers.wire.message.content import TYP
from tiers.wire.message.envelope import format_kid
from tiers.wire.message.sealing import decrypt_with, open_content

RUMOUR = "They say that the dam above the village has a crack"


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    say("February 2021")
    await stage.warrant("bob")
    first = await stage.send("first", bbm("alice", "bob", RUMOUR))
    await stage.send("typed-again", bbm("bob", "mallory", RUMOUR.upper()))
    desk.world.clock.turn(1)
    found = (await desk.inspect(stage.warrants["bob"])).findings
    stage.check("texts", {one.content for one in found}, {None})
    pairs = {(one.sender, one.to) for one in found}
    stage.check("who wrote whom", pairs, {("2100000a", "2100000b"), ("2100000b", "2100000c")})
    say("What metadata proves")
    tag = _signed_text(stage, "first")
    await stage.send("forwarded", bbm("bob", "priya", tag))
    say("A tag")
    alice = desk.devices["alice"].ring.card()
    known = {format_kid(alice.kid): VerifyKey.from_jwk(alice.sign)}
    stranger = Yours("content.sender", "The signature is not by the sender whom the envelope names.")
    proved = verify_compact(tag, TYP, known, "content.signature", stranger)
    stage.check("whose hand it is", proved.header.kid, format_kid(alice.kid))
    stage.check("the words", proved.payload.decode(), first.note.text)
    say("Whoever shows his handset")


def _signed_text(stage: Stage, key: str) -> str:
    """Return what Bob's handset found inside the seal: the words, signed by their author."""
    jwe = stage.messages[key].envelope.jwe
    return open_content(jwe, decrypt_with(jwe.recipients[0], stage.desk.devices["bob"].ring.hpke)).decode()


SCENARIO = declared(__name__, _play)
