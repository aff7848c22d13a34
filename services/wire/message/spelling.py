"""The one spelling of an envelope as regular expressions: most messages are well formed, and one look shows it. Pure.

`envelope.py` says what an envelope is, member by member, and what is wrong with one that is none. What matches here
passes there with the same result (tests/wire/test_envelope.py); what does not match is looked at there.
"""

import itertools
import re
from typing import Final

from tiers.wire.encoding import ALPHABET

MAX_RECIPIENTS: Final = 4
_B64U_32 = '[^"]{42}[AEIMQUYcgkosw048]'  # the last character of 32 bytes has two unused bits, of 16 bytes four
_B64U_16 = '[^"]{21}[AQgw]'
_BODIES = {
    "A256GCMKW": f'"kid":"[^"]*","iv":"[^"]{{16}}","tag":"{_B64U_16}"}},"encrypted_key":"{_B64U_32}"',
    "HPKE-9-KE": '"kid":"[^"]*","ek":"[^"]{1493}[AQgw]"},"encrypted_key":"[^"]{64}"',
}
_RECIPIENT = r'\{"header":\{"alg":"(?:' + "|".join(f'{alg}",{body}' for alg, body in _BODIES.items()) + r")\}"
_MEMBERS = re.compile(
    (
        rf'\{{"protected":"[^"]*","recipients":\[{_RECIPIENT}(?:,{_RECIPIENT}){{0,{MAX_RECIPIENTS - 1}}}\],'
        rf'"iv":"[^"]{{16}}","ciphertext":"[^"]*","tag":"{_B64U_16}"\}}'
    ).encode()
)


def _skeletons() -> frozenset[bytes]:
    """Return what is left of a well-formed JWE in its one spelling when all characters of base64url are taken out."""
    one = {
        "A256GCMKW": b'{"":{"":"","":"///","":"","":""},"":""}',
        "HPKE-9-KE": b'{"":{"":"","":"///","":""},"":""}',
    }
    lists = itertools.chain.from_iterable(itertools.product(one, repeat=n) for n in range(1, MAX_RECIPIENTS + 1))
    return frozenset(b'{"":"","":[' + b",".join(map(one.__getitem__, algs)) + b'],"":"","":"","":""}' for algs in lists)


_SKELETONS = _skeletons()


def is_spelled(raw: bytes) -> bool:
    """Whether these bytes are a JWE of ours, member by member, but for the ends of `protected` and `ciphertext`.

    The expression sees the members, their order and lengths; the skeleton that every string is base64url and nothing
    else. Whether each recipient is named once is left to see as well.
    """
    return _MEMBERS.fullmatch(raw) is not None and raw.translate(None, ALPHABET) in _SKELETONS
