"""Base64url without padding, one spelling only (RFC 7515 section 2), and JSON by msgspec. Pure."""

import binascii
import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from tiers.wire.errors import Ours, Yours

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_LAST = {2: "AQgw", 3: "AEIMQUYcgkosw048"}  # the last characters whose unused bits are zero
_ONE_SPELLING = "Write bytes as base64url without padding, with unused bits zero (RFC 7515, section 2)."

_PLACE = re.compile(r"\$[A-Za-z_.\[\]]*")
T = TypeVar("T")


class Discreet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shows of itself its first member alone: the others are a secret, or what somebody wrote."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, self.__struct_fields__[0])}>"


def b64u(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def check_b64u(text: str, code: str) -> str:
    """Return `text` if it is the one spelling of some bytes; raises `Yours(code)`. Decodes nothing."""
    if text.encode(errors="replace").translate(None, ALPHABET):  # a lone surrogate is of no alphabet
        raise Yours(code, _ONE_SPELLING)
    return check_b64u_end(text, code)


def check_b64u_end(text: str, code: str) -> str:
    """Return `text`, whose characters are known to be of the alphabet, if it ends well; raises `Yours(code)`."""
    rest = len(text) % 4
    if rest and (rest == 1 or text[-1] not in _LAST[rest]):
        raise Yours(code, _ONE_SPELLING)
    return text


def unb64u(text: str, code: str) -> bytes:
    """Decode the one spelling; raises `Yours(code)`."""
    return decode_b64u(check_b64u(text, code))


def decode_b64u(text: str) -> bytes:
    return binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=="[: -len(text) % 4])


def parse_json(kind: type[T], raw: bytes | str, code: str) -> T:
    """Decode JSON into a struct; raises `Yours(code)` that says which member is wrong, never its value."""
    try:
        decoder: msgspec.json.Decoder[T] = _decoder(kind)  # type: ignore[arg-type]  # a type is hashable
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Yours(code, f"Send the JSON that is specified for {_name(kind)}: {_where(error)}.") from None


def parse_own(kind: type[T], raw: bytes | str, code: str) -> T:
    """Decode JSON that this party wrote down itself; raises `Ours(code)`: no fault of whoever asks now."""
    try:
        return parse_json(kind, raw, code)
    except Yours:
        raise Ours(code, f"Restore it from a backup: a stored {_name(kind)} does not read.") from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _where(error: Exception) -> str:
    """Keep the place, drop the value: an error never repeats what it was sent."""
    text = str(error)
    if text.startswith("Object missing required field"):
        return text[0].lower() + text[1:]
    place = _PLACE.search(text)
    return f"look at {place[0]}" if place else "it does not decode"


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))
