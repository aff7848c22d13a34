import re
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tiers.wire.errors import TiersError
from tiers.wire.lawful import product, x2x3, xiri
from tiers.wire.lawful.x2x3 import X2, X3, Decoder, Direction, Head, Keepalive, KeepaliveAck, Pdu
from tiers.wire.message.envelope import Channel, Service

# Byte for byte what an independent encoder wrote and Wireshark 4.0 dissects.
XIRI = bytes.fromhex(
    "000500010000004400000045000200031111111122224333844455555555555500000000000000010006000467772d31"
    "0008000400000000000900086955b90000000000304381050413100501a23aac38a115a3138211616c6963654062626d2e"
    "6578616d706c65a213a311820f626f624062626d2e6578616d706c65830101840101a90481026869"
)
KEEPALIVE = bytes.fromhex("000500030000003000000000" + "00" * 28 + "0008000400000001")
MIME = bytes.fromhex(
    "000500010000003e00000005000f00031111111122224333844455555555555500000000000000010008000400000000"
    "0013000a746578742f706c61696e68656c6c6f"
)
XID = UUID("11111111-2222-4333-8444-555555555555")
ALICE_TO_BOB = xiri.SmsMessage("alice@bbm.example", "bob@bbm.example", xiri.SmsDirection.FROM_TARGET, b"hi")
XIRI_PDU = X2(
    head=Head(
        xid=XID,
        correlation=1,
        direction=Direction.FROM_TARGET,
        sequence=0,
        at_ns=1_767_225_600_000_000_000,
        function="gw-1",
    ),
    payload=xiri.encode(ALICE_TO_BOB),
)
MIME_PDU = X2(
    head=Head(xid=XID, correlation=1, direction=Direction.FROM_TARGET, sequence=0), payload=b"hello", mime="text/plain"
)

identifiers = st.none() | st.from_regex(r"[!-~]{1,64}", fullmatch=True)
addresses = st.from_regex(r"[a-z0-9._-]{1,48}@[a-z0-9-]{1,20}\.[a-z]{1,8}", fullmatch=True)
media_types = st.from_regex(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,40}", fullmatch=True)
payloads = st.binary(min_size=1, max_size=400)
u32 = st.integers(0, 2**32 - 1)
heads = st.builds(
    Head,
    xid=st.uuids(),
    correlation=st.integers(0, 2**64 - 1),
    direction=st.sampled_from(Direction),
    sequence=u32,
    at_ns=st.none() | st.integers(0, 2**32 * 10**9 - 1),
    domain=identifiers,
    function=identifiers,
    point=identifiers,
)
parties = {"matched": st.none() | addresses, "other": st.none() | addresses}
pdus: st.SearchStrategy[Pdu] = st.one_of(
    st.builds(X2, head=heads, payload=payloads, mime=st.none() | media_types, **parties),
    st.builds(X3, head=heads, payload=payloads, mime=media_types, **parties),
    st.builds(Keepalive, u32),
    st.builds(KeepaliveAck, u32),
)
stamped = heads.filter(lambda head: head.at_ns is not None)
pins = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)
seen = st.builds(
    xiri.Metadata,
    from_pin=pins,
    to_pin=pins,
    mid=st.uuids(version=4).map(lambda u: f"{u}"[:14] + "7" + f"{u}"[15:]),
    service=st.sampled_from(Service),
    channel=st.just(Channel.CONSUMER),
    size=st.integers(1, 2**32 - 1),
).flatmap(lambda consumer: st.sampled_from([consumer, replace(consumer, channel=Channel.ENTERPRISE, org="S50000001")]))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(TiersError) as refusal:
        act()
    return refusal.value.code


def same_or_ours(act: Callable[[], object], expected: object) -> bool:
    try:
        return act() == expected
    except TiersError as refusal:
        return refusal.code.startswith("x2x3.")


def patched(raw: bytes, offset: int, replacement: str) -> bytes:
    new = bytes.fromhex(replacement)
    return raw[:offset] + new + raw[offset + len(new) :]


