"""One ciphertext with two texts: what a dishonest sender makes of AES-GCM, tried on every reader. Pure.

AES-GCM does not commit to its key (Dodis, Grubbs, Ristenpart, Woodage 2018). Whoever knows two keys solves one linear
equation for a block that makes both tags agree. The keys are fixed here, so their key streams are constants, and
nothing in this file is a cipher.

    the sender's custody -> the locks of one reader hold one key, of the others another -> Double
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple

import msgspec

from tiers.lab.attack.derive.attacker import Scene, close, shut
from tiers.measure.derive.knowledge import Knowledge, Step, learn
from tiers.wire.custody import Custody, Holder, Reader
from tiers.wire.encoding import b64u
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import Envelope, Jwe, Protected, Recipient, format_protected
from tiers.wire.message.sealing import ContentKey

TEXTS: Final = (b"I owe you 1 coin", b"I owe you 9000..")
KEYS: Final = (ContentKey(b"1" * 32), ContentKey(b"2" * 32))
_NONCE: Final = b"two texts..."
_BLOCK: Final = 16
_OF_ONE_MESSAGE: Final = frozenset({"sealed", "recipient", "cek", "plaintext", "wrapkey", "forged", "delivers"})
_R: Final = 0xE1 << 120


class _Parts(NamedTuple):
    """What a key makes of the nonce (NIST SP 800-38D): H, the mask of the tag, two blocks of the key stream."""

    h: int
    mask: int
    stream: tuple[int, int]


_PARTS: Final = (
    _Parts(
        0xB08ECF9EC7EB5F0D7B78C42556D668AC,
        0x984DD103CFD799774D5D5DFDE37F8630,
        (0x9EB11121893BC1E8D6D908ED02DA6223, 0x36C369DDF0B595F4C0DA679AEEBE1C10),
    ),
    _Parts(
        0xB82CC1B09BF456CAA4A8D40DE75BA703,
        0xE0B1C49B605FFAB125E98DB39DE0F175,
        (0xCE11257B625E392BF6DA3B5FCB4C3B60, 0xE7C92C97C936C43027AB886AD0107F6C),
    ),
)


@dataclass(frozen=True, slots=True)
class Double:
    """An envelope with two texts, like the message `key` of the matrix; `shown`: what its receiver's handset shows."""

    key: str
    envelope: Envelope
    shown: bytes | None


def two_texts(protected: str, recipients: Iterable[Recipient]) -> Jwe:
    """Seal both `TEXTS`: the first of `KEYS` opens the first text and noise, the second noise and the second text."""
    aad = protected.encode()
    head = [_int(text) ^ part.stream[at] for at, (text, part) in enumerate(zip(TEXTS, _PARTS, strict=True))]
    length = (len(aad) * 8) << 64 | 3 * _BLOCK * 8

    def tag(part: _Parts, third: int) -> int:
        y = 0
        for block in (*_blocks(aad), *head, third, length):
            y = _times(y ^ block, part.h)
        return y ^ part.mask

    one, two = _PARTS
    third = _times(tag(one, 0) ^ tag(two, 0), _squares())
    ciphertext = b"".join(block.to_bytes(_BLOCK, "big") for block in (*head, third))
    return Jwe(protected, tuple(recipients), b64u(_NONCE), b64u(ciphertext), b64u(tag(one, third).to_bytes(16, "big")))


def dishonest(custody: Custody, committed: ContentKey, made: list[Envelope]) -> Custody:
    """Return the custody of a handset that locks the first of `KEYS` up for the receiver, the other for all others.

    It leaves what it would send in `made`; the header commits to one of the two.
    """

    def seal(cek: Secret, header: Protected, sent: str, holder: Holder, to: Sequence[Reader]) -> list[Recipient]:
        said = msgspec.structs.replace(header, cmt=committed.commitment)
        protected = format_protected(said)
        own, other = (custody.seal(key, said, protected, holder, to) for key in KEYS)
        receivers = own[:1] if to or len(own) > 1 else []  # under the carrier's keys the one recipient is the sender's
        made.append(Envelope(said, two_texts(protected, [*receivers, *other[len(receivers) :]])))
        return custody.seal(cek, header, sent, holder, to)

    return replace(custody, seal=seal)


def shown_twice(knowledge: Knowledge, doubles: Sequence[Double], scene: Scene) -> frozenset[str]:
    """Return the messages like which a sender could make one that shows another text here than to its receiver.

    `scene` is that of the doubles (`scene_of`): their keys are their places in the sequence.
    """
    held = {fact: list(steps) for fact, steps in knowledge.items() if fact[0] not in _OF_ONE_MESSAGE}
    for double in doubles:
        for fact, value in shut(double.envelope.jwe, scene):
            learn(held, Step(fact, value))
    close(held, scene)
    found = set[str]()
    for at, double in enumerate(doubles):
        texts = {step.value for step in held.get(("plaintext", str(at)), ())}
        if len(texts | ({double.shown} if double.shown is not None else set())) > 1:
            found.add(double.key)
    return frozenset(found)


def scene_of(doubles: Sequence[Double], scene: Scene) -> Scene:
    """Return the scene in which each double is a message of its own."""
    cases = {case.key: case for case in scene.messages.values()}
    named = {
        double.envelope.jwe.protected: replace(cases[double.key], key=str(at)) for at, double in enumerate(doubles)
    }
    return Scene(named, scene.epochs)


def _blocks(data: bytes) -> list[int]:
    return [_int(data[at : at + _BLOCK].ljust(_BLOCK, b"\0")) for at in range(0, len(data), _BLOCK)]


def _int(block: bytes) -> int:
    return int.from_bytes(block, "big")


def _times(x: int, y: int) -> int:
    """Multiply in the field of GHASH."""
    z = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return z


@cache
def _squares() -> int:
    """Return the inverse of both H squared, added up: the third block is multiplied by H twice."""
    one, two = (_times(part.h, part.h) for part in _PARTS)
    out, power = 1 << 127, one ^ two
    for _ in range(127):
        power = _times(power, power)
        out = _times(out, power)
    return out
