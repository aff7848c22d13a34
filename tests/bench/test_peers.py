"""The peers of the bench: what we say to them is what their protocols say, and their own servers understand it."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress

from bench.__main__ import PeerName
from bench.client import SERVER
from bench.load import Member, Spec, parties_of, prepare, prepared
from bench.peers import PEERS, messages, mosquitto, nats, prosody
from bench.peers.kit import KEY_IN_ENVELOPE, Place
from bench.peers.run import compare, ratios
from bench.results import Latency, Result
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports, stop
from tiers.wire.encoding import b64u
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel

PINS = ("55000001", "55000002", "55000003")
MEMBERS = tuple(Member(pin, b64u(pin.encode() * 4)) for pin in PINS)
BYTES = st.binary(max_size=300)
CUTS = st.lists(st.integers(0)) | st.just(list(range(20_000)))
SIZES = st.sampled_from([127, 128, 16_383, 16_384]).map(bytes)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at some places, as a network may."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def spec(peer: str, port: int, ca: str) -> Spec:
    about = {"channel": Channel.ENTERPRISE, "members": MEMBERS, "each": 50, "in_flight": 8, "pids": {}}
    return Spec(port=port, ca=ca, peer=peer, **about)


@pytest.mark.parametrize(
    ("size", "written"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (2_097_152, "80808001")],
)
def test_mqtt_a_size_is_written_as_table_2_4_has_it(size: int, written: str) -> None:
    assert "30" + written == mosquitto.packet(0x30, bytes(size))[: 1 + len(written) // 2].hex()


@given(
    st.lists(st.tuples(st.integers(0, 255), BYTES | SIZES)),
    CUTS,
)
def test_mqtt_packets_are_read_as_written_however_they_are_cut(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    got, rest = [], b""
    for piece in pieces(b"".join(mosquitto.packet(*one) for one in sent), cuts):
        found, used = mosquitto.packets(rest + piece)
        got, rest = got + found, (rest + piece)[used:]

    assert (sent, b"") == (got, rest)


@given(st.text(max_size=40), st.integers(1, 0xFFFF), BYTES)
def test_mqtt_a_message_is_read_as_written(topic: str, number: int, payload: bytes) -> None:
    ((kind, body),), _ = mosquitto.packets(mosquitto.publish(topic, number, payload))

    assert 0x32 == kind
    assert (number.to_bytes(2), payload) == mosquitto.published(body)


def test_nats_a_message_is_written_as_the_protocols_page_has_it() -> None:
    assert b"PUB FOO 11\r\nHello NATS!\r\n" == nats.pub("FOO", b"Hello NATS!")
    assert b"PUB FRONT.DOOR JOKE.22 11\r\nKnock Knock\r\n" == nats.pub("FRONT.DOOR", b"Knock Knock", "JOKE.22")


@given(st.lists(BYTES | st.none() | st.just(b"\r\nMSG a 1 5\r\n")), CUTS)
def test_nats_operations_are_read_as_written_however_they_are_cut(sent: list[bytes | None], cuts: list[int]) -> None:
    wire = b"".join(b"PING\r\n" if one is None else b"MSG s 2 r %d\r\n%s\r\n" % (len(one), one) for one in sent)
    got, rest = [], b""
    for piece in pieces(wire, cuts):
        found, used = nats.operations(rest + piece)
        got, rest = got + found, (rest + piece)[used:]

    wanted = [([b"PING"], b"") if one is None else ([b"MSG", b"s", b"2", b"r", b"%d" % len(one)], one) for one in sent]
    assert (wanted, b"") == (got, rest)


@given(st.lists(st.text('abc\u00e9\u20ac {}":', max_size=60)), CUTS)
def test_xmpp_stanzas_are_read_as_written_however_they_are_cut(sent: list[str], cuts: list[int]) -> None:
    wire = "".join(f"<message type='chat' id='{n}'><body>{one}</body><x/></message>" for n, one in enumerate(sent))
    elements = prosody.Elements()

    got = [one for piece in pieces(f"<stream:stream>{wire}".encode(), cuts) for one in elements.feed(piece)]

    wanted = [prosody.Element("message", {"type": "chat", "id": str(n)}, one) for n, one in enumerate(sent)]
    assert wanted == got


@pytest.mark.parametrize("name", PEERS)
def test_every_message_to_a_peer_is_a_whole_envelope_with_a_name_of_its_own(name: str) -> None:
    one = spec(name, 0, "")
    party = parties_of(one)[0]
    envelopes = prepare(one, parties_of(one), bytes)[0]

    ready = messages(PEERS[name], party.pin, envelopes)

    assert len(ready) == len({each.mid for each in ready}) == one.each
    assert all(plain.frame in dressed.frame for plain, dressed in zip(envelopes, ready, strict=True))
    assert [each.frame[KEY_IN_ENVELOPE] for each in envelopes] == [each.key for each in ready]


def test_an_envelope_stands_in_xml_as_it_is() -> None:
    one = spec("prosody", 0, "")
    (envelope, *_), *_ = prepare(one, parties_of(one), bytes)

    stanza = ET.fromstring(prosody.message(PINS[0], 0, envelope).frame)

    assert envelope.frame.decode() == stanza.findtext("body")


def test_the_command_knows_every_peer() -> None:
    assert list(PEERS) == [str(one) for one in PeerName]


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_not_installed_is_refused_with_its_packages_name(name: str) -> None:
    missing = replace(PEERS[name], program="no-such-program")

    with pytest.raises(Yours, match=f"bench.peer.*apt-get install .*{missing.package}"):
        missing.binary()


def test_a_peers_ratio_is_the_median_of_what_each_repeat_gave() -> None:
    def result(rate: float) -> Result:
        return Result(rate, rate, rate, Latency(0.0, 0.0), Latency(0.0, 0.0), 1.0, {}, 1.0, 1, 0, 0, {})

    closed = {f"bare_{one}": [result(100.0), result(200.0), result(50.0)] for one in Channel}
    closed |= {f"nats_{one}": [result(80.0), result(80.0), result(80.0)] for one in Channel}

    assert {"enterprise": 0.8, "consumer": 0.8} == ratios("nats", closed)


class Tape(asyncio.Transport):
    """A connection that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data