def with_attributes(*attributes: tuple[int, bytes], kind: int = 1, payload_format: int = 2) -> bytes:
    block = b"".join(struct.pack(">HH", number, len(value)) + value for number, value in attributes)
    sizes = struct.pack(">HHIIHH", 5, kind, 40 + len(block), 2, payload_format, 3)
    return sizes + XID.bytes + bytes(8) + block + b"hi"


@pytest.mark.parametrize(
    ("pdu", "raw"),
    [(XIRI_PDU, XIRI), (MIME_PDU, MIME), (Keepalive(1), KEEPALIVE), (KeepaliveAck(1), patched(KEEPALIVE, 2, "0004"))],
)
def test_the_known_octets_are_reproduced_and_read_back(pdu: Pdu, raw: bytes) -> None:
    assert x2x3.encode(pdu) == raw
    assert x2x3.decode(raw) == pdu


def test_the_known_xiri_reads_back_as_alice_to_bob() -> None:
    assert xiri.decode(XIRI[68:]) == ALICE_TO_BOB


@given(pdus)
def test_every_pdu_survives_the_wire(pdu: Pdu) -> None:
    assert x2x3.decode(x2x3.encode(pdu)) == pdu


@given(st.lists(pdus, max_size=4), st.data())
def test_cuts_in_the_stream_do_not_matter(sent: list[Pdu], data: st.DataObject) -> None:
    stream = b"".join(map(x2x3.encode, sent))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)) | {0, len(stream)})
    decoder = Decoder()
    assert [pdu for start, stop in pairwise(cuts) for pdu in decoder.feed(stream[start:stop])] == sent
    decoder.end()


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: XIRI[:40] + tail))
def test_garbage_meets_only_our_own_errors(raw: bytes) -> None:
    assert same_or_ours(lambda: x2x3.encode(x2x3.decode(raw)), raw)


@given(pdus.map(x2x3.encode), st.data())
def test_a_damaged_pdu_is_refused_or_is_another_pdu_in_its_one_spelling(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, min(len(raw), 200) - 1))
    damaged = raw[:at] + data.draw(st.binary(min_size=1, max_size=4)) + raw[at + 1 :]
    assert same_or_ours(lambda: x2x3.encode(x2x3.decode(damaged)), damaged)


@given(st.binary(max_size=120) | st.tuples(st.integers(0, 68), st.binary(max_size=3)))
@example((1, b"\x80"))
@example((1, b"\x81\x43"))
@example((1, b"\x82\x00"))
@example(b"\x30")
@example((59, b"\x03"))
@example((58, b"\x00"))
def test_a_damaged_xiri_meets_only_our_own_errors(damage: bytes | tuple[int, bytes]) -> None:
    good = XIRI[68:]
    raw = damage if isinstance(damage, bytes) else good[: damage[0]] + damage[1] + good[damage[0] + 1 :]
    assert same_or_ours(lambda: xiri.encode(xiri.decode(raw)), raw)


