"""India, rule 4(2), 2021: who wrote it first? What metadata proves where only devices hold keys, and what a tag adds."""

from tiers.lab.classroom.desk import Note
from tiers.lab.scenarios.scenario import Act, Cells, Scenario, Stage
from tiers.wire.keys.jose import VerifyKey, verify_compact
from tiers.wire.message.content import TYP
from tiers.wire.message.envelope import Channel, Service, format_kid
from tiers.wire.message.sealing import decrypt_with, open_content

C = Channel.CONSUMER
RUMOUR = "They say that the dam above the village has a crack"


async def _play(stage: Stage) -> None:
    desk, tell = stage.desk, stage.tell
    tell(
        "February 2021",
        "Rule 4(2): large messengers must be able to name the first originator of a message, on an order [k1].",
    )
    await stage.warrant("bob")
    first = await stage.send("first", Note("alice", "bob", C, Service.BBM, RUMOUR))
    await stage.send("typed-again", Note("bob", "mallory", C, Service.BBM, RUMOUR.upper()))
    desk.world.clock.turn(1)
    found = (await desk.inspect(stage.warrants["bob"])).findings
    stage.check("texts", {one.content for one in found}, {None})
    pairs = {(one.sender, one.to) for one in found}
    stage.check("who wrote whom", pairs, {("2100000a", "2100000b"), ("2100000b", "2100000c")})
    tell(
        "What metadata proves",
        "Alice wrote Bob, then Bob wrote Mallory, with these sizes, in this minute. That the words are the same, nobody can say.",
    )
    tag = _signed_text(stage, "first")
    await stage.send("forwarded", Note("bob", "priya", C, Service.BBM, tag))
    tell(
        "A tag",
        "Suppose that handsets forward the author's signed words whole. The relay sees a longer message, and no more.",
    )
    alice = desk.devices["alice"].ring.card()
    proved = verify_compact(tag, TYP, lambda _kid: VerifyKey.from_jwk(alice.sign), "content.signature")
    stage.check("whose hand it is", proved.header.kid, format_kid(alice.kid))
    stage.check("the words", proved.payload.decode(), first.note.text)
    tell(
        "Whoever shows his handset",
        "Priya can prove that Alice wrote it, to anybody who has Alice's card. Mallory, whom Bob typed it to, can prove Bob.",
    )


def _signed_text(stage: Stage, key: str) -> str:
    """Return what Bob's handset found inside the seal: the words, signed by their author."""
    jwe = stage.messages[key].envelope.jwe
    return open_content(jwe, decrypt_with(jwe.recipients[0], stage.desk.devices["bob"].ring.hpke)).decode()


SCENARIO = Scenario(
    name="india-4-2",
    title="India, rule 4(2), 2021: the first originator, where only devices hold keys",
    acts=(
        Act(
            _play,
            arrangement="all-the-way",
            cells=(
                Cells("auditor", sealed=("first", "typed-again")),
                Cells("state", sealed=("first", "typed-again")),
                Cells("receiver", reads=("first", "typed-again", "forwarded")),
            ),
        ),
    ),
    verdict=(
        "The provider can name who wrote whom and when, and not who wrote it first. A tag names an originator to whoever "
        "opens the message, and only as far as people forward by the button: he who types it again is its first author."
    ),
    caught="Nothing: the tag is the sender's own signature, and it proves his words to everybody who gets them.",
    unknown="Whether and how it is to be done: the case was pending when we looked.",
    when="2021",
    asked="that large messengers can name the first originator of a message, on an order [k1]",
    got="a petition against the rule [k1]; a first order stayed [k2]; the case pending [k3]",
    sources=("k1", "k2", "k3"),
)
