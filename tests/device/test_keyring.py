"""What a handset can make and open, and what it can no longer open once it has forgotten."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.device.keyring import (
    EPOCH_SLACK,
    ConsumerKeys,
    Contact,
    Draft,
    EnterpriseKeys,
    Keyring,
    forget_drained,
    open_consumer,
    open_enterprise,
    own_kid,
    seal_consumer,
    seal_enterprise,
)
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Master, epoch_of, epoch_start, leaf, subscriber_root, window, wrap_key
from tiers.wire.message.envelope import (
    CarrierKid,
    Envelope,
    Service,
    format_envelope,
    format_kid,
    message_epoch,
    parse_envelope,
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


@given(st.binary(max_size=2000))
def test_what_a_subscriber_sends_the_receiver_opens(content: bytes) -> None:
    envelope = admitted(seal_consumer(subscriber(ALICE), draft(content)))

    assert content == open_consumer(subscriber(BOB), parse_envelope(format_envelope(envelope)))


def test_a_consumer_message_leaves_with_one_recipient_the_senders_carrier_key() -> None:
    envelope = seal_consumer(subscriber(ALICE), draft())

    assert [f"carrier/in/{ALICE}/{epoch_of(NOW)}"] == [r.header.kid for r in envelope.jwe.recipients]


def test_another_subscriber_does_not_open_it() -> None:
    envelope = admitted(seal_consumer(subscriber(ALICE), draft()))

    with pytest.raises(Yours, match="device.not_for_me"):
        open_consumer(subscriber("2100000c"), envelope)


def test_a_handset_that_drained_its_mailbox_does_not_open_its_own_past() -> None:
    bob = subscriber(BOB)
    envelope = admitted(seal_consumer(subscriber(ALICE), draft()))
    later = epoch_start(epoch_of(NOW) + 1 + EPOCH_SLACK)

    forgot = forget_drained(bob, later)

    assert b"hello" == open_consumer(bob, envelope)
    with pytest.raises(Yours, match="keytree.outside"):
        open_consumer(forgot, envelope)


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_forgetting_loses_exactly_the_drained_minutes(drained: int, minute: int) -> None:
    bob = subscriber(BOB)
    start = epoch_of(NOW)
    forgot = forget_drained(bob, epoch_start(start + drained))
    assert forgot.consumer is not None

    kept = minute >= drained - EPOCH_SLACK
    if kept:
        leaf(forgot.consumer.nodes, start + minute)
    else:
        with pytest.raises(Yours, match="keytree.outside"):
            leaf(forgot.consumer.nodes, start + minute)


def test_an_enterprise_message_is_sealed_to_the_device_and_both_key_servers_only() -> None:
    priya, gita = employee("3100000a", ACME), employee("4100000a", GLOBEX)
    acme, globex = HpkePrivateKey.generate(), HpkePrivateKey.generate()
    own = contact(priya, acme)

    envelope = seal_enterprise(priya, draft(to=gita.pin), own.bes, contact(gita, globex))

    names = [recipient.header.kid for recipient in envelope.jwe.recipients]
    assert [f"org/{GLOBEX}/4100000a/1", f"org/{ACME}/bes/1", f"org/{GLOBEX}/bes/1"] == names
    assert b"hello" == open_enterprise(gita, envelope, own)


def test_an_enterprise_message_signed_by_somebody_else_is_refused() -> None:
    priya, ravi, gita = employee("3100000a", ACME), employee("3100000c", ACME), employee("4100000a", GLOBEX)
    acme = HpkePrivateKey.generate()
    forged = Keyring(priya.pin, ravi.sign, priya.hpke, enterprise=priya.enterprise)

    envelope = seal_enterprise(forged, draft(to=gita.pin), contact(priya, acme).bes, contact(gita, acme))

    with pytest.raises(Yours, match="content.signature"):
        open_enterprise(gita, envelope, contact(priya, acme))


def test_an_enterprise_device_never_falls_back_to_the_consumer_channel() -> None:
    with pytest.raises(Yours, match="device.not_enrolled"):
        seal_consumer(employee("3100000a", ACME), draft())


def test_a_keyring_never_shows_a_key() -> None:
    ring = subscriber(ALICE)
    shown = repr(ring)

    for secret in (ring.sign.reveal(), ring.hpke.reveal()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_an_own_kid_needs_an_activation() -> None:
    with pytest.raises(Yours, match="device.not_activated"):
        own_kid(subscriber(ALICE))


@given(st.binary(max_size=600))
def test_nothing_but_our_own_errors_escapes_from_an_envelope(raw: bytes) -> None:
    try:
        open_consumer(subscriber(BOB), parse_envelope(raw))
    except TiersError:
        pass