SEQ = (8, bytes(4))
REFUSALS = {
    "version": patched(XIRI, 0, "0004"),
    "type": patched(XIRI, 2, "0005"),
    "header_length": patched(XIRI, 4, "00000027"),
    "header_too_large": patched(XIRI, 4, "00000429"),
    "payload_too_large": patched(XIRI, 8, "00030001"),
    "payload_empty": patched(MIME, 8, "00000000")[:-5],
    "payload_format": patched(XIRI, 12, "000f"),
    "direction": patched(XIRI, 14, "0000"),
    "xid": patched(XIRI, 16, "00" * 16),
    "truncated": XIRI[:-1],
    "trailing": XIRI + b"\0",
    "attribute_unknown": with_attributes(SEQ, (10, bytes(4))),
    "attribute_order": with_attributes((9, bytes(8)), SEQ),
    "attribute_truncated": patched(MIME, 50, "000b"),
    "attribute_missing": with_attributes((9, bytes(8))),
    "attribute_length": with_attributes((8, bytes(2))),
    "timestamp": patched(XIRI, 64, "3b9aca00"),
    "identifier": with_attributes((6, b"a b"), SEQ),
    "target": with_attributes(SEQ, (17, b"<emailAddress>a@b.c</emailAddress>\n")),
    "address": with_attributes(SEQ, (17, b"<emailAddress>A@b.c</emailAddress>")),
    "media_type": with_attributes(SEQ, (19, b"Text/plain"), payload_format=15),
    "keepalive": patched(KEEPALIVE, 39, "01"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_each_malformation_has_its_name(what: str) -> None:
    assert refused(lambda: x2x3.decode(REFUSALS[what])) == f"x2x3.{what}"


def test_an_attribute_sent_twice_is_refused() -> None:
    assert refused(lambda: x2x3.decode(with_attributes(SEQ, SEQ))) == "x2x3.attribute_order"


@pytest.mark.parametrize("stray", [1, 2, 3])
def test_a_header_that_ends_inside_an_attribute_s_head_is_refused(stray: int) -> None:
    cut = patched(patched(MIME, 4, f"{48 + stray:08x}"), 8, "00000000")[: 48 + stray]
    assert refused(lambda: x2x3.decode(cut)) == "x2x3.attribute_truncated"


def test_content_in_an_xiri_is_refused() -> None:
    assert refused(lambda: x2x3.decode(patched(XIRI, 2, "0002"))) == "x2x3.payload_format"


def test_too_long_is_told_from_the_lengths_alone_and_nothing_is_held() -> None:
    decoder = Decoder()
    assert refused(lambda: decoder.feed(patched(XIRI, 8, "ffffffff")[:12])) == "x2x3.payload_too_large"
    assert len(decoder._buffer) == 0


def test_the_largest_pdu_passes_and_the_buffer_stays_below_it() -> None:
    identifier = "x" * x2x3.MAX_IDENTIFIER
    party = "a" * 48 + "@" + "b" * (xiri.MAX_ADDRESS - 51) + ".c"
    head = replace(XIRI_PDU.head, domain=identifier, function=identifier, point=identifier)
    mime = "a" * 62 + "/" + "b" * (x2x3.MAX_MEDIA_TYPE - 63)
    largest = X3(head=head, payload=bytes(x2x3.MAX_PAYLOAD), matched=party, other=party, mime=mime)
    raw = x2x3.encode(largest)
    decoder = Decoder()
    assert decoder.feed(raw[:-1]) == []
    assert len(decoder._buffer) <= x2x3.MAX_PDU
    assert decoder.feed(raw[-1:] + KEEPALIVE) == [largest, Keepalive(1)]
    assert len(decoder._buffer) == 0


def test_what_stood_before_the_malformed_pdu_is_not_lost_and_what_follows_is_not_guessed() -> None:
    decoder = Decoder()
    assert decoder.feed(MIME + patched(XIRI, 0, "0004") + MIME) == [MIME_PDU]
    assert [refused(decoder.end), refused(lambda: decoder.feed(MIME))] == ["x2x3.version"] * 2


def test_half_a_pdu_at_the_end_is_told() -> None:
    decoder = Decoder()
    assert decoder.feed(MIME[:-1]) == []
    assert refused(decoder.end) == "x2x3.truncated"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sequence": 2**32}, "sequence"),
        ({"correlation": 2**64}, "correlation"),
        ({"at_ns": -1}, "timestamp"),
        ({"xid": UUID(int=0)}, "xid"),
        ({"point": ""}, "identifier"),
        ({"point": "x" * 65}, "identifier"),
    ],
)
def test_a_head_that_could_not_be_sent_cannot_be_made(change: dict[str, object], code: str) -> None:
    assert refused(lambda: replace(XIRI_PDU.head, **change)) == f"x2x3.{code}"


