"""What a handset can make and open, and what it can no longer open once it has forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.keyring import ACME, ALICE, BOB, GLOBEX, NOW, admitted, contact, draft, employee, subscriber
from tiers.device.keyring import (
    EPOCH_SLACK,
    Keyring,
    forget_drained,
    open_consumer,
    open_enterprise,
    seal_consumer,
    seal_enterprise,
)
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.keytree import epoch_of, epoch_start, leaf
from tiers.wire.message.envelope import (
    format_envelope,
    parse_envelope,
)
from tiers.wire.message.sealing import HpkePrivateKey


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


@given(st.binary(max_size=600))
def test_nothing_but_our_own_errors_escapes_from_an_envelope(raw: bytes) -> None:
    try:
        open_consumer(subscriber(BOB), parse_envelope(raw))
    except TiersError:
        pass
