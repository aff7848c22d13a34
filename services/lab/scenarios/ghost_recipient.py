"""Ghost recipient: one more reader is named in the message, and nobody is to notice."""

from collections.abc import Sequence

import msgspec

from services.device.client import Device
from services.lab.cast import handset
from services.lab.desk import Note, Sent
from services.lab.scenario import Act, Cells, Scenario, Stage
from services.wire.custody import CUSTOMER, Arrangement, Custody, Holder, Reader
from services.wire.envelope import Channel, Protected, Recipient, Service
from services.wire.jose import HpkeJwk
from services.wire.secret import Secret

E = Channel.ENTERPRISE
NOTE = Note("priya", "quentin", E, Service.BBM, "Only the two of us know this number: 2580")


def _haunted(ghost: Reader) -> Custody:
    """Return the custody of a handset whose maker was told to name one more reader."""

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        return CUSTOMER.seal(cek, header, sent, holder, (*to, ghost))

    return Custody("customer", CUSTOMER.holds, CUSTOMER.readers, CUSTOMER.signed, seal, CUSTOMER.unseal)


def _ghost(stage: Stage) -> Reader:
    jwk = (stage.desk.world.root / "trust" / "auditors" / "cbi.jwk").read_bytes()
    return Reader("auditor/cbi/1", msgspec.json.decode(jwk, type=HpkeJwk))


async def _send_haunted(stage: Stage) -> Sent:
    sender: Device = stage.desk.devices["priya"]
    sender._arrangement = Arrangement(enterprise=_haunted(_ghost(stage)))  # noqa: SLF001 - the maker's update
    sealed = await sender.seal(E, NOTE.service, handset(NOTE.to).pin, NOTE.text.encode())
    await sender._session_send(sealed)  # noqa: SLF001 - as above
    return Sent(NOTE, sealed)
