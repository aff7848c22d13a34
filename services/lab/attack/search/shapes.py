"""The shut thing that the lab looks for: a JWE in General JSON, wherever it lies."""

import re

import msgspec

from tiers.measure.search.scan import Shape
from tiers.wire.message.envelope import Jwe

_decode = msgspec.json.Decoder(Jwe)


def _read(data: bytes) -> Jwe | None:
    try:
        return _decode.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # torn memory is not even text
        return None


JWE = Shape(
    "JWE",
    b'{"protected":"ey',
    re.compile(
        rb'\{"protected":"[\w-]{1,4096}","recipients":\[[^\]]{1,20000}\],'
        rb'"iv":"[\w-]{16}","ciphertext":"[\w-]{1,140000}","tag":"[\w-]{22}"\}'
    ),
    _read,
)