@given(stamped, seen, st.sampled_from([Direction.TO_TARGET, Direction.FROM_TARGET]))
def test_metadata_survives_as_x2_and_the_target_is_told_from_the_other(
    head: Head, metadata: xiri.Metadata, direction: Direction
) -> None:
    pdu = product.x2(replace(head, direction=direction), metadata)
    ends = (metadata.from_pin, metadata.to_pin)
    target, other = ends if direction is Direction.FROM_TARGET else ends[::-1]
    assert (f"{pdu.matched}"[:8], f"{pdu.other}"[:8]) == (target, other)
    received = x2x3.decode(x2x3.encode(pdu))
    assert isinstance(received, X2)
    assert product.read_x2(received) == metadata


@given(stamped, st.binary(max_size=300))
def test_a_record_of_garbage_meets_only_our_own_errors(head: Head, tpdu: bytes) -> None:
    def read() -> xiri.SmsMessage:
        message = xiri.SmsMessage("2100000a@bbm.example", "2100000b@bbm.example", xiri.SmsDirection.FROM_TARGET, tpdu)
        return xiri.message_of(product.read_x2(X2(head=head, payload=xiri.encode(message))), message.direction)

    assert same_or_ours(read, None)


@pytest.mark.parametrize("direction", [Direction.UNKNOWN, Direction.MULTIPLE, Direction.NOT_APPLICABLE])
def test_metadata_goes_to_the_target_or_comes_from_it(direction: Direction) -> None:
    head = replace(XIRI_PDU.head, direction=direction)
    assert refused(lambda: product.x2(head, METADATA)) == "x2x3.direction"


METADATA = xiri.Metadata(
    from_pin="2100000a",
    to_pin="2100000b",
    mid="019b76da-a800-7000-8000-000000000001",
    service=Service.BBM,
    channel=Channel.CONSUMER,
    size=1024,
)


def test_an_x2_whose_attributes_contradict_its_xiri_is_refused() -> None:
    pdu = product.x2(XIRI_PDU.head, METADATA)
    swapped = replace(pdu, matched=pdu.other, other=pdu.matched)
    turned = replace(pdu, head=replace(pdu.head, direction=Direction.TO_TARGET))
    assert refused(lambda: product.read_x2(swapped)) == "x2x3.contradiction"
    assert refused(lambda: product.read_x2(turned)) == "x2x3.contradiction"


@pytest.mark.parametrize(
    "change",
    [
        {"from_pin": "2100000A"},
        {"mid": "019b76da-a800-4000-8000-000000000001"},
        {"size": 0},
        {"org": "S50000001"},
        {"channel": Channel.ENTERPRISE},
    ],
)
def test_metadata_outside_its_grammar_never_becomes_an_x2(change: dict[str, object]) -> None:
    assert refused(lambda: product.x2(XIRI_PDU.head, replace(METADATA, **change))) == "x2x3.record"


def test_a_text_message_in_the_record_s_place_is_refused() -> None:
    assert refused(lambda: product.read_x2(XIRI_PDU)) == "x2x3.record"
    assert refused(lambda: product.read_x2(MIME_PDU)) == "x2x3.payload_format"


def test_the_record_carries_no_member_that_we_did_not_name() -> None:
    message = xiri.message_of(METADATA, xiri.SmsDirection.FROM_TARGET)
    assert message.tpdu == b'{"channel":"consumer","mid":"019b76da-a800-7000-8000-000000000001","size":1024}'


@pytest.mark.parametrize(
    "tpdu",
    [
        b'{"channel": "consumer","mid":"019b76da-a800-7000-8000-000000000001","size":1024}',
        b'{"channel":"consumer","mid":"019b76da-a800-7000-8000-000000000001","size":1024,"text":"hi"}',
        b'{"mid":"019b76da-a800-7000-8000-000000000001","channel":"consumer","size":1024}',
        b'{"channel":"consumer","mid":"019b76da-a800-7000-8000-000000000001","org":null,"size":1024}',
    ],
)
def test_a_record_in_another_spelling_is_refused(tpdu: bytes) -> None:
    message = replace(xiri.message_of(METADATA, xiri.SmsDirection.FROM_TARGET), tpdu=tpdu)
    assert refused(lambda: xiri.metadata_of(message)) == "x2x3.record"


