"""The fork: one relay, two tiers, and only the keys differ. Pure: what may be decided from an envelope and two records.

    consumer    -> Admit    the carrier re-wraps the content key for the receiver, or the message is not delivered
    enterprise  -> Forward  to the receiver's device and the customers' key servers, untouched; nobody here is asked

Both refuse what names a reader that the tier does not have. Spec page: docs/spec/session.md.
"""

import re
from functools import lru_cache

import msgspec

from gateway.devices import Device
from services.wire.api.carrier import Ask
from services.wire.envelope import GCMKW, HPKE, Channel, Envelope, Recipient, message_epoch
from services.wire.errors import Forbidden, Policy, Yours

MAX_SKEW_MS = 120_000

_GENERATION = re.compile(r"0|[1-9][0-9]{0,8}")


class Admit(msgspec.Struct, frozen=True):
    """A consumer message: put this to the carrier."""

    carrier: str
    ask: Ask


class Forward(msgspec.Struct, frozen=True):
    """An enterprise message: it goes on as it is."""


FORWARD = Forward()


def decide(envelope: Envelope, sender: Device, receiver: Device | None, now: int) -> Admit | Forward:
    """Say which way an envelope goes. `sender` is who proved to be sending; `now` is ms since 1970.

    1. Sent by whom it names. 2. Dated now. 3. Along the channel that it names, by a sender and to a receiver on it,
    for exactly the readers of that channel. Raises `Yours` or `Policy`.
    """
    header = envelope.header
    if header.sender != sender.pin:  # 1
        raise Forbidden("envelope.sender", "Name your own PIN in `from`.")
    if abs(header.ts - now) > MAX_SKEW_MS:  # 2
        detail = f"Set the clock and seal again: a message is dated within {MAX_SKEW_MS // 1000} s of its sending."
        raise Yours("envelope.misdated", detail)
    if header.channel is Channel.CONSUMER:  # 3
        return _consumer(envelope, sender, receiver)
    return _enterprise(envelope, sender, receiver)


def _consumer(envelope: Envelope, sender: Device, receiver: Device | None) -> Admit:
    header = envelope.header
    if sender.carrier is None:
        raise Policy("envelope.channel", "Enrol with a carrier before you send consumer messages.")
    if receiver is None or receiver.carrier != sender.carrier:
        raise Yours("envelope.receiver", f"Check the PIN: it is no subscriber of carrier {sender.carrier}.")
    kid = f"carrier/{sender.carrier}/{header.sender}/{message_epoch(header)}"
    if len(envelope.jwe.recipients) != 1 or not _is(envelope.jwe.recipients[0], kid, GCMKW):
        raise Yours("envelope.recipients", "Name one recipient: your carrier's key of you, for the minute in `ts`.")
    return Admit(sender.carrier, Ask(envelope.jwe.protected, envelope.jwe.recipients[0]))


def _enterprise(envelope: Envelope, sender: Device, receiver: Device | None) -> Forward:
    header = envelope.header
    if sender.org is None:
        raise Policy("envelope.channel", "Activate with a customer before you send enterprise messages.")
    if header.org != sender.org:
        raise Forbidden("envelope.org", "Name the customer that activated this device in `org`.")
    if receiver is None or receiver.org is None:
        raise Yours("envelope.receiver", "Check the PIN: it is no device of a customer.")
    recipients = envelope.jwe.recipients
    readers = _readers(sender.org, receiver.org, header.to)
    if len(recipients) != len(readers) or {_stem(one.header.alg, one.header.kid) for one in recipients} != readers:
        detail = "Name the receiver's device and the key servers of both customers by HPKE keys, and nobody else."
        raise Yours("envelope.recipients", detail)
    return FORWARD


def _is(recipient: Recipient, kid: str, alg: str) -> bool:
    return recipient.header.kid == kid and recipient.header.alg == alg


@lru_cache(maxsize=65_536)
def _readers(own: str, others: str, to: str) -> frozenset[str]:
    return frozenset({f"org/{others}/{to}", f"org/{own}/bes", f"org/{others}/bes"})


@lru_cache(maxsize=65_536)
def _stem(alg: str, kid: str) -> str:
    """Return `org/<org>/<pin>` or `org/<org>/bes` of a well-formed enterprise recipient of any generation, else ''."""
    stem, _, generation = kid.rpartition("/")
    return stem if alg == HPKE and _GENERATION.fullmatch(generation) else ""
