"""What a carrier is asked."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tiers.wire.encoding import Discreet, parse_json
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import GeneralJws, HpkeJwk, PublicJwk
from tiers.wire.message.envelope import Pin, Recipient, RecipientHeader, check_recipient

MAX_BATCH = 1024


class IssueVoucher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/vouchers` by the carrier's shop, or a court's judge: let this PIN enrol once."""

    pin: Pin


class Voucher(Discreet, frozen=True, forbid_unknown_fields=True):
    """What is handed over with a handset, as a SIM card is. The repr hides it."""

    pin: Pin
    voucher: str


class Enrol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/subscribers`, signed by the device: the key that it will be known by, and one to seal its keys to.

    `voucher` was made for this PIN; the same key may ask again without one.
    """

    pin: Pin
    sign: PublicJwk
    hpke: HpkeJwk
    voucher: Annotated[str, Meta(max_length=64)]


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The subscriber's keys from this minute on, sealed to its handset (tiers.wire.enrolment)."""

    keys: msgspec.Raw


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message to admit: its protected header as sent, and the sender's recipient. Never the ciphertext."""

    protected: str
    recipient: Recipient


class Admissions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/admissions`: the messages of one turn, together."""

    asks: Annotated[tuple[Ask, ...], Meta(min_length=1, max_length=MAX_BATCH)]


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why one message is not admitted."""

    code: str
    detail: str


class Admitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answers, in the order of the asks: the receiver's recipient, or a refusal."""

    answers: tuple[Recipient | Refusal, ...]


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: RecipientHeader | UnsetType = UNSET
    encrypted_key: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class _Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answers: tuple[_Answer, ...]


def parse_admitted(raw: bytes) -> Admitted:
    """Read the answer to `POST /v1/admissions`; raises `Yours`. An answer is told by its members: it has no tag."""
    return Admitted(tuple(map(_answer, parse_json(_Answers, raw, "peer.malformed").answers)))


def _answer(one: _Answer) -> Recipient | Refusal:
    if one.header is not UNSET and one.encrypted_key is not UNSET and one.code is UNSET and one.detail is UNSET:
        return check_recipient(Recipient(one.header, one.encrypted_key))
    if one.header is UNSET and one.encrypted_key is UNSET and one.code is not UNSET and one.detail is not UNSET:
        return Refusal(one.code, one.detail)
    raise Yours("peer.malformed", "Answer each ask with a recipient or with a refusal.")


class ServeWarrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/warrants`."""

    warrant: GeneralJws


class Served(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The warrant stands in the log and the task is active. `leaf` is its index in the log."""

    jti: str
    liid: str
    leaf: int


class WarrantStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/warrants/{jti}/status`: a status statement, signed by the judge."""

    statement: str


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/warrants/{jti}/product?after=N`: PDUs in order, base64url; `lost` is counted, never hidden.

    `since` is when the warrant was served (ms since 1970): keys are given from that minute on.
    """

    liid: str
    first: int
    pdus: tuple[str, ...]
    total: int
    lost: int
    since: int = 0


class Granted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The grant, a JWE to the auditor (docs/spec/grant.md)."""

    grant: msgspec.Raw
