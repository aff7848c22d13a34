"""What decides the journal: which copies are kept, how one is opened, and who wrote it. Pure.

The journal is the customer's own record of its own traffic. Copies stay sealed on disk: reading one takes the key
server's key of the generation that the copy names.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tiers.wire.api.enterprise import Opened
from tiers.wire.custody import CUSTOMER
from tiers.wire.errors import Forbidden, Missing, TooMany, Yours
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.message.content import read_content, verify_content
from tiers.wire.message.envelope import BesKid, Channel, DeviceKid, Envelope, find_recipient, format_kid, parse_kid
from tiers.wire.message.readers import fits, members, named
from tiers.wire.message.sealing import HpkePrivateKey, decrypt_with, open_message

SKEW_MS = 120_000
KEPT_MS = 7 * 24 * 3600 * 1000
MAX_COPIES = 20_000
MAX_OCTETS = 256 * 1024 * 1024
"""What one device may hand in on one day."""
FindKey = Callable[[int], HpkePrivateKey]


@dataclass(frozen=True, slots=True, repr=False)
class OpenedCopy:
    """A copy that was opened and whose author is not checked yet: made by `open_copy` only. The repr hides it."""

    envelope: Envelope
    plaintext: bytes
    author: DeviceKid


def check_copy(envelope: Envelope, caller: str, org: str, newest: int) -> Envelope:
    """Return a copy that `caller` (a PIN of `org`) may journal; raises `Yours`.

    1. It is an enterprise message. 2. The caller sent or received it. 3. What the caller sent, it sent as this
    customer's. 4. It names a generation of our key server, up to the `newest`, among its readers. 5. Its readers are
    the receiver and the key servers of both, each once, and nobody else.
    """
    header = envelope.header
    if header.channel is not Channel.ENTERPRISE:  # 1
        raise Yours("journal.consumer", "Journal enterprise messages: a consumer message is the carrier's affair.")
    if caller not in (header.sender, header.to):  # 2
        raise Forbidden("journal.not_yours", "Journal messages that this device sent or received.")
    if caller == header.sender and header.org != org:  # 3
        raise Yours("journal.org", f"Send as a device of {org}: this message names another customer as the sender's.")
    if bes_generation(envelope, org) > newest:  # 4
        raise not_ours(org)
    said = members(header, None, header.org or None, _to_org(envelope))
    if not fits(named(envelope), " ".join(CUSTOMER.readers[Channel.ENTERPRISE]), said):  # 5
        raise Yours("journal.readers", "Seal to the receiver and both key servers: this names one more, or one less.")
    return envelope


def _to_org(envelope: Envelope) -> str | None:
    kids = (parse_kid(recipient.header.kid) for recipient in envelope.jwe.recipients)
    return next((kid.org for kid in kids if isinstance(kid, DeviceKid) and kid.pin == envelope.header.to), None)


def check_date(envelope: Envelope, caller: str, now: int) -> Envelope:
    """Return a copy that is dated as the relay takes messages and keeps them; raises `Yours`. `now` is ms since 1970.

    A sender hands it in before it sends, a receiver up to a mailbox's time later.
    """
    oldest = now - SKEW_MS - (0 if caller == envelope.header.sender else KEPT_MS)
    if not oldest <= envelope.header.ts <= now + SKEW_MS:
        raise Yours("journal.misdated", "Set the clock: a copy is dated when it is sent, at most seven days back.")
    return envelope


def check_quota(copies: int, octets: int) -> None:
    """Raise `TooMany` if a device has handed in so much today that it gets no more room."""
    if copies >= MAX_COPIES or octets >= MAX_OCTETS:
        raise TooMany("journal.quota", f"Wait until tomorrow: a device has {MAX_COPIES} copies journalled in a day.")


def bes_generation(envelope: Envelope, org: str) -> int:
    """Return the newest generation of our key server among the readers; raises `Yours` where there is none."""
    kids = [parse_kid(recipient.header.kid) for recipient in envelope.jwe.recipients]
    ours = [kid.generation for kid in kids if isinstance(kid, BesKid) and kid.org == org]
    if not ours or max(ours) < 1:
        raise not_ours(org)
    return max(ours)


def not_ours(org: str) -> Yours:
    """Return the refusal of an envelope that our key server cannot open, and never could."""
    return Yours("journal.not_ours", f"Seal to the key server too: no recipient of this JWE is a key org/{org}/bes/….")


def open_copy(envelope: Envelope, org: str, find: FindKey) -> OpenedCopy:
    """Open a copy with the generation that it names; `find` raises for one that was destroyed. Raises `Yours`."""
    wanted = BesKid(org, bes_generation(envelope, org))
    recipient = find_recipient(envelope, lambda kid: kid == wanted)
    if recipient is None:
        raise not_ours(org)
    key = find(wanted.generation)
    plaintext = open_message(envelope, decrypt_with(recipient, key))
    _, signer = read_content(plaintext, envelope, {format_kid(wanted): key.public.jwk().thumbprint()})
    author = parse_kid(signer) if signer else None
    if not isinstance(author, DeviceKid):
        raise Yours("content.sender", "The signature is not by the sender whom the envelope names.")
    return OpenedCopy(envelope, plaintext, author)


def check_opens(envelope: Envelope, org: str, find: FindKey) -> OpenedCopy:
    """Open a copy before it is kept; raises `Yours` for one that this customer cannot read as its receiver can."""
    try:
        return open_copy(envelope, org, find)
    except Yours as error:
        detail = f"Seal it as docs/spec/envelope.md says: the copy for org/{org}/bes/… does not open ({error.code})."
        raise Yours("journal.does_not_open", detail) from None


def verify_copy(copy: OpenedCopy, author: VerifyKey) -> Opened:
    """Check the signature inside with the author's key, found in a directory; raises `Yours`."""
    header = copy.envelope.header
    content = verify_content(copy.plaintext, copy.envelope, format_kid(copy.author), author, {})
    text = content.decode("utf-8", "backslashreplace")
    return Opened(header.mid, header.sender, header.to, header.ts, text)


def no_author(kid: DeviceKid) -> Missing:
    """Return the answer where the signer's key is not to be had any more."""
    return Missing(
        "read.author", f"Ask {kid.org} who {format_kid(kid)} was: no key is at hand that checks its signature."
    )
