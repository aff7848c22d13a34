"""The fork: who may send what to whom, named refusals, and nothing but our own errors from any input."""

import gc
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.keyring import admitted, draft, met, subscriber
from kits.relay import ACME, ALICE, BOB, GLOBEX, consumer, enterprise, header, signing_key
from tiers.device.keyring import open_consumer, seal_consumer
from tiers.gateway.channels import MAX_SKEW_MS, Arrangement, decide, parse_readers
from tiers.gateway.devices import Device
from tiers.wire.api.carrier import Ask
from tiers.wire.custody import CARRIER, DEVICE, custody_of
from tiers.wire.errors import TiersError
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.message.envelope import Channel, Envelope, parse_envelope

NOW = 1_400_000_040_000
C, E = Channel.CONSUMER, Channel.ENTERPRISE


def device(pin: str, carrier: str | None = "in", org: str | None = ACME) -> Device:
    return Device(pin, signing_key(pin).public.jwk(), carrier, org)


BOTH = device(ALICE), device(BOB)
PARTNERS = device(ALICE), device(BOB, org=GLOBEX)


def refusal(envelope: Envelope, sender: Device, receiver: Device | None, now: int = NOW) -> str:
    with pytest.raises(TiersError) as caught:
        decide(envelope, sender, receiver, now)
    return caught.value.code


def test_a_consumer_message_goes_to_the_senders_carrier_with_its_header_and_recipient_and_nothing_else() -> None:
    envelope = consumer(header(C, ALICE, BOB, NOW))
    assert decide(envelope, *BOTH, NOW) == Ask(envelope.jwe.protected, envelope.jwe.recipients[0])


def test_an_enterprise_message_is_forwarded() -> None:
    assert decide(enterprise(header(E, ALICE, BOB, NOW)), *BOTH, NOW) is None


def test_mail_between_two_customers_names_both_key_servers() -> None:
    kids = [f"org/{GLOBEX}/{BOB}/3", f"org/{ACME}/bes/1", f"org/{GLOBEX}/bes/2"]
    assert decide(enterprise(header(E, ALICE, BOB, NOW), kids=kids), *PARTNERS, NOW) is None
    for left_out in range(3):
        fewer = kids[:left_out] + kids[left_out + 1 :]
        assert refusal(enterprise(header(E, ALICE, BOB, NOW), kids=fewer), *PARTNERS) == "envelope.recipients"


def test_where_a_jurisdiction_has_readers_of_its_own_either_choice_passes_and_no_third() -> None:
    both = Arrangement(parse_readers("device/{to}/* | carrier/{carrier}/{from}/{epoch}"))
    alice, bob = met(subscriber(ALICE, NOW), subscriber(BOB, NOW))
    people = device(ALICE), device(BOB)
    sealed = seal_consumer(alice, draft(ts=NOW), DEVICE)
    wider = seal_consumer(alice, draft(ts=NOW), custody_of("device+carrier", C))
    provider = seal_consumer(alice, draft(ts=NOW), CARRIER)

    assert decide(sealed, *people, NOW, both) is None
    assert decide(provider, *people, NOW, both) == Ask(provider.jwe.protected, provider.jwe.recipients[0])
    with pytest.raises(TiersError, match=r"envelope\.recipients"):
        decide(wider, *people, NOW, both)
    assert [b"hello", b"hello"] == [
        open_consumer(bob, sealed, DEVICE), open_consumer(bob, admitted(provider), CARRIER)
    ]  # fmt: skip


EMPTY = ["", "|", "device/{to}/* | ", " | device/{to}/*", "device/{to}/*|carrier/x"]
FORMATTED = ["{to:>999999999999}", "{to!r}", "{to.__class__}", "{to[0]}", "{to", "to}", "{}", "{{to}}", "{kid}"]


@pytest.mark.parametrize("patterns", [*EMPTY, *(f"device/{member}/*" for member in FORMATTED)])
def test_a_setting_that_leaves_a_choice_empty_or_formats_a_member_is_refused(patterns: str) -> None:
    with pytest.raises(TiersError, match=r"settings\.readers"):
        parse_readers(patterns)


def test_somebody_elses_pin_in_from_is_refused() -> None:
    assert refusal(consumer(header(C, BOB, ALICE, NOW)), *BOTH) == "envelope.sender"


@pytest.mark.parametrize(("off", "good"), [(MAX_SKEW_MS, True), (-MAX_SKEW_MS, True), (MAX_SKEW_MS + 1, False)])
def test_a_message_is_dated_within_two_minutes_of_now(off: int, good: bool) -> None:
    envelope = enterprise(header(E, ALICE, BOB, NOW + off))
    if good:
        assert decide(envelope, *BOTH, NOW) is None
    else:
        assert refusal(envelope, *BOTH) == "envelope.misdated"


@pytest.mark.parametrize("receiver", [None, device(BOB, carrier=None), device(BOB, carrier="uk")])
def test_a_receiver_who_is_no_subscriber_of_the_senders_carrier_gets_no_consumer_message(
    receiver: Device | None,
) -> None:
    assert refusal(consumer(header(C, ALICE, BOB, NOW)), BOTH[0], receiver) == "envelope.receiver"


@pytest.mark.parametrize("receiver", [None, device(BOB, org=None)])
def test_a_receiver_who_is_nobodys_employee_gets_no_enterprise_message(receiver: Device | None) -> None:
    assert refusal(enterprise(header(E, ALICE, BOB, NOW)), BOTH[0], receiver) == "envelope.receiver"


