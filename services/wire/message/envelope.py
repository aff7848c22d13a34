"""The envelope: a message is a JWE whose `recipients` name everyone who can read it (docs/spec/envelope.md).

Parses and formats; opens nothing. One spelling: the bytes of an envelope, and of its protected header, are exactly
what `format_envelope` would write, so no two readers can see two different messages in the same bytes.
"""

# Long because the envelope, its header and its readers' names are one grammar, with one spelling.

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tiers.wire.encoding import b64u, check_b64u, check_b64u_end, decode_b64u, parse_json
from tiers.wire.errors import TooLarge, Yours
from tiers.wire.keys.keytree import EPOCHS, epoch_of
from tiers.wire.message.spelling import MAX_RECIPIENTS, is_spelled

MAX_PLAINTEXT = 65_536
MAX_CIPHERTEXT = 92_160  # a plaintext of MAX_PLAINTEXT inside a JWS: four thirds of it and its header
MAX_ENVELOPE = 140_000
TYP = "message+jwe"
GCMKW = "A256GCMKW"
HPKE = "HPKE-9-KE"

_PIN, _ORG = "[0-9a-f]{8}", "S[0-9]{8}"
_MID = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
Pin = Annotated[str, Meta(pattern=rf"^{_PIN}\Z")]
Org = Annotated[str, Meta(pattern=rf"^{_ORG}\Z")]
Mid = Annotated[str, Meta(pattern=rf"^{_MID}\Z")]
_FIRST_MS, _END_MS = 1_262_304_000_000, 2_268_936_960_000  # the epochs of the key tree
_B64U_32 = 43  # characters of 32 bytes
_COMMITMENT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_NAMES = re.compile(f"{_MID} {_PIN} {_PIN} (?:={_ORG}|-) {_COMMITMENT.pattern}")
"""What a header names, in one line: to look once is a third of the time of looking at each."""


class Channel(StrEnum):
    """Which tier: whose keys stand in `recipients`."""

    CONSUMER = "consumer"
    ENTERPRISE = "enterprise"


class Service(StrEnum):
    """What the user sees."""

    BBM = "bbm"
    EMAIL = "email"


CTY = {
    (Channel.CONSUMER, Service.BBM): "text/plain",
    (Channel.CONSUMER, Service.EMAIL): "message/rfc822",
    (Channel.ENTERPRISE, Service.BBM): "JOSE",
    (Channel.ENTERPRISE, Service.EMAIL): "JOSE",
}
SIGNED_CTY = "JOSE"
"""`cty` of a content that is signed by the sender's handset, on either channel."""


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """The JWE protected header: what everybody on the path sees, and nobody can change. `ts` is ms since 1970.

    `cmt` commits to the content key (commitment.py). That names are a `Mid`, `Pin` or `Org` is checked when it is read.
    """

    typ: str
    enc: str
    mid: str
    channel: Channel
    service: Service
    sender: str
    to: str
    ts: Annotated[int, Meta(ge=_FIRST_MS, lt=_END_MS)]
    cty: str
    cmt: str
    org: str | UnsetType = UNSET


class RecipientHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipient's unprotected header: `iv` and `tag` for A256GCMKW (RFC 7518, 4.7.1), `ek` for HPKE-9-KE."""

    alg: str
    kid: str
    iv: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    ek: str | UnsetType = UNSET


class Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reader: whose key (`header.kid`) opens `encrypted_key`, the CEK."""

    header: RecipientHeader
    encrypted_key: str


class Jwe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """JWE General JSON Serialization (RFC 7516, section 7.2.1) with the members that we use."""

    protected: str
    recipients: tuple[Recipient, ...]
    iv: str
    ciphertext: str
    tag: str


class Envelope(msgspec.Struct, frozen=True):
    """A parsed envelope: the header that the JWE authenticates, and the JWE."""

    header: Protected
    jwe: Jwe


class CarrierKid(msgspec.Struct, frozen=True):
    """The carrier's key of a subscriber and minute."""

    shape: ClassVar = "carrier/{carrier}/{pin}/{epoch}"
    carrier: str
    pin: str
    epoch: int


