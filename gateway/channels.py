"""The fork: one relay, two tiers, and only the keys differ. Pure: what may be decided from an envelope and two records.

    consumer    -> Ask    the carrier re-wraps the content key for the receiver, or the message is not delivered
    enterprise  -> None   to the receiver's device and the customers' key servers, untouched; nobody here is asked

Both refuse what names a reader that the tier does not have. Whose keys those are is an arrangement, handed in as
patterns of `kid`; the relay knows no more of it. Spec page: docs/spec/session.md.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from tiers.gateway.devices import Device
from tiers.wire.api.carrier import Ask
from tiers.wire.errors import Forbidden, Policy, Yours
from tiers.wire.message.envelope import SIGNED_CTY, Channel, Envelope, parse_kid
from tiers.wire.message.readers import Members, Name, choices, fits, is_admitted, is_signed, members, named

MAX_SKEW_MS = 120_000
CONSUMER_READERS = "carrier/{carrier}/{from}/{epoch}"
ENTERPRISE_READERS = "org/{to_org}/{to}/* org/{org}/bes/* org/{to_org}/bes/*"
"""India 2013: the default arrangement."""

_SAMPLE = {"carrier": "in", "from": "0" * 8, "to": "0" * 8, "org": "S00000000", "to_org": "S00000000", "epoch": 0}
_BRACES = re.compile(r"\{(\w+)\}")
_SENTENCES = {
    CONSUMER_READERS: "Name one recipient: your carrier's key of you, for the minute in `ts`.",
    ENTERPRISE_READERS: (
        "Name the receiver's device and the key servers of both customers by HPKE keys, and nobody else."
    ),
}


@dataclass(frozen=True, slots=True)
class Readers:
    """Whose keys the messages of a channel name when they leave the handset.

    Patterns as tiers.wire.message.readers has them. Where the carrier's own key is named, it is asked to admit.
    """

    patterns: str

    def check(self, envelope: Envelope, carrier: str | None, org: str | None, to_org: str | None) -> bool:
        """Return whether the carrier is to admit an envelope that names these readers, each once; raises `Yours`.

        `carrier` and `org` are the sender's, `to_org` the receiver's customer. Where there is a choice, one of them.
        """
        header = envelope.header
        return _admitted(self.patterns, header.cty, named(envelope), members(header, carrier, org, to_org))


# Who writes to whom has the same readers for a minute. What is refused is not kept: its `kid` may be of any length.
@lru_cache(maxsize=65_536)
def _admitted(readers: str, cty: str, names: tuple[Name, ...], said: Members) -> bool:
    fitting = [patterns for patterns in choices(readers) if (cty == SIGNED_CTY) == is_signed(patterns)]
    if not fitting:
        raise Yours("envelope.header", "Set typ, enc and cty as specified for this channel and service.")
    for patterns in fitting:
        if fits(names, patterns, said):
            return is_admitted(patterns)
    raise Yours("envelope.recipients", _SENTENCES.get(readers, f"Name these readers: {readers}."))


def parse_readers(patterns: str) -> Readers:
    """Read the patterns of a setting; raises `Yours("settings.readers")`."""
    plain = " ".join(patterns.split())
    try:
        for pattern in " ".join(choices(plain)).split():
            parse_kid(_BRACES.sub(lambda brace: str(_SAMPLE[brace[1]]), pattern).replace("*", "1"))
    except (Yours, KeyError):
        raise Yours(
            "settings.readers",
            "Set TIERS_CONSUMER_READERS and TIERS_ENTERPRISE_READERS to patterns of kid (docs/custody.md).",
        ) from None
    if not all(choice.strip() for choice in choices(plain)):
        raise Yours("settings.readers", "Name the readers of each channel: one pattern of kid at least.")
    return Readers(plain)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The readers of each channel."""

    consumer: Readers = Readers(CONSUMER_READERS)
    enterprise: Readers = Readers(ENTERPRISE_READERS)


INDIA = Arrangement()


def decide(
    envelope: Envelope, sender: Device, receiver: Device | None, now: int, arrangement: Arrangement = INDIA
) -> Ask | None:
    """Say what to put to the carrier about an envelope; `None`: it goes on as it is. `now` is ms since 1970.

    `sender` is who proved to be sending.

    1. Sent by whom it names. 2. Dated now. 3. Along the channel that it names, by a sender and to a receiver on it,
    for exactly the readers of that channel. Raises `Yours` or `Policy`.
    """
    header = envelope.header
    if header.sender != sender.pin:  # 1
        raise Forbidden("envelope.sender", "Name your own PIN in `from`.")
    if abs(header.ts - now) > MAX_SKEW_MS:  # 2
        seconds, who = abs(header.ts - now) // 1000, "ahead of" if header.ts > now else "behind"
        detail = f"Set the clock and seal again: it is {seconds} s {who} the relay's, and may be {MAX_SKEW_MS // 1000}."
        raise Yours("envelope.misdated", detail)
    if header.channel is Channel.CONSUMER:  # 3
        return _consumer(envelope, sender, receiver, arrangement.consumer)
    _check_enterprise(envelope, sender, receiver, arrangement.enterprise)
    return None


def _consumer(envelope: Envelope, sender: Device, receiver: Device | None, readers: Readers) -> Ask | None:
    if sender.carrier is None:
        raise Policy("envelope.channel", "Enrol with a carrier before you send consumer messages.")
    admitted = readers.check(envelope, sender.carrier, sender.org, None)
    if receiver is None or receiver.carrier != sender.carrier:
        raise Yours("envelope.receiver", f"Check the PIN: it is no subscriber of carrier {sender.carrier}.")
    return Ask(envelope.jwe.protected, envelope.jwe.recipients[0]) if admitted else None


def _check_enterprise(envelope: Envelope, sender: Device, receiver: Device | None, readers: Readers) -> None:
    header = envelope.header
    if sender.org is None:
        raise Policy("envelope.channel", "Activate with a customer before you send enterprise messages.")
    if header.org != sender.org:
        raise Forbidden("envelope.org", "Name the customer that activated this device in `org`.")
    to_org = _customer_of(envelope)  # first whether it is right by its own word: then whose a PIN is shows to nobody
    readers.check(envelope, sender.carrier, sender.org, to_org)
    if receiver is None or receiver.org is None or to_org not in {None, receiver.org}:
        raise Yours("envelope.receiver", "Check the PIN: it is no device of the customer that is named.")


def _customer_of(envelope: Envelope) -> str | None:
    """Return whose device the receiver is, by the word of the recipients; `None` where they do not say."""
    middle = f"/{envelope.header.to}/"
    for recipient in envelope.jwe.recipients:
        org, found, _ = recipient.header.kid.partition(middle)
        if found and org.startswith("org/"):
            return org[4:]
    return None
