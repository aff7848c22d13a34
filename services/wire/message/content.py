"""What a signed envelope holds: a JWS by the sender's device, bound to the whole protected header. Pure.

The signature travels inside the seal, so the relay learns nothing from it, and it names the envelope it was made
for (`env`), so a receiver cannot pass it on as a message to somebody else.
"""

import hashlib
from collections.abc import Callable

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey, verify_compact
from tiers.wire.message.envelope import Service

TYP = "message+jws"
CONTENT_TYPE = {Service.BBM: "text/plain", Service.EMAIL: "message/rfc822"}


def sign_content(key: SigningKey, kid: str, protected: str, service: Service, content: bytes) -> bytes:
    """Sign `content` for the envelope with this protected header; returns the plaintext to seal (a compact JWS)."""
    header = {"typ": TYP, "kid": kid, "cty": CONTENT_TYPE[service], "env": _binding(protected)}
    return key.sign_compact(header, content).encode("ascii")


def verify_content(
    plaintext: bytes, protected: str, service: Service, kid: str, find: Callable[[str], VerifyKey]
) -> bytes:
    """Check an opened plaintext and return the content; raises `Yours`.

    1. It is a JWS signed by `kid`, the sender's device. 2. It was signed for this very envelope. 3. Its type is the
    service's.
    """
    try:
        token = plaintext.decode("ascii")
    except UnicodeDecodeError:
        raise Yours("content.malformed", "An enterprise plaintext is a compact JWS.") from None
    done = verify_compact(token, TYP, find, "content.signature")
    if done.header.kid != kid:  # 1
        raise Yours("content.sender", "The signature is not by the sender whom the envelope names.")
    if done.header.env != _binding(protected):  # 2
        raise Yours("content.envelope", "The signature was made for another envelope.")
    if done.header.cty != CONTENT_TYPE[service]:  # 3
        raise Yours("content.type", "The content is not of the type that the service carries.")
    return done.payload


def content_of(plaintext: bytes) -> bytes:
    """Return the content of a signed plaintext, unverified: for whoever lacks the sender's key; raises `Yours`."""
    parts = plaintext.split(b".")
    if len(parts) != 3:  # noqa: PLR2004 - a compact JWS
        raise Yours("content.malformed", "A signed plaintext is a compact JWS.")
    return unb64u(parts[1].decode("ascii", "replace"), "content.malformed")


def _binding(protected: str) -> str:
    return b64u(hashlib.sha256(protected.encode("ascii")).digest())
