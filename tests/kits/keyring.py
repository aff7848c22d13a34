"""Keyrings of handsets, and what a carrier does between two of them."""

import os
from dataclasses import replace

from tiers.device.keyring import (
    ConsumerKeys,
    Contact,
    Draft,
    EnterpriseKeys,
    Keyring,
)
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Master, epoch_of, leaf, subscriber_root, window, wrap_key
from tiers.wire.message.envelope import (
    CarrierKid,
    Envelope,
    Service,
    format_kid,
    message_epoch,
)
from tiers.wire.message.sealing import HpkePrivateKey, unwrap_from_carrier, wrap_for_carrier

NOW = 1_795_500_000_000
MASTER = Master(bytes(range(32)))
ALICE, BOB = "2100000a", "2100000b"
MID = "01a20c21-10c0-7645-8a2d-d0edab4a4c5c"
ACME, GLOBEX = "S50000001", "S50000002"


def subscriber(pin: str, now: int = NOW) -> Keyring:
    nodes = window(subscriber_root(MASTER, pin), epoch_of(now) - 1, EPOCHS)
    return Keyring(pin, SigningKey(os.urandom(32)), HpkePrivateKey.generate(), ConsumerKeys("in", tuple(nodes)))


def employee(pin: str, org: str) -> Keyring:
    root = SigningKey(os.urandom(32)).public
    sign, hpke = SigningKey(os.urandom(32)), HpkePrivateKey.generate()
    return Keyring(pin, sign, hpke, enterprise=EnterpriseKeys(org, root, 1))


def contact(ring: Keyring, bes: HpkePrivateKey) -> Contact:
    assert ring.enterprise is not None
    org = ring.enterprise.org
    entry = Entry(org, ring.pin, 1, ring.hpke.public.jwk(), ring.sign.public.jwk(), NOW)
    return Contact(entry, BesKey(org, 1, bes.public.jwk(), NOW))


def admitted(envelope: Envelope) -> Envelope:
    """Do what a carrier does."""
    header, jwe = envelope.header, envelope.jwe
    epoch = message_epoch(header)
    keys = {pin: wrap_key(leaf([subscriber_root(MASTER, pin)], epoch), jwe.protected) for pin in (ALICE, BOB)}
    cek = unwrap_from_carrier(jwe.recipients[0], keys[header.sender])
    added = wrap_for_carrier(format_kid(CarrierKid("in", header.to, epoch)), cek, keys[header.to])
    return Envelope(header, type(jwe)(jwe.protected, (*jwe.recipients, added), jwe.iv, jwe.ciphertext, jwe.tag))


def draft(content: bytes = b"hello", ts: int = NOW, to: str = BOB) -> Draft:
    return Draft(to, Service.BBM, content, MID, ts)


def met(*rings: Keyring) -> list[Keyring]:
    """Let everybody show everybody his card."""
    return [replace(ring, cards=tuple(other.card() for other in rings if other is not ring)) for ring in rings]
