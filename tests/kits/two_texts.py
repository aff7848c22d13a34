"""One AES-GCM ciphertext that opens under two keys, each to a text of its own (Dodis and others, 2018)."""

import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tiers.wire.encoding import b64u
from tiers.wire.message.envelope import Jwe, Recipient
from tiers.wire.message.sealing import ContentKey

_BLOCK = 16
_R = 0xE1 << 120


def two_texts(
    keys: tuple[ContentKey, ContentKey], protected: str, recipients: list[Recipient], texts: tuple[bytes, bytes]
) -> Jwe:
    """Seal both texts (of 16 bytes): the first key opens the first one and noise, the second noise and the second one.

    A third block makes the two tags agree: GHASH is a polynomial in the key's own H, so that is one linear equation.
    """
    nonce, aad = os.urandom(12), protected.encode()
    (h1, s1, pad1), (h2, s2, pad2) = (_parts(key.reveal(), nonce) for key in keys)
    head = [_xor(texts[0], pad1[:16]), _xor(texts[1], pad2[16:32])]
    length = _int((len(aad) * 8).to_bytes(8, "big") + (3 * _BLOCK * 8).to_bytes(8, "big"))

    def tag(h: int, mask: int, third: int) -> int:
        y = 0
        for block in [*_blocks(aad), *map(_int, head), third, length]:
            y = _times(y ^ block, h)
        return y ^ mask

    difference = tag(h1, s1, 0) ^ tag(h2, s2, 0)
    third = _times(difference, _inverse(_times(h1, h1) ^ _times(h2, h2)))
    assert tag(h1, s1, third) == tag(h2, s2, third)
    ciphertext = b"".join([*head, third.to_bytes(_BLOCK, "big")])
    return Jwe(
        protected, tuple(recipients), b64u(nonce), b64u(ciphertext), b64u(tag(h1, s1, third).to_bytes(16, "big"))
    )


def _parts(key: bytes, nonce: bytes) -> tuple[int, int, bytes]:
    """H, the mask of the tag, and the key stream of three blocks (NIST SP 800-38D)."""
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    stream = b"".join(encrypt(nonce + count.to_bytes(4, "big")) for count in (2, 3, 4))
    return _int(encrypt(bytes(_BLOCK))), _int(encrypt(nonce + b"\0\0\0\1")), stream


def _blocks(data: bytes) -> list[int]:
    return [_int(data[at : at + _BLOCK].ljust(_BLOCK, b"\0")) for at in range(0, len(data), _BLOCK)]


def _int(block: bytes) -> int:
    return int.from_bytes(block, "big")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _times(x: int, y: int) -> int:
    z = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return z


def _inverse(x: int) -> int:
    out, power = 1 << 127, x
    for _ in range(127):
        power = _times(power, power)
        out = _times(out, power)
    return out
