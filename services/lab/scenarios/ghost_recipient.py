"""Ghost recipient: one more reader is named in the message, and nobody is to notice."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tiers.device.store import Message
from tiers.lab.classroom.desk import bes_bbm
from tiers.lab.scenarios.scenario import Stage, declared
from tiers.wire.custody import CUSTOMER, INDIA, Custody, Holder, Reader
from tiers.wire.keys.jose import HpkeJwk
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Envelope, Protected, Recipient

NOTE = bes_bbm("priya", "quentin", "Only the two of us know this number: 2580")
GHOST = "org/S50000001/3100000f/1"
"""A colleague who does not exist. A `kid` is a label: the key under it is the auditor's."""


def _haunted(ghost: Reader) -> Custody:
    """Return the custody of a handset whose maker was told to name one more reader."""

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        return CUSTOMER.seal(cek, header, sent, holder, (*to, ghost))

    return replace(CUSTOMER, seal=seal)


def _haunt(stage: Stage) -> None:
    jwk = (stage.desk.world.root / "trust" / "auditors" / "cbi.jwk").read_bytes()
    custody = _haunted(Reader(GHOST, msgspec.json.decode(jwk, type=HpkeJwk)))
    stage.desk.devices["priya"]._arrangement = replace(INDIA, enterprise=custody)  # noqa: SLF001 - the maker's update


def _hide(stage: Stage) -> None:
    async def skip(_envelope: Envelope) -> None:
        """Hand in nothing."""

    setattr(stage.desk.devices["priya"], "_journal", skip)  # noqa: B010 - the maker's next update


async def _honest(stage: Stage) -> None:
    await stage.send("honest", NOTE)
    stage.say("A reader more")
    _haunt(stage)
    await stage.refused("the copy for the company", "journal.readers", stage.desk.send(NOTE))
    stage.say("The company")
    _hide(stage)
    await stage.refused("the haunted message", "envelope.recipients", stage.desk.send(NOTE))
    stage.say("A handset that hands in nothing, and an honest relay")


async def _rogue(stage: Stage) -> None:
    usual = await _received(stage, "usual")
    stage.check("Quentin opens the usual one", usual.content, NOTE.text.encode())
    stage.say("The relay is in on it")
    _haunt(stage)
    _hide(stage)
    haunted = await _received(stage, "haunted")
    stage.check("Quentin's handset", (haunted.content, haunted.unreadable), (None, "device.readers"))
    stage.check("who reads more than the last one", set(haunted.readers) - set(usual.readers), {GHOST})
    stage.say("Delivered, and found out", ghost=GHOST)
    stage.say("Too late for this one")


async def _received(stage: Stage, key: str) -> Message:
    """Send the message, and return it as the receiver's handset has it."""
    stage.messages[key] = await stage.desk.send(NOTE, key)
    return await stage.desk.received(NOTE.to)


SCENARIO = declared(__name__, _honest, _rogue)
