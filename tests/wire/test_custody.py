"""Whose keys stand in `recipients`: each custody opens for whom it says, and for nobody else."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.keyring import met
from tiers.device.keyring import (
    ConsumerKeys,
    Contact,
    Draft,
    EnterpriseKeys,
    Keyring,
    forget_drained,
    open_consumer,
    open_enterprise,
    seal_consumer,
    seal_enterprise,
)
from tiers.wire.custody import (
    CARRIER,
    CUSTODIES,
    CUSTOMER,
    DEVICE,
    GLOBAL,
    INDIA,
    SPLIT,
    GlobalKey,
    arrange,
    custody_of,
)
from tiers.wire.custody.global_ import global_wrap
from tiers.wire.custody.split import escrow_key
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Master, epoch_of, leaf, subscriber_root, window, wrap_key
from tiers.wire.message.envelope import (
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    Envelope,
    EscrowKid,
    GlobalKid,
    HandsetKid,
    Kid,
    Service,
    format_envelope,
    format_kid,
    message_epoch,
    parse_envelope,
    parse_kid,
)
from tiers.wire.message.sealing import HpkePrivateKey, open_message, unwrap_from_carrier

NOW = 1_795_500_000_000
CARRIERS, COURTS = Master(b"C" * 32), Master(b"J" * 32)
FACTORY = GlobalKey(b"G" * 32)
ALICE, BOB, MALLORY = "2100000a", "2100000b", "2100000c"
MID = "01a20c21-10c0-7645-8a2d-d0edab4a4c5c"
ACME = "S50000001"


def subscriber(pin: str) -> Keyring:
    carrier, court = (window(subscriber_root(m, pin), epoch_of(NOW) - 1, EPOCHS) for m in (CARRIERS, COURTS))
    ring = Keyring(pin, SigningKey(os.urandom(32)), HpkePrivateKey.generate(), ConsumerKeys("in", tuple(carrier)))
    return replace(ring, escrow=tuple(court), factory=FACTORY)


def draft(text: bytes, to: str = BOB) -> Draft:
    return Draft(to, Service.BBM, text, MID, NOW)


def plaintext_of(envelope: Envelope, at: int, key: object) -> bytes:
    return open_message(envelope, unwrap_from_carrier(envelope.jwe.recipients[at], key))  # type: ignore[arg-type]


JOINED = [custody_of(f"device+{one}", Channel.CONSUMER) for one in ("carrier", "global", "split+carrier")]


@pytest.mark.parametrize("custody", [GLOBAL, SPLIT, DEVICE, *JOINED], ids=lambda one: one.name)
@given(text=st.binary(max_size=300))
def test_what_a_subscriber_sends_the_receiver_opens(custody: object, text: bytes) -> None:
    alice, bob = met(subscriber(ALICE), subscriber(BOB))
    envelope = parse_envelope(format_envelope(seal_consumer(alice, draft(text), custody)))  # type: ignore[arg-type]

    assert text == open_consumer(bob, envelope, custody)  # type: ignore[arg-type]


@pytest.mark.parametrize("custody", [SPLIT, DEVICE], ids=lambda one: one.name)
def test_a_message_signed_by_somebody_else_is_refused(custody: object) -> None:
    alice, bob = met(subscriber(ALICE), subscriber(BOB))
    forged = seal_consumer(replace(alice, sign=SigningKey(os.urandom(32))), draft(b"x"), custody)  # type: ignore[arg-type]

    with pytest.raises(Yours, match="content.signature"):
        open_consumer(bob, forged, custody)  # type: ignore[arg-type]


def test_the_global_key_of_any_handset_opens_everybodys_messages() -> None:
    envelope = seal_consumer(subscriber(ALICE), draft(b"for Bob"), GLOBAL)

    assert ["global/in/1"] == [one.header.kid for one in envelope.jwe.recipients]
    assert b"for Bob" == plaintext_of(envelope, 0, global_wrap(FACTORY))


def test_a_handset_without_the_global_key_seals_nothing_under_it() -> None:
    with pytest.raises(Yours, match="device.no_global_key"):
        seal_consumer(replace(subscriber(ALICE), factory=None), draft(b"x"), GLOBAL)


def test_every_keeper_that_stands_beside_the_handset_opens_the_same_text() -> None:
    alice, _bob = met(subscriber(ALICE), subscriber(BOB))
    envelope = seal_consumer(alice, draft(b"one text"), custody_of("device+carrier+global", Channel.CONSUMER))
    epoch, protected = message_epoch(envelope.header), envelope.jwe.protected
    carrier = wrap_key(leaf([subscriber_root(CARRIERS, ALICE)], epoch), protected)

    kids = [f"device/{BOB}/1", f"carrier/in/{ALICE}/{epoch}", "global/in/1"]
    assert kids == [one.header.kid for one in envelope.jwe.recipients]
    assert plaintext_of(envelope, 1, carrier) == plaintext_of(envelope, 2, global_wrap(FACTORY))


def test_an_escrow_takes_both_halves() -> None:
    alice, _bob = met(subscriber(ALICE), subscriber(BOB))
    envelope = seal_consumer(alice, draft(b"both or none"), SPLIT)
    epoch, protected = message_epoch(envelope.header), envelope.jwe.protected
    carrier, court = (wrap_key(leaf([subscriber_root(m, ALICE)], epoch), protected) for m in (CARRIERS, COURTS))

    assert [f"device/{BOB}/1", f"escrow/in/{ALICE}/{epoch}"] == [one.header.kid for one in envelope.jwe.recipients]
    assert b"both or none" in unsigned(plaintext_of(envelope, 1, escrow_key(carrier, court)))
    for half in (carrier, court, escrow_key(court, carrier), escrow_key(carrier, carrier)):
        with pytest.raises(Yours, match="sealing.key"):
            plaintext_of(envelope, 1, half)


def unsigned(token: bytes) -> bytes:
    from tiers.wire.encoding import unb64u

    return unb64u(token.decode().split(".")[1], "test.token")


def test_a_drained_handset_erases_its_half_of_the_escrow_too() -> None:
    later = forget_drained(subscriber(ALICE), NOW + 10 * 60_000)

    for nodes in (later.escrow, later.consumer.nodes if later.consumer else ()):
        with pytest.raises(Yours, match="keytree.outside"):
            leaf(nodes, epoch_of(NOW))


def test_nobody_seals_to_a_person_whom_he_has_not_met() -> None:
    with pytest.raises(Yours, match="device.no_card"):
        seal_consumer(subscriber(ALICE), draft(b"x"), DEVICE)


def employee(pin: str) -> tuple[Keyring, Contact]:
    sign, hpke = SigningKey(os.urandom(32)), HpkePrivateKey.generate()
    ring = Keyring(pin, sign, hpke, enterprise=EnterpriseKeys(ACME, SigningKey(b"R" * 32).public, 1))
    bes = BesKey(ACME, 1, HpkePrivateKey(b"B" * 32).public.jwk(), NOW)
    return ring, Contact(Entry(ACME, pin, 1, hpke.public.jwk(), sign.public.jwk(), NOW), bes)


@pytest.mark.parametrize(("custody", "servers"), [(CUSTOMER, [f"org/{ACME}/bes/1"]), (DEVICE, [])])
def test_an_employer_reads_along_where_it_is_named_and_nowhere_else(custody: object, servers: list[str]) -> None:
    (priya, of_priya), (quentin, of_quentin) = employee("3100000a"), employee("3100000b")
    to_quentin = draft(b"hello", quentin.pin)
    envelope = seal_enterprise(priya, to_quentin, of_priya.bes, of_quentin, custody)  # type: ignore[arg-type]

    assert [f"org/{ACME}/3100000b/1", *servers] == [one.header.kid for one in envelope.jwe.recipients]
    assert b"hello" == open_enterprise(quentin, envelope, of_priya, custody)  # type: ignore[arg-type]


def test_india_is_the_default_and_its_bytes_have_not_changed() -> None:
    assert (CARRIER, CUSTOMER) == (INDIA.consumer, INDIA.enterprise)
    envelope = seal_consumer(subscriber(ALICE), draft(b"x"))
    assert [f"carrier/in/{ALICE}/{epoch_of(NOW)}"] == [one.header.kid for one in envelope.jwe.recipients]
    assert "text/plain" == envelope.header.cty
    assert "carrier/{carrier}/{from}/{epoch}" == INDIA.readers(Channel.CONSUMER)
    assert "org/{to_org}/{to}/* org/{org}/bes/* org/{to_org}/bes/*" == INDIA.readers(Channel.ENTERPRISE)


@pytest.mark.parametrize("names", [("customer", "customer"), ("carrier", "global"), ("nobody", "customer")])
def test_a_custody_that_cannot_serve_a_channel_is_refused(names: tuple[str, str]) -> None:
    with pytest.raises(Yours, match="custody.unknown"):
        arrange(*names)


def test_the_registry_names_each_custody_as_it_names_itself() -> None:
    assert ["carrier", "global", "split", "customer", "device"] == list(CUSTODIES)
    assert all(one.name == name for name, one in CUSTODIES.items())


PINS = st.text("0123456789abcdef", min_size=8, max_size=8)
NUMBERS = st.integers(0, 999_999_999)
KIDS = st.one_of(
    st.builds(CarrierKid, st.just("in"), PINS, NUMBERS),
    st.builds(DeviceKid, st.just(ACME), PINS, NUMBERS),
    st.builds(BesKid, st.just(ACME), NUMBERS),
    st.builds(GlobalKid, st.just("in"), NUMBERS),
    st.builds(EscrowKid, st.just("in"), PINS, NUMBERS),
    st.builds(HandsetKid, PINS, NUMBERS),
)


@given(KIDS)
def test_a_kid_reads_as_it_was_written(kid: Kid) -> None:
    assert kid == parse_kid(format_kid(kid))


@given(st.text(max_size=60))
def test_nothing_but_our_own_errors_escapes_from_a_kid(text: str) -> None:
    try:
        assert text == format_kid(parse_kid(text))
    except TiersError:
        pass


def test_other_keepers_may_stand_beside_the_handset() -> None:
    joined = custody_of("device+carrier", Channel.CONSUMER)
    assert ("device/{to}/*", "carrier/{carrier}/{from}/{epoch}") == joined.readers[Channel.CONSUMER]
    assert ("device/{to}/*", "escrow/in/{from}/{epoch}") == custody_of("device+split", Channel.CONSUMER).readers[
        Channel.CONSUMER
    ]
    assert custody_of("device+carrier", Channel.CONSUMER) is joined


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("carrier+device", Channel.CONSUMER),
        ("device+device", Channel.CONSUMER),
        ("device+carrier+carrier", Channel.CONSUMER),
        ("device+customer", Channel.CONSUMER),
        ("device+", Channel.CONSUMER),
        ("+device", Channel.CONSUMER),
        ("device+carrier", Channel.ENTERPRISE),
        ("carrier", Channel.ENTERPRISE),
    ],
)
def test_a_custody_that_its_channel_cannot_have_is_refused(name: str, channel: Channel) -> None:
    with pytest.raises(Yours, match=r"custody\.unknown"):
        custody_of(name, channel)


def test_a_jurisdiction_may_have_a_custody_of_its_own() -> None:
    arranged = arrange("device", "customer", {"GB": "carrier"})
    assert "device/{to}/* | carrier/{carrier}/{from}/{epoch}" == arranged.readers(Channel.CONSUMER)
    assert arranged.readers(Channel.ENTERPRISE) == arrange("device", "customer").readers(Channel.ENTERPRISE)
    assert [DEVICE, CARRIER] == [arranged.sealing(Channel.CONSUMER, where) for where in ("", "GB")]
    assert (True, False) == (arranged.names("carrier/"), arranged.names("escrow/"))
