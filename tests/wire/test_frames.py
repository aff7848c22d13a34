"""Frames, proofs and answers of a carrier: what is written is read back, and nothing but our own errors escapes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.api.carrier import Admitted, Refusal, parse_admitted
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.message.envelope import Recipient, RecipientHeader
from tiers.wire.message.frames import (
    Accepted,
    Ack,
    Bye,
    Challenge,
    Deliver,
    Delivery,
    Drained,
    Hello,
    Refused,
    Send,
    Welcome,
    envelope_in,
    format_deliver,
    parse_from_device,
    parse_from_relay,
    session_message,
)
from tiers.wire.message.proof import claimed_pin

RAW = msgspec.Raw(b'{"a":1}')
DEVICE = [Hello("2100000b", "sig"), Send(RAW), Ack(("1-0", "1-1"))]
RELAY = [
    Challenge("nonce"),
    Welcome(1),
    Accepted(("m",)),
    Refused("m", "c", "d"),
    Deliver((Delivery("1-0", RAW),)),
    Drained(1),
    Bye("c", "d"),
]


def spelled(frame: msgspec.Struct) -> bytes:
    return msgspec.json.encode(frame)


@pytest.mark.parametrize("frame", DEVICE)
def test_what_a_device_says_is_read_back(frame: msgspec.Struct) -> None:
    assert spelled(parse_from_device(spelled(frame))) == spelled(frame)
    with pytest.raises(TiersError, match=r"frame\.malformed"):
        parse_from_relay(spelled(frame))


@pytest.mark.parametrize("frame", RELAY)
def test_what_a_relay_says_is_read_back(frame: msgspec.Struct) -> None:
    assert spelled(parse_from_relay(spelled(frame))) == spelled(frame)
    with pytest.raises(TiersError, match=r"frame\.malformed"):
        parse_from_device(spelled(frame))


def test_a_challenge_is_answered_for_one_relay_one_nonce_and_one_pin() -> None:
    one, two = Identity(Role.GATEWAY, "1"), Identity(Role.GATEWAY, "2")
    said = {session_message(*args) for args in ((one, "n", "p"), (two, "n", "p"), (one, "m", "p"), (one, "n", "q"))}
    assert len(said) == 4


ANY = st.one_of(
    st.binary(max_size=100), st.text(max_size=100), st.sampled_from([spelled(one)[:-1] for one in DEVICE + RELAY])
)


@given(ANY)
def test_nothing_but_our_own_errors_ever_escapes(raw: bytes | str) -> None:
    for parse in (parse_from_device, parse_from_relay):
        with pytest.raises(TiersError, match=r"^frame\.malformed"):
            parse(raw)


@given(st.one_of(st.none(), st.text(max_size=60), st.text(max_size=60).map("Device {}".format)))
@pytest.mark.parametrize("lone", ["", "\udc80"])
def test_no_authorization_header_does_more_than_be_refused(lone: str, header: str | None) -> None:
    with pytest.raises(TiersError, match=r"^request\.proof"):
        claimed_pin(None if header is None else header + lone)


GOOD = Recipient(RecipientHeader("A256GCMKW", "k", "A" * 16, "A" * 22), "A" * 43)


def test_a_carriers_answers_are_told_apart_by_their_members() -> None:
    said = Admitted((GOOD, Refusal("c", "d"), GOOD))
    assert parse_admitted(spelled(said)) == said


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=60).map(lambda raw: b'{"answers":[' + raw + b"1]}")))
def test_a_carriers_nonsense_is_refused(raw: bytes) -> None:
    with pytest.raises(TiersError):
        parse_admitted(raw)


@given(st.lists(st.tuples(st.from_regex(r"[0-9]{1,20}-[0-9]{1,20}", fullmatch=True), st.binary(max_size=40))))
def test_a_deliver_frame_written_quickly_is_the_same_as_one_written_by_the_rules(messages: list[tuple[str, bytes]]):
    wrapped = [(place, msgspec.json.encode(envelope.hex())) for place, envelope in messages]
    by_the_rules = Deliver(tuple(Delivery(place, msgspec.Raw(envelope)) for place, envelope in wrapped))

    assert msgspec.json.encode(by_the_rules) == format_deliver(wrapped)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=30).map(msgspec.json.encode)))
def test_what_is_seen_in_a_send_frame_at_a_glance_is_what_the_parser_sees_if_it_is_one(inside: bytes):
    frame = b'{"type":"send","envelope":' + inside + b"}"
    try:
        parsed = parse_from_device(frame)
    except TiersError:
        return
    assert isinstance(parsed, Send)
    assert inside == envelope_in(frame)
    assert inside.strip() == bytes(parsed.envelope).strip()


@pytest.mark.parametrize("frame", [b'{"type":"ack","ids":["1-0"]}', b'{ "type":"send","envelope":{}}', b"", b"}"])
def test_any_other_frame_is_left_to_the_parser(frame: bytes):
    assert envelope_in(frame) is None
