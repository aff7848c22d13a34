"""The load's frames, made before the clock starts: true envelopes, as WebSocket text frames of a client (RFC 6455).

Consumer envelopes are sealed one by one with the sender's own keys, because the carrier opens every one. An enterprise
envelope is opened by nobody on the path: each is of true size, with two real HPKE recipients, and has a `mid` and a
`ts` of its own, but the sealed parts are copies of one message's.
"""

import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import uuid_utils

from tiers.device.keyring import ConsumerKeys, Contact, Draft, EnterpriseKeys, Keyring, seal_consumer, seal_enterprise
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Node, epoch_of, leaf
from tiers.wire.keys.secret import KEY_BYTES
from tiers.wire.message.envelope import TYP, Envelope, Protected, Service, format_envelope, format_jwe, format_protected
from tiers.wire.message.sealing import HpkePrivateKey

CONTENT = b"Two hundred and fifty-six bytes of something that one person would tell another. " * 4
SIZE = 256
ORG = "S50000001"
CARRIER = "in"
PREFIX = len(f'{{"typ":"{TYP}","enc":"A256GCM","mid":"')
KEY = slice(-(-PREFIX // 3) * 4, (PREFIX + 36) // 3 * 4)
"""Which characters of a protected header hold its `mid`: enough of them to tell messages apart without decoding."""


@dataclass(frozen=True, slots=True)
class Party:
    """One session of the load. `nodes` are a subscriber's keys; an enterprise device needs none here."""

    pin: str
    sign: SigningKey
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """One message to send: `key` finds it in a delivery, `mid` in an answer, `frame` goes on the wire."""

    mid: str
    to: str
    key: bytes
    frame: bytes


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """Return one client frame: FIN, masked as RFC 6455 section 5.3 wants it."""
    size, mask = len(payload), os.urandom(4)
    head = bytes((0x80 | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 1 << 16:
        head += struct.pack("!BH", 0x80 | 126, size)
    else:
        head += struct.pack("!BQ", 0x80 | 127, size)
    stream = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + mask + hidden.to_bytes(size, "big")


def in_session(envelope: bytes) -> bytes:
    return masked(b'{"type":"send","envelope":' + envelope + b"}")


def consumer(
    party: Party, to: Iterable[str], now: int, dress: Callable[[bytes], bytes] = in_session
) -> Iterator[Ready]:
    """Seal a message to each of `to` for the carrier's key of this sender and minute; `now` is ms since 1970."""
    keys = ConsumerKeys(CARRIER, (leaf(party.nodes, epoch_of(now)),))
    ring = Keyring(party.pin, party.sign, HpkePrivateKey.generate(), consumer=keys)
    for pin in to:
        draft = Draft(pin, Service.BBM, CONTENT[:SIZE], str(uuid_utils.uuid7()), now)
        envelope = seal_consumer(ring, draft)
        yield _ready(envelope.header, envelope.jwe.protected, dress(format_envelope(envelope)))


def enterprise(
    party: Party, to: Iterable[str], now: int, dress: Callable[[bytes], bytes] = in_session
) -> Iterator[Ready]:
    """Make a message of true size to each of `to` from one that is sealed to each."""
    keys = EnterpriseKeys(ORG, party.sign.public, 1)
    ring = Keyring(party.pin, party.sign, HpkePrivateKey.generate(), enterprise=keys)
    sealed: dict[str, Envelope] = {}
    for pin in to:
        mid = str(uuid_utils.uuid7())
        if pin not in sealed:
            one, draft = _contact(pin), Draft(pin, Service.BBM, CONTENT[:SIZE], mid, now)
            sealed[pin] = seal_enterprise(ring, draft, one.bes, one)
        header = msgspec.structs.replace(sealed[pin].header, mid=mid)
        protected = format_protected(header)
        yield _ready(
            header, protected, dress(format_jwe(msgspec.structs.replace(sealed[pin].jwe, protected=protected)))
        )


def _contact(pin: str) -> Contact:
    """Make up an employee's device and its key server: nobody on the path asks who has their keys."""
    device, server = (HpkePrivateKey.generate().public.jwk() for _ in range(2))
    sign = SigningKey(os.urandom(KEY_BYTES)).public.jwk()
    return Contact(Entry(ORG, pin, 1, device, sign, 0), BesKey(ORG, 1, server, 0))


def interleaved(streams: Sequence[Iterator[Ready]]) -> list[list[Ready]]:
    """Make all streams' messages turn by turn, so that all are about equally fresh."""
    out: list[list[Ready]] = [[] for _ in streams]
    for turn in itertools.zip_longest(*streams):
        for mine, one in zip(out, turn, strict=True):
            if one is not None:
                mine.append(one)
    return out


def _ready(header: Protected, protected: str, frame: bytes) -> Ready:
    return Ready(header.mid, header.to, protected[KEY].encode(), frame)
