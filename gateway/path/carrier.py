"""The carrier, asked to admit messages. It sees headers and recipients, never a ciphertext."""

from collections.abc import Sequence

from tiers.chassis.client import Peer
from tiers.wire.api.carrier import Admissions, Ask, Refusal, parse_admitted
from tiers.wire.errors import Ours
from tiers.wire.message.envelope import GCMKW, Recipient


class CarrierAdmission:
    """The carrier, asked over mutual TLS. What it answers is checked before it is stored."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def admit(self, asks: Sequence[Ask]) -> Sequence[Recipient | Refusal]:
        """Answer the asks in order; raises `TiersError` if there is no answer."""
        answers = parse_admitted(await self._peer.ask_raw("POST", "/v1/admissions", Admissions(tuple(asks)))).answers
        if len(answers) != len(asks):
            raise Ours("carrier.malformed", "Ask the carrier's operator: it answered another number of messages.")
        if any(isinstance(answer, Recipient) and answer.header.alg != GCMKW for answer in answers):
            raise Ours("carrier.malformed", f"Ask the carrier's operator: it wrapped a key with something but {GCMKW}.")
        return answers