def test_a_sender_uses_the_channels_that_it_is_on() -> None:
    assert refusal(consumer(header(C, ALICE, BOB, NOW)), device(ALICE, carrier=None), BOTH[1]) == "envelope.channel"
    assert refusal(enterprise(header(E, ALICE, BOB, NOW)), device(ALICE, org=None), BOTH[1]) == "envelope.channel"


def test_a_sender_names_its_own_customer() -> None:
    assert refusal(enterprise(header(E, ALICE, BOB, NOW, org=GLOBEX)), *BOTH) == "envelope.org"


EPOCH = epoch_of(NOW)
KIDS = {
    "the receiver's key": f"carrier/in/{BOB}/{EPOCH}",
    "another minute": f"carrier/in/{ALICE}/{EPOCH + 1}",
    "another carrier": f"carrier/uk/{ALICE}/{EPOCH}",
    "a customer's key": f"org/{ACME}/bes/1",
    "no kid at all": "x",
}


@pytest.mark.parametrize("kid", KIDS.values(), ids=KIDS.keys())
def test_a_consumer_message_names_its_senders_carrier_key_of_its_minute(kid: str) -> None:
    assert refusal(consumer(header(C, ALICE, BOB, NOW), kid=kid), *BOTH) == "envelope.recipients"


def test_a_consumer_message_leaves_the_device_with_one_recipient() -> None:
    envelope = consumer(header(C, ALICE, BOB, NOW))
    other = enterprise(header(E, ALICE, BOB, NOW)).jwe.recipients
    two = msgspec.structs.replace(envelope.jwe, recipients=(*envelope.jwe.recipients, other[0]))
    none = msgspec.structs.replace(envelope.jwe, recipients=())
    assert refusal(Envelope(envelope.header, two), *BOTH) == "envelope.recipients"
    assert refusal(Envelope(envelope.header, none), *BOTH) == "envelope.recipients"


GOOD = [f"org/{ACME}/{BOB}/1", f"org/{ACME}/bes/1"]
SETS = {
    "the carrier listens in": [*GOOD, f"carrier/in/{ALICE}/{EPOCH}"],
    "a ghost device": [*GOOD, f"org/{ACME}/{ALICE}/1"],
    "another customer's key server": [*GOOD, f"org/{GLOBEX}/bes/1"],
    "two generations": [*GOOD, f"org/{ACME}/bes/2"],
    "no key server": GOOD[:1],
    "no device": GOOD[1:],
    "key server twice, no device": [f"org/{ACME}/bes/1", f"org/{ACME}/bes/2"],
    "another's device": [f"org/{ACME}/{ALICE}/1", f"org/{ACME}/bes/1"],
    "a generation spelled otherwise": [f"org/{ACME}/{BOB}/01", f"org/{ACME}/bes/1"],
    "no generation": [f"org/{ACME}/{BOB}/", f"org/{ACME}/bes/1"],
}


@pytest.mark.parametrize("kids", SETS.values(), ids=SETS.keys())
def test_an_enterprise_message_names_the_device_and_the_key_servers_and_nobody_else(kids: list[str]) -> None:
    assert refusal(enterprise(header(E, ALICE, BOB, NOW), kids=kids), *BOTH) == "envelope.recipients"


def test_an_enterprise_kid_on_a_carrier_wrapped_key_is_no_enterprise_recipient() -> None:
    wrapped = consumer(header(C, ALICE, BOB, NOW), kid=GOOD[0]).jwe.recipients[0]
    envelope = enterprise(header(E, ALICE, BOB, NOW))
    changed = msgspec.structs.replace(envelope.jwe, recipients=(wrapped, envelope.jwe.recipients[1]))
    assert refusal(Envelope(envelope.header, changed), *BOTH) == "envelope.recipients"


PINS = st.sampled_from([ALICE, BOB, "ffffffff"])
DEVICES = st.builds(device, PINS, st.sampled_from([None, "in", "uk"]), st.sampled_from([None, ACME, GLOBEX]))
HEADERS = st.builds(
    header,
    st.sampled_from([C, E]),
    PINS,
    PINS,
    st.integers(NOW - 200_000, NOW + 200_000),
)
KID = st.one_of(st.sampled_from([*KIDS.values(), *GOOD]), st.text(max_size=30))


@given(HEADERS, st.lists(KID, max_size=3), DEVICES, st.none() | DEVICES)
def test_nothing_but_our_own_errors_ever_escapes(
    head: object, kids: list[str], sender: Device, to: Device | None
) -> None:
    envelope = enterprise(head, kids=kids or None) if head.org is not msgspec.UNSET else consumer(head)  # type: ignore[arg-type, attr-defined]
    way = way_or_code(envelope, sender, to)
    if isinstance(way, str):
        assert way.startswith("envelope.")
    else:
        assert to is not None
        assert parse_envelope(msgspec.json.encode(envelope.jwe)) == envelope
        carriers = [one for one in envelope.jwe.recipients if one.header.kid.startswith("carrier/")]
        assert len(carriers) == (1 if isinstance(way, Ask) else 0)


def way_or_code(envelope: Envelope, sender: Device, to: Device | None) -> Ask | str | None:
    try:
        return decide(envelope, sender, to, NOW)
    except TiersError as error:
        return error.code


def test_of_a_message_that_is_refused_nothing_is_kept_however_long_its_readers_names_are() -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            kids = [f"org/{ACME}/{BOB}/{number}{'9' * 20_000}", f"org/{ACME}/bes/1"]
            assert refusal(enterprise(header(E, ALICE, BOB, NOW), kids=kids), *BOTH) == "envelope.recipients"
        gc.collect()  # A refusal's traceback is a cycle; when that goes is the interpreter's to say.
        assert tracemalloc.get_traced_memory()[0] < 200 * 20_000 / 4
    finally:
        tracemalloc.stop()