class DeviceKid(msgspec.Struct, frozen=True):
    """An employee's device."""

    shape: ClassVar = "org/{org}/{pin}/{generation}"
    org: str
    pin: str
    generation: int


class BesKid(msgspec.Struct, frozen=True):
    """A customer's key server."""

    shape: ClassVar = "org/{org}/bes/{generation}"
    org: str
    generation: int


class GlobalKid(msgspec.Struct, frozen=True):
    """The one key that is in every handset."""

    shape: ClassVar = "global/{carrier}/{generation}"
    carrier: str
    generation: int


class EscrowKid(msgspec.Struct, frozen=True):
    """A key of which carrier and court hold one half each."""

    shape: ClassVar = "escrow/{jurisdiction}/{pin}/{epoch}"
    jurisdiction: str
    pin: str
    epoch: int


class HandsetKid(msgspec.Struct, frozen=True):
    """A subscriber's own handset, whom no customer vouches for."""

    shape: ClassVar = "device/{pin}/{generation}"
    pin: str
    generation: int


Kid = CarrierKid | DeviceKid | BesKid | GlobalKid | EscrowKid | HandsetKid

_NAME, _NUMBER = "[a-z]{2,8}", "0|[1-9][0-9]{0,8}"
_MEMBERS = {"org": _ORG, "pin": _PIN, "epoch": _NUMBER, "generation": _NUMBER}
_GRAMMAR: tuple[tuple[type[Kid], re.Pattern[str]], ...] = tuple(
    (kind, re.compile(re.sub(r"\{(\w+)\}", lambda part: f"(?P<{part[1]}>{_MEMBERS.get(part[1], _NAME)})", kind.shape)))
    for kind in get_args(Kid)
)


def parse_kid(kid: str) -> Kid:
    """Read a recipient's `kid`; raises `Yours`."""
    for kind, shape in _GRAMMAR:
        if match := shape.fullmatch(kid):
            return msgspec.convert(match.groupdict(), kind, strict=False)
    raise Yours("envelope.kid", "Name a recipient as carrier/…, org/<org>/<pin>/… or org/<org>/bes/….")


def format_kid(kid: Kid) -> str:
    return kid.shape.format_map(msgspec.structs.asdict(kid))


_encode = msgspec.json.encode
_jwe = msgspec.json.Decoder(Jwe)


def format_protected(header: Protected) -> str:
    """Write the protected header as it stands in the JWE: base64url of compact JSON, members in the order above."""
    return b64u(_encode(header))


def parse_protected(protected: str) -> Protected:
    """Read a protected header as sent; raises `Yours`."""
    return _read_protected(check_b64u(protected, "envelope.malformed"))


def _read_protected(protected: str) -> Protected:
    raw = decode_b64u(protected)
    header = parse_json(Protected, raw, "envelope.malformed")
    if _encode(header) != raw:
        raise Yours(
            "envelope.spelling", "Write the protected header compact: each member once, in the order specified."
        )
    if (
        header.typ != TYP
        or header.enc != "A256GCM"
        or header.cty not in (CTY[header.channel, header.service], SIGNED_CTY)
    ):
        raise Yours("envelope.header", "Set typ, enc and cty as specified for this channel and service.")
    if (header.org is UNSET) != (header.channel is Channel.CONSUMER):
        raise Yours("envelope.header", "Name the sender's org in an enterprise message, and in no other.")
    org = "-" if header.org is UNSET else f"={header.org}"
    if not _NAMES.fullmatch(f"{header.mid} {header.sender} {header.to} {org} {header.cmt}"):
        raise _misnamed(header)
    return header


def _misnamed(header: Protected) -> Yours:
    if not _COMMITMENT.fullmatch(header.cmt):
        return Yours("envelope.commitment", "Commit to the content key in `cmt`: 32 bytes in base64url.")
    return Yours("envelope.malformed", "Write mid, from, to and org as specified: a UUIDv7, two PINs, an org.")


def format_jwe(jwe: Jwe) -> bytes:
    return _encode(jwe)


_ABSENT = -1
_SHAPES = {"A256GCMKW": (16, 22, _ABSENT, _B64U_32), "HPKE-9-KE": (_ABSENT, _ABSENT, 1494, 64)}
"""Characters of iv, tag, ek and encrypted_key."""


