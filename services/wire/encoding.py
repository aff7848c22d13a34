"""Base64url without padding, one spelling only (RFC 7515 section 2), and JSON by msgspec. Pure."""

import binascii
import re
from typing import TypeVar

import msgspec

from services.wire.errors import Yours

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_LAST = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}  # the last characters whose unused bits are zero

_PLACE = re.compile(r"\$[A-Za-z_.\[\]]*")
T = TypeVar("T")


def b64u(raw: bytes) -> str:
    """Encode."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def check_b64u(text: str, code: str) -> str:
    """Return `text` if it is the one spelling of some bytes; raises `Yours(code)`. Decodes nothing."""
    raw = text.encode()
    rest = len(raw) % 4
    if raw.translate(None, _ALPHABET) or rest == 1 or (rest and raw[-1:] not in _LAST[rest]):
        raise Yours(code, "Write bytes as base64url without padding, with unused bits zero (RFC 7515, section 2).")
    return text


def unb64u(text: str, code: str) -> bytes:
    """Decode the one spelling; raises `Yours(code)`."""
    raw = check_b64u(text, code).encode().translate(_TO_STANDARD)
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))


def parse_json(kind: type[T], raw: bytes | str, code: str) -> T:
    """Decode JSON into a struct; raises `Yours(code)` that says which member is wrong, never its value."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Yours(code, f"Send the JSON that is specified for {_name(kind)}: {_where(error)}.") from None


def _where(error: Exception) -> str:
    """Keep the place, drop the value: an error never repeats what it was sent."""
    text = str(error)
    if text.startswith("Object missing required field"):
        return text[0].lower() + text[1:]
    place = _PLACE.search(text)
    return f"look at {place[0]}" if place else "it does not decode"


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))
