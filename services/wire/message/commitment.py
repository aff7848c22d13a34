"""One message, one text: the protected header commits to the content key (docs/spec/envelope.md, must 5). Pure.

AES-GCM does not commit to its key: whoever knows two keys can make one ciphertext that opens under both, to two texts.
`cmt` = HKDF-Expand(CEK, "tiers/v1 commit", 32) is HMAC-SHA256, for which no two keys are known with one result.
"""

import hmac
from typing import Final

from tiers.wire.encoding import b64u
from tiers.wire.errors import Yours

_LABEL: Final = b"tiers/v1 commit"


def commitment(cek: bytes) -> str:
    """Return `cmt` for a content key of 32 bytes (RFC 5869, section 2.3, one block)."""
    return b64u(hmac.digest(cek, _LABEL + b"\x01", "sha256"))


def check_commitment(cek: bytes, cmt: str, code: str) -> bytes:
    """Return the content key if the header committed to it, compared in constant time; raises `Yours(code)`."""
    if not hmac.compare_digest(commitment(cek), cmt):
        raise Yours(code, "Ask the sender to send it again: its header commits to another content key than this one.")
    return cek
