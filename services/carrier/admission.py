"""Admission: a content key travels from the sender's key to the receiver's, and nothing else can ask for it. Pure.

Per message the carrier sees the protected header and the sender's recipient, never the ciphertext:

    1. the protected header is an envelope's, in its one spelling          envelope.*
    2. the channel is consumer                                             admission.channel
    3. the recipient is carrier/<me>/<from>/<epoch of ts>                  admission.recipient
    4. that epoch is the carrier's own current one, or one off             admission.epoch
    5. sender and receiver are subscribers here                            admission.subscriber
    6. the key that is bound to this header, byte for byte, unwraps        admission.key
    7. it is the content key that the header commits to                    admission.commitment
    8. wrap for the receiver: carrier/<me>/<to>/<epoch>

Step 6 stops a relay that alters a header, or shows somebody's recipient under another one: each header has a key of
its own. Step 7 stops a sender who wraps another key for the carrier than the message is sealed under. This file may use
AEAD: it is the hot path, and reads a recipient's bytes once.
"""

import os
from collections.abc import Container, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tiers.carrier.keystore import KEEP_EPOCHS, Keystore
from tiers.wire.api.carrier import Ask, Refusal
from tiers.wire.encoding import b64u, decode_b64u
from tiers.wire.errors import Policy, TiersError, Yours
from tiers.wire.keys.keytree import bound_key, epoch_of, header_digest
from tiers.wire.message.commitment import check_commitment
from tiers.wire.message.envelope import (
    GCMKW,
    Channel,
    Protected,
    Recipient,
    RecipientHeader,
    check_recipient,
    parse_protected,
)

MAX_SKEW = 1  # epochs
_NONCE = 12
_TAG = 16


class Asked(NamedTuple):
    """An ask whose protected header was read: who writes to whom, in which minute."""

    header: Protected
    epoch: int
    ask: Ask


def read(asks: Sequence[Ask]) -> list[Asked | Refusal]:
    """Read the protected headers of a batch (step 1), each ask on its own."""
    out: list[Asked | Refusal] = []
    for ask in asks:
        try:
            header = parse_protected(ask.protected)
            out.append(Asked(header, epoch_of(header.ts), ask))
        except TiersError as error:
            out.append(Refusal(error.code, error.detail))
    return out


def pins(batch: Sequence[Asked | Refusal]) -> set[str]:
    named = [item.header for item in batch if isinstance(item, Asked)]
    return {header.sender for header in named} | {header.to for header in named}


class Admission:
    """Admits batches with one carrier's keys."""

    def __init__(self, carrier: str, keys: Keystore) -> None:
        self._carrier = carrier
        self._keys = keys
        self._current = 0

    def admit(
        self, batch: Sequence[Asked | Refusal], subscribers: Container[str], current: int
    ) -> list[Recipient | Refusal]:
        """Answer a batch in order; `current` is the carrier's epoch. One bad ask never spoils the others."""
        if current != self._current:
            self._current = current
            self._keys.forget_before(current - KEEP_EPOCHS)
        out: list[Recipient | Refusal] = []
        for item in batch:
            try:
                out.append(self._admit(item, subscribers, current) if isinstance(item, Asked) else item)
            except TiersError as error:
                out.append(Refusal(error.code, error.detail))
        return out

    def _admit(self, asked: Asked, subscribers: Container[str], current: int) -> Recipient:
        header, epoch, recipient = asked.header, asked.epoch, asked.ask.recipient
        if header.channel is not Channel.CONSUMER:  # 2
            raise Yours("admission.channel", "Send enterprise messages without asking: the carrier has no key.")
        if recipient.header.kid != f"carrier/{self._carrier}/{header.sender}/{epoch}":  # 3
            raise Yours("admission.recipient", "Name one recipient: the sender's carrier key of the minute in ts.")
        if abs(epoch - current) > MAX_SKEW:  # 4
            raise Policy("admission.epoch", "Set the device's clock and send again, dated now.")
        if header.sender not in subscribers or header.to not in subscribers:  # 5
            raise Policy("admission.subscriber", f"Enrol sender and receiver with carrier {self._carrier} first.")
        bound = header_digest(asked.ask.protected)
        cek = _unwrap(recipient, self._wrapper(header.sender, epoch, bound))  # 6
        check_commitment(cek, header.cmt, "admission.commitment")  # 7
        return _wrap(f"carrier/{self._carrier}/{header.to}/{epoch}", cek, self._wrapper(header.to, epoch, bound))  # 8

    def _wrapper(self, pin: str, epoch: int, bound: bytes) -> AESGCM:
        """Return the cipher of one subscriber for one message, under the key that its whole header is bound to."""
        return AESGCM(bound_key(self._keys.leaf(pin, epoch), bound).reveal())


def _unwrap(recipient: Recipient, cipher: AESGCM) -> bytes:
    """Open a content key (RFC 7518, section 4.7); `check_recipient` holds the lengths and the one spelling."""
    head = check_recipient(recipient).header
    if head.alg != GCMKW or not (isinstance(head.iv, str) and isinstance(head.tag, str)):
        raise Yours("admission.recipient", f"Wrap the content key for the carrier with {GCMKW}.")
    try:
        return cipher.decrypt(decode_b64u(head.iv), decode_b64u(recipient.encrypted_key) + decode_b64u(head.tag), None)
    except InvalidTag:
        detail = "Send the header as it was sealed: this content key was wrapped under another one."
        raise Policy("admission.key", detail) from None


def _wrap(kid: str, cek: bytes, cipher: AESGCM) -> Recipient:
    nonce = os.urandom(_NONCE)
    wrapped = cipher.encrypt(nonce, cek, None)
    return Recipient(RecipientHeader(GCMKW, kid, b64u(nonce), b64u(wrapped[-_TAG:])), b64u(wrapped[:-_TAG]))