def check_recipient(recipient: Recipient) -> Recipient:
    """Check the members that an `alg` asks for, and their exact lengths; raises `Yours`."""
    for part in _sized(recipient):
        check_b64u(part, "envelope.recipient")
    return recipient


def _sized(recipient: Recipient) -> tuple[str, ...]:
    """Return what is base64url in a recipient that has the members of its `alg`, each of its exact length."""
    head, key = recipient.header, recipient.encrypted_key
    iv, tag, ek = head.iv, head.tag, head.ek
    shape = (
        _ABSENT if iv is UNSET else len(iv),
        _ABSENT if tag is UNSET else len(tag),
        _ABSENT if ek is UNSET else len(ek),
        len(key),
    )
    if shape != _SHAPES.get(head.alg):
        raise Yours("envelope.recipient", "Give each recipient alg A256GCMKW with iv and tag, or HPKE-9-KE with ek.")
    return (key, ek) if ek is not UNSET else (key, iv, tag)  # type: ignore[return-value]  # the shape has them


def parse_jwe(raw: bytes | str, biggest: int = MAX_ENVELOPE) -> Jwe:
    """Read a JWE in its one spelling; raises `Yours` or `TooLarge`. Says nothing about its protected header."""
    if len(raw) > biggest:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_PLAINTEXT} bytes of content.")
    if isinstance(raw, bytes) and is_spelled(raw):
        jwe = _jwe.decode(raw)
        _check_rest(jwe)
    else:
        jwe = parse_json(Jwe, raw, "envelope.malformed")
        _check_members(jwe, raw)
    return jwe


def _check_rest(jwe: Jwe) -> None:
    """Check what `is_spelled` leaves."""
    if len(jwe.recipients) > 1:
        _check_named_once(jwe)
    for part in (jwe.protected, jwe.ciphertext):
        check_b64u_end(part, "envelope.malformed")


def _check_named_once(jwe: Jwe) -> None:
    kids = {recipient.header.kid for recipient in jwe.recipients}
    if not 1 <= len(jwe.recipients) <= MAX_RECIPIENTS or len(kids) != len(jwe.recipients):
        raise Yours("envelope.recipients", f"Name between 1 and {MAX_RECIPIENTS} recipients, each once.")


def _check_members(jwe: Jwe, raw: bytes | str) -> None:
    if format_jwe(jwe) != (raw.encode() if isinstance(raw, str) else bytes(raw)):
        raise Yours("envelope.spelling", "Write the JWE compact, members in the specified order, once each.")
    _check_named_once(jwe)
    if len(jwe.iv) != 16 or len(jwe.tag) != 22:  # noqa: PLR2004 - base64url of 12 and 16 bytes
        raise Yours("envelope.malformed", "Use a 96-bit iv and a 128-bit tag (RFC 7518, section 5.3).")
    for part in (jwe.protected, jwe.iv, jwe.tag, jwe.ciphertext):
        check_b64u(part, "envelope.malformed")
    for recipient in jwe.recipients:
        check_recipient(recipient)


def parse_envelope(raw: bytes | str) -> Envelope:
    """Read an envelope; raises `Yours` or `TooLarge`. Every rule that needs no clock, key or directory is here."""
    jwe = parse_jwe(raw)
    header = _read_protected(jwe.protected)
    biggest = MAX_CIPHERTEXT if header.cty == SIGNED_CTY else MAX_PLAINTEXT
    if len(jwe.ciphertext) > (biggest * 4 + 2) // 3:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_PLAINTEXT} bytes of content.")
    return Envelope(header, jwe)


def format_envelope(envelope: Envelope) -> bytes:
    return format_jwe(envelope.jwe)


def find_recipient(envelope: Envelope, wanted: Callable[[Kid], bool]) -> Recipient | None:
    """Return the first recipient whose kid is `wanted`."""
    for recipient in envelope.jwe.recipients:
        if wanted(parse_kid(recipient.header.kid)):
            return recipient
    return None


def message_epoch(header: Protected) -> int:
    return epoch_of(header.ts)


assert EPOCHS == 1 << 24  # noqa: S101 - the bounds of `ts` above are those of the tree