STANZAS = b"<s:stream xmlns:s='s'><enabled/><message type='chat'><body>%s</body></message><r/>"


@pytest.mark.parametrize(
    ("name", "delivery", "ack"),
    [
        ("mosquitto", lambda raw: mosquitto.publish("box/55000001", 7, raw), b"\x40\x02\x00\x07"),
        ("nats", lambda raw: b"MSG _D.55000001 2 $JS.ACK.a %d\r\n%s\r\n" % (len(raw), raw),
         b"PUB $JS.ACK.a 4\r\n+ACK\r\n"),
        ("prosody", lambda raw: STANZAS % raw, b"<a xmlns='urn:xmpp:sm:3' h='1'/>"),
    ],
)  # fmt: skip
async def test_what_a_peer_delivers_is_reported_and_acknowledged(name: str, delivery: object, ack: bytes) -> None:
    one, tape, got = spec(name, 0, ""), Tape(), []
    (envelope, *_), *_ = prepare(one, parties_of(one), bytes)
    client = PEERS[name].client(parties_of(one)[0], lambda _mids: None, got.extend, lambda _mid, _code: None)
    client.connection_made(tape)

    client.data_received(delivery(envelope.frame))  # type: ignore[operator]

    assert [envelope.key] == got
    assert ack in tape.written


def installed(name: str) -> bool:
    try:
        return bool(PEERS[name].binary())
    except Yours:
        return False


needed = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                not installed(name), reason=f"{one.program} is not installed (Debian: apt-get install {one.package})"
            ),
        )
        for name, one in PEERS.items()
    ],
)


@needed
async def test_a_peer_is_measured_beside_the_bare_relay(name: str) -> None:
    with Progress(disable=True) as progress:
        compared = await compare(progress, name, 1, 1000)

    lanes = {f"{who}_{one}" for one in Channel for who in ("bare", name)}
    assert lanes == {lane for lane, (result,) in compared.closed.items() if result.rate > 0 and not result.lost}
    assert all(share > 0 for share in compared.ratios.values())


@needed
async def test_a_peers_own_server_accepts_and_delivers_everything_once(name: str, tmp_path: Path) -> None:
    Authority.create().issue(SERVER, tmp_path / "tls")
    (port,) = free_ports(1)
    child, promise = await PEERS[name].started(Place(tmp_path / name, port, tmp_path / "tls", PINS))
    try:
        load = prepared(spec(name, port, str(tmp_path / "tls" / "ca.pem")))
        result = await load.run()
    finally:
        await stop(child)

    assert promise
    assert (150, 150, 150) == (result.sent, load.accepted, load.delivered)
    assert (0, 0, {}) == (result.lost, result.twice, result.refused)
