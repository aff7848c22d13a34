"""Key swap: the relay gives a sender its own key for the receiver's. It reads once, and the receiver finds out."""

from dataclasses import replace

import msgspec

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import bbm
from tiers.lab.faults.relay import COPIES, FALSE_KEY, TRUE_CARD
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.lab.world.cast import handset
from tiers.wire.custody import Card
from tiers.wire.encoding import unb64u
from tiers.wire.message.sealing import HpkePrivateKey

NOTE = bbm("alice", "bob", "Come alone, the usual place at nine")


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    alice, bob = desk.devices["alice"], desk.devices["bob"]
    state = StateDir(desk.world.state("gateway"))
    false = state.key(FALSE_KEY, HpkePrivateKey)
    state.write(TRUE_CARD, msgspec.json.encode(bob.ring.card()))
    swapped: Card = msgspec.structs.replace(bob.ring.card(), hpke=false.public.jwk())

    say("Two who have met")
    await stage.refused("the false card", "device.other_card", _meet(stage, swapped))
    say("Pinned: caught")

    alice._keep(replace(alice.ring, cards=tuple(c for c in alice.ring.cards if c.pin != handset("bob").pin)))  # noqa: SLF001 - a handset that never met Bob
    say("Two who have not")
    alice.meet(swapped)
    stage.messages["swapped"] = await desk.send(NOTE)
    token = (desk.world.state("gateway") / COPIES).read_bytes().split(b"\n")[0].decode()
    read = unb64u(token.split(".")[1], "content.malformed")
    stage.show("relay with a false key", "swapped", read, NOTE.text)
    say("Unpinned: it reads")
    got = await desk.received(NOTE.to)
    stage.check("Bob's handset", got.unreadable, "content.readers")
    say("Bob finds out")


async def _meet(stage: Stage, card: Card) -> None:
    stage.desk.devices["alice"].meet(card)


SCENARIO = declared(__name__, _play)