def test_parties_of_two_services_are_refused() -> None:
    message = replace(xiri.message_of(METADATA, xiri.SmsDirection.FROM_TARGET), terminating="2100000b@email.example")
    assert refused(lambda: xiri.metadata_of(message)) == "x2x3.record"


def test_product_without_a_time_cannot_be_made() -> None:
    head = replace(XIRI_PDU.head, at_ns=None)
    assert refused(lambda: product.x2(head, METADATA)) == "x2x3.timestamp"
    assert refused(lambda: product.x3(head, b"{}")) == "x2x3.timestamp"


def test_the_jwe_travels_as_it_is() -> None:
    pdu = product.x3(XIRI_PDU.head, b'{"protected":"e30"}')
    assert (pdu.payload, pdu.mime) == (b'{"protected":"e30"}', "application/jose+json")


def test_a_stream_is_of_one_task_and_one_type_and_its_numbers_wrap() -> None:
    other = replace(XIRI_PDU, head=replace(XIRI_PDU.head, xid=uuid4()))
    later = replace(XIRI_PDU, head=replace(XIRI_PDU.head, sequence=XIRI_PDU.head.sequence + 1))
    streams = [product.stream_of(pdu) for pdu in (XIRI_PDU, later, other, product.x3(XIRI_PDU.head, b"{}"))]
    assert streams[0] == streams[1]
    assert len(set(streams)) == 3
    assert product.following(2**32 - 1) == 0


@pytest.mark.parametrize(
    ("expected", "got", "lost"), [(0, 0, 0), (3, 5, 2), (2**32 - 1, 1, 2), (5, 3, -2), (0, 2**32 - 1, -1)]
)
def test_a_gap_is_counted_and_a_repeat_is_not_a_gap(expected: int, got: int, lost: int) -> None:
    assert product.missing(expected, got) == lost


@pytest.fixture(scope="module")
def pycrate() -> ModuleType:
    return pytest.importorskip("pycrate_asn1dir.LIX3GPP", reason="pycrate, the independent encoder, is not installed")


@given(
    st.builds(
        xiri.SmsMessage, addresses, addresses, st.sampled_from(xiri.SmsDirection), st.binary(min_size=1, max_size=270)
    )
)
def test_an_independent_asn1_compiler_agrees_on_every_xiri(pycrate: ModuleType, message: xiri.SmsMessage) -> None:
    payload = pycrate.TS33128Payloads.XIRIPayload
    directions = {xiri.SmsDirection.FROM_TARGET: "fromTarget", xiri.SmsDirection.TO_TARGET: "toTarget"}
    body = {
        "originatingSMSParty": {"gPSI": ("nAI", message.originating)},
        "terminatingSMSParty": {"gPSI": ("nAI", message.terminating)},
        "direction": directions[message.direction],
        "linkTransferStatus": "transferSucceeded",
        "sMSTPDUData": ("sMSTPDU", message.tpdu),
    }
    payload.set_val({"xIRIPayloadOID": (4, 19, 16, 5, 1), "event": ("sMSMessage", body)})
    assert xiri.encode(message) == payload.to_ber()
    assert xiri.decode(payload.to_ber()) == message


def test_the_examples_of_the_spec_page_are_what_we_send() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "x2x3.md").read_text()
    blocks = re.findall(r"```pdu\n(.*?)```", page, re.DOTALL)
    octets = [bytes.fromhex("".join(re.split(r" {4,}", line)[0] for line in block.splitlines())) for block in blocks]
    head = replace(XIRI_PDU.head, function="1")
    jwe = '{"ciphertext":"…"}'.encode()
    assert [x2x3.decode(raw) for raw in octets] == [product.x2(head, METADATA), product.x3(head, jwe), Keepalive(1)]
