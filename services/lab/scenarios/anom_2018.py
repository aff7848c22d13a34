"""ANOM, 2018 to 2021: a messenger made for the police. One more reader on every message, from the factory."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tiers.lab.classroom.desk import bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.custody import DEVICE, Arrangement, Custody, Holder, Reader
from tiers.wire.keys.jose import HpkeJwk
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Channel, Protected, Recipient

C = Channel.CONSUMER
GHOST = "device/2100000f/1"
"""A handset that nobody owns. A `kid` is a label: the key under it is the auditor's, who plays the police here."""
FIRST = bbm("alice", "bob", "Forty crates from Guayaquil lie under the bananas")
SECOND = bbm("bob", "alice", "Then tell the driver to be at gate four")


def _made_for_the_police(jwk: bytes) -> Custody:
    """Return what the factory put into every handset: it names the ghost when it seals, and expects it when it opens."""
    ghost = Reader(GHOST, msgspec.json.decode(jwk, type=HpkeJwk))

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        return DEVICE.seal(cek, header, sent, holder, (*to, ghost))

    return replace(DEVICE, seal=seal, readers={C: (*DEVICE.readers[C], GHOST)})


async def _play(stage: Stage) -> None:
    desk, say = stage.desk, stage.say
    jwk = (desk.world.root / "trust" / "auditors" / "cbi.jwk").read_bytes()
    made = Arrangement(_made_for_the_police(jwk), DEVICE)
    for name in ("alice", "bob"):
        desk.devices[name]._arrangement = made  # noqa: SLF001 - so it left the factory
    say("2018")
    sent = await stage.send("first", FIRST)
    await stage.send("second", SECOND)
    kids = [one.header.kid for one in sent.envelope.jwe.recipients]
    stage.check("readers of each message", len(kids), 2)
    say("Nobody notices", kids=", ".join(kids))
    say("June 2021")
    honest = desk.devices["bob"]
    honest._arrangement = Arrangement(DEVICE, DEVICE)  # noqa: SLF001 - the program that he installed himself
    stage.messages["third"] = await desk.send(FIRST)
    got = await desk.received("bob")
    stage.check("an honest handset", (got.content, got.unreadable), (None, "device.readers"))
    say("One honest handset", ghost=GHOST)


SCENARIO = declared(__name__, _play)
