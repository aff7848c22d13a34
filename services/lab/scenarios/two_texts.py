"""Two texts: a sender wraps one key for the receiver and another for who else may read. Nobody is shown two."""

from collections.abc import Sequence
from dataclasses import replace

from tiers.lab.classroom.desk import bbm, bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import handset
from tiers.wire.custody import CUSTOMER, INDIA, SPLIT, Arrangement, Custody, Holder, Reader
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Envelope, Protected, Recipient
from tiers.wire.message.sealing import ContentKey

FOR_BOB = bbm("alice", "bob", "Burn the ledger tonight, all of it")
FOR_THE_STATE = bbm("alice", "bob", "Shall I bring wine or a cake?")
OFFER = bes_bbm("priya", "quentin", "The competitor pays us double for the drawings")


def _dishonest(custody: Custody, *, towards_receiver: bool) -> Custody:
    """Return the custody of a handset that wraps the message's own key for the receiver only, or for the others only."""

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        own, other = (custody.seal(key, header, sent, holder, to) for key in (cek, ContentKey.draw()))
        return [own[0], *other[1:]] if towards_receiver else [other[0], *own[1:]]

    return replace(custody, seal=seal)


async def _split(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    alice = desk.devices["alice"]
    await stage.warrant("alice")
    say("A changed handset")
    alice._arrangement = Arrangement(_dishonest(SPLIT, towards_receiver=True), CUSTOMER)  # noqa: SLF001 - changed
    await stage.send("for-bob", FOR_BOB)
    alice._arrangement = Arrangement(_dishonest(SPLIT, towards_receiver=False), CUSTOMER)  # noqa: SLF001 - the same
    stage.messages["for-the-state"] = await desk.send(FOR_THE_STATE)
    got = await desk.received("bob")
    stage.check("Bob's handset, the second message", got.unreadable, "sealing.commitment")
    say("Bob")
    desk.world.clock.turn(1)
    found = {one.mid: one for one in (await desk.inspect(stage.warrants["alice"])).findings}
    first, second = (found[stage.messages[key].mid] for key in ("for-bob", "for-the-state"))
    stage.check("what the auditor is shown", (first.content, second.content), (None, FOR_THE_STATE.text))
    say("The auditor, with both halves", why=first.sealed)
    say("No message has two texts")


async def _customer(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    priya = desk.devices["priya"]
    priya._arrangement = replace(INDIA, enterprise=_dishonest(CUSTOMER, towards_receiver=True))  # noqa: SLF001 - changed
    await stage.refused("the copy for the company", "journal.does_not_open", desk.send(OFFER))
    say("The company opens its copy")

    async def skip(_envelope: Envelope) -> None:
        """Hand in nothing."""

    setattr(priya, "_journal", skip)  # noqa: B010 - a handset that was changed further
    stage.messages["hidden"] = await desk.send(OFFER)
    got = await desk.received("quentin")
    stage.check("Quentin's handset", (got.content, got.unreadable), (None, "journal.does_not_open"))
    say("A handset that hands in nothing")
    asked = desk.read(handset("priya").org, stage.messages["hidden"].mid)
    await stage.refused("what the company keeps", "journal.unknown", asked)


SCENARIO = declared(__name__, _split, _customer)
