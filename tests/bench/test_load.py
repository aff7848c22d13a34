"""The load generator: its frames are true ones, and its yardstick keeps the promises that it is measured by."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bench import frames
from bench.client import SERVER
from bench.frames import KEY, Party, interleaved
from bench.load import Load, Member, Spec, prepare
from bench.results import Latency, Result, Usage
from bench.run import LANES, ratios
from bench.stage import yardstick
from tiers.lab.world.pki import Authority
from tiers.wire.encoding import b64u
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, epoch_of, leaf, subscriber_root, wrap_key
from tiers.wire.message.envelope import Channel, format_protected, parse_envelope
from tiers.wire.message.frames import envelope_in
from tiers.wire.message.sealing import open_message, unwrap_from_carrier

NOW = 1_767_225_600_000
MASTER = Master(b"m" * 32)
PINS = ("51000001", "51000002", "51000003")


def party(pin: str) -> Party:
    return Party(pin, SigningKey(pin.encode() * 4), (subscriber_root(MASTER, pin),))


def unmasked(frame: bytes) -> bytes:
    """Read a client's frame (RFC 6455, section 5.2)."""
    assert frame[0] == 0x81
    size, start = frame[1] & 127, 2
    if size == 126:
        size, start = int.from_bytes(frame[2:4]), 4
    elif size == 127:
        size, start = int.from_bytes(frame[2:10]), 10
    mask, hidden = frame[start : start + 4], frame[start + 4 :]
    assert len(hidden) == size
    return bytes(octet ^ mask[place % 4] for place, octet in enumerate(hidden))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_is_masked_as_the_rfc_says(size: int) -> None:
    payload = os.urandom(size)
    assert payload == unmasked(frames.masked(payload))


@pytest.mark.parametrize("make", [frames.consumer, frames.enterprise])
def test_every_message_is_a_true_envelope_with_a_mid_of_its_own(make: object) -> None:
    ready = list(make(party(PINS[0]), [PINS[1], PINS[2]] * 3, NOW))  # type: ignore[operator]

    envelopes = [parse_envelope(envelope_in(unmasked(one.frame)) or b"") for one in ready]

    assert [one.mid for one in ready] == [envelope.header.mid for envelope in envelopes]
    assert 6 == len({one.key for one in ready})
    assert all(format_protected(e.header)[KEY].encode() == one.key for e, one in zip(envelopes, ready, strict=True))
    assert [PINS[1], PINS[2]] * 3 == [envelope.header.to for envelope in envelopes]


def test_a_consumer_message_is_sealed_for_the_carriers_key_of_that_minute() -> None:
    (one,) = frames.consumer(party(PINS[0]), [PINS[1]], NOW)
    envelope = parse_envelope(envelope_in(unmasked(one.frame)) or b"")

    key = wrap_key(leaf([subscriber_root(MASTER, PINS[0])], epoch_of(NOW)), envelope.jwe.protected)
    content = open_message(envelope, unwrap_from_carrier(envelope.jwe.recipients[0], key))

    assert frames.CONTENT[: frames.SIZE] == content
    assert 256 == len(content)


def test_messages_are_made_in_turns() -> None:
    made: list[str] = []

    def stream(name: str, count: int):
        for number in range(count):
            made.append(f"{name}{number}")
            yield name

    assert [["a", "a"], ["b", "b", "b"]] == interleaved([stream("a", 2), stream("b", 3)])  # type: ignore[list-item]
    assert ["a0", "b0", "a1", "b1", "b2"] == made


def test_a_ratio_is_the_median_of_what_each_repeat_gave() -> None:
    def result(rate: float) -> Result:
        still = Latency(0.0, 0.0)
        return Result(rate, rate, rate, still, still, 1.0, {"relay": Usage(0.0, 0.0)}, 1.0, 1, 0, 0, {})

    closed = {lane.name: [result(100.0)] * 3 for lane in LANES}
    closed["enterprise"] = [result(80.0), result(90.0), result(95.0)]
    closed["tasked100"] = [result(70.0), result(60.0), result(10.0)]

    assert (0.9, 0.6) == (ratios(closed)["enterprise"], ratios(closed)["tasked"])


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Spec]:
    """The yardstick as the bench starts it, and what to do there."""
    Authority.create().issue(SERVER, tmp_path / "tls")
    members = tuple(Member(pin, b64u(pin.encode() * 4)) for pin in PINS)
    async with yardstick(tmp_path / "bare", tmp_path / "tls") as started:
        to = {"port": started.port, "ca": str(tmp_path / "tls" / "ca.pem"), "channel": Channel.ENTERPRISE}
        yield Spec(**to, members=members, each=200, in_flight=8, pids={})


async def run(one: Spec) -> Result:
    parties = [party(member.pin) for member in one.members]
    async with asyncio.timeout(60):
        return await Load(one, parties, prepare(one, parties)).run()


async def test_the_yardstick_accepts_and_delivers_everything_once_in_a_closed_loop(bare: Spec) -> None:
    result = await run(bare)

    assert (600, 0, 0, {}) == (result.sent, result.lost, result.twice, result.refused)
    assert 0 < result.rate <= min(result.accepted, result.delivered)


async def test_the_yardstick_loses_nothing_when_more_is_offered_than_it_carries(bare: Spec) -> None:
    result = await run(msgspec.structs.replace(bare, each=1000, rate=1_000_000))

    assert (3000, 0, 0, {}) == (result.sent, result.lost, result.twice, result.refused)
