"""What a signed envelope holds: a JWS by the sender's device, bound to the protected header and to the readers. Pure.

The signature travels inside the seal, so the relay learns nothing from it. It names the envelope that it was made for
(`env`), so a receiver cannot pass it on as a message to somebody else, and everybody who can read it (`readers`), so
nobody can add a reader, or put another key under a reader's name.
"""

import hashlib
from collections.abc import Iterable, Mapping

from tiers.wire.encoding import b64u
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import SigningKey, Verified, VerifyKey, read_compact, verify_compact
from tiers.wire.message.envelope import SIGNED_CTY, DeviceKid, Envelope, HandsetKid, Recipient, Service, parse_kid

TYP = "message+jws"
CONTENT_TYPE = {Service.BBM: "text/plain", Service.EMAIL: "message/rfc822"}

_NOT_BY_THE_SENDER = "The signature is not by the sender whom the envelope names."

Readers = tuple[tuple[str, str], ...]
"""Everybody who can read a message: (kid, JWK thumbprint) by kid; no thumbprint for a key that the ends share."""


def readers_of(recipients: Iterable[Recipient], thumbprints: Mapping[str, str]) -> Readers:
    """Return what a sender signs about `recipients`; `thumbprints` holds those of the public keys, by kid."""
    return tuple(sorted((one.header.kid, thumbprints.get(one.header.kid, "")) for one in recipients))


def sign_content(  # noqa: PLR0913, PLR0917 - who signs, for which envelope, what
    key: SigningKey, kid: str, protected: str, service: Service, readers: Readers, content: bytes
) -> bytes:
    """Sign `content` for the envelope with this protected header; returns the plaintext to seal (a compact JWS)."""
    header = {"typ": TYP, "kid": kid, "cty": CONTENT_TYPE[service], "env": _binding(protected), "readers": readers}
    return key.sign_compact(header, content).encode("ascii")


def verify_content(
    plaintext: bytes, envelope: Envelope, kid: str, author: VerifyKey, thumbprints: Mapping[str, str]
) -> bytes:
    """Check an opened, signed plaintext and return the content; raises `Yours`.

    1. It is a JWS by `kid`, whose key is `author`. 2. All that `read_content` checks.
    """
    stranger = Yours("content.sender", _NOT_BY_THE_SENDER)
    done = verify_compact(_token(plaintext), TYP, {kid: author}, "content.signature", stranger)  # 1
    return _check(done, envelope, thumbprints)  # 2


def read_content(plaintext: bytes, envelope: Envelope, thumbprints: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the content of an opened message and who signed it; `""` where the custody has nobody sign.

    For whoever lacks the sender's key: all checks but the signature's, so that no reader is shown what another is not.
    `thumbprints` holds, by kid, what the caller knows of the readers' keys: its own at least, if that has one.
    1. A signed plaintext is a JWS. 2. It names the sender of the header. 3. It was made for this very envelope. 4. Its
    type is the service's. 5. It names these recipients and no others, and none with another key. Raises `Yours`.
    """
    if envelope.header.cty != SIGNED_CTY:
        return plaintext, ""
    said = read_compact(_token(plaintext), TYP, "content.signature")  # 1
    return _check(said, envelope, thumbprints), said.header.kid


def _check(said: Verified, envelope: Envelope, thumbprints: Mapping[str, str]) -> bytes:
    header, named = envelope.header, parse_kid(said.header.kid)
    sender = isinstance(named, DeviceKid | HandsetKid) and named.pin == header.sender
    if not sender or (isinstance(named, DeviceKid) and named.org != header.org):  # 2
        raise Yours("content.sender", _NOT_BY_THE_SENDER)
    if said.header.env != _binding(envelope.jwe.protected):  # 3
        raise Yours("content.envelope", "The signature was made for another envelope.")
    if said.header.cty != CONTENT_TYPE[header.service]:  # 4
        raise Yours("content.type", "The content is not of the type that the service carries.")
    if [kid for kid, _ in said.header.readers] != sorted(one.header.kid for one in envelope.jwe.recipients):  # 5
        raise Yours("content.readers", "Ask the sender who is to read this: its readers are not those that he signed.")
    for reader, thumbprint in said.header.readers:
        if thumbprints.get(reader, thumbprint) != thumbprint:
            raise Yours("content.readers", f"Tell the sender: he was given another key for {reader} than its own.")
    return said.payload


def _token(plaintext: bytes) -> str:
    try:
        return plaintext.decode("ascii")
    except UnicodeDecodeError:
        raise Yours("content.malformed", "A signed plaintext is a compact JWS.") from None


def _binding(protected: str) -> str:
    return b64u(hashlib.sha256(protected.encode("ascii")).digest())
