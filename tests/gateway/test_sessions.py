"""The conversation with devices, end to end: real TLS, real WebSockets, a real store, a carrier's real admission."""

from pathlib import Path

import msgspec
import pytest

from kits.relay import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    GATEWAY,
    World,
    consumer,
    enterprise,
    header,
    opened,
    running,
    signing_key,
)
from kits.store import connect
from tiers.gateway.path import sessions as sessions_module
from tiers.gateway.path.session import MAX_UNDECIDED
from tiers.gateway.path.window import MAX_COUNT
from tiers.wire.encoding import b64u
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import Channel, format_envelope
from tiers.wire.message.frames import (
    MAX_FRAME,
    Accepted,
    Ack,
    Bye,
    Deliver,
    Drained,
    Hello,
    Refused,
    Send,
    session_message,
)


@pytest.fixture(autouse=True)
async def people(world: World) -> None:
    await world.enrol(ALICE, BOB)
    await world.activate(ACME, ALICE, BOB, CAROL)


async def test_a_consumer_message_arrives_with_one_recipient_more_and_the_same_content(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    sent = world.consumer(ALICE, BOB, b"Lunch at one?")
    mid = await alice.send(sent)
    assert await alice.accepted() == [mid]
    (got,) = await bob.receive()
    assert got.jwe.recipients[:1] == sent.jwe.recipients
    assert (got.jwe.protected, got.jwe.iv, got.jwe.ciphertext) == (sent.jwe.protected, sent.jwe.iv, sent.jwe.ciphertext)
    assert opened(got, BOB) == b"Lunch at one?"


async def test_an_enterprise_message_goes_through_untouched_and_the_carrier_is_not_asked(world: World) -> None:
    alice, carol = await world.open(ALICE), await world.open(CAROL)
    sent = world.enterprise(ALICE, CAROL)
    await alice.send(sent)
    await alice.accepted()
    (got,) = await carol.receive()
    assert format_envelope(got) == format_envelope(sent)
    assert world.carrier.batches == []


async def test_what_was_sent_to_somebody_offline_is_read_back_in_order(world: World) -> None:
    alice = await world.open(ALICE)
    mids = [await alice.send(world.enterprise(ALICE, CAROL)) for _ in range(50)]
    await alice.accepted(50)
    carol = await world.open(CAROL)
    assert [envelope.header.mid for envelope in await carol.receive(50)] == mids


async def test_a_mailbox_far_over_the_window_drains_in_order(world: World) -> None:
    alice = await world.open(ALICE)
    mids = []
    for _ in range(4 * MAX_COUNT // MAX_UNDECIDED):
        mids += [await alice.send(world.consumer(ALICE, BOB)) for _ in range(MAX_UNDECIDED)]
        await alice.accepted(MAX_UNDECIDED)
    bob = await world.open(BOB)
    assert [envelope.header.mid for envelope in await bob.receive(len(mids))] == mids
    assert isinstance(await bob.expect(Drained), Drained)


async def test_a_message_comes_again_until_it_is_acknowledged_and_then_never(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    mid = await alice.send(world.consumer(ALICE, BOB))
    for _ in range(2):
        (got,) = await bob.receive(ack=False)
        assert got.header.mid == mid
        await bob.socket.close()
        bob = await world.open(BOB)
    await bob.receive()
    await world.delivery.idle()
    after = await alice.send(world.consumer(ALICE, BOB))
    (got,) = await bob.receive()
    assert got.header.mid == after
    await bob.socket.close()
    await world.delivery.idle()
    bob = await world.open(BOB)
    assert isinstance(await bob.hear(), Drained)


async def test_a_repeated_message_is_accepted_again_and_delivered_once(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    envelope = world.consumer(ALICE, BOB)
    for _ in range(3):
        await alice.send(envelope)
    assert await alice.accepted(3) == [envelope.header.mid] * 3
    last = await alice.send(world.consumer(ALICE, BOB))
    assert [got.header.mid for got in await bob.receive(2)] == [envelope.header.mid, last]


async def test_a_new_relay_on_the_same_store_knows_mids_mailboxes_and_devices(world: World, tmp_path: Path) -> None:
    alice = await world.open(ALICE)
    envelope = world.enterprise(ALICE, CAROL)
    await alice.send(envelope)
    await alice.accepted()
    async with running(tmp_path, world.store_url) as second:
        alice, carol = await second.open(ALICE), await second.open(CAROL)
        await alice.send(envelope)
        await alice.accepted()
        assert [got.header.mid for got in await carol.receive(ack=False)] == [envelope.header.mid]
        after = await alice.send(second.enterprise(ALICE, CAROL))
        assert [got.header.mid for got in await carol.receive()] == [after]


async def test_many_sends_of_one_turn_share_one_question_to_the_carrier(world: World) -> None:
    alice = await world.open(ALICE)
    world.carrier.open.clear()
    await alice.send(world.consumer(ALICE, BOB))
    await world.carrier.asked.wait()
    for _ in range(20):
        await alice.send(world.consumer(ALICE, BOB))
    await world.undecided(21)
    world.carrier.open.set()
    await alice.accepted(21)
    assert world.carrier.batches == [1, 20]


async def test_a_carrier_that_is_down_or_hangs_holds_up_no_enterprise_message(world: World) -> None:
    alice, carol = await world.open(ALICE), await world.open(CAROL)
    world.carrier.open.clear()
    held = await alice.send(world.consumer(ALICE, BOB))
    await world.carrier.asked.wait()
    mid = await alice.send(world.enterprise(ALICE, CAROL))
    assert await alice.accepted() == [mid]
    assert [got.header.mid for got in await carol.receive()] == [mid]
    world.carrier.down = True
    world.carrier.open.set()
    refused = await alice.expect(Refused)
    assert (refused.mid, refused.code) == (held, "carrier.unavailable")


async def test_a_refusal_by_the_carrier_reaches_the_sender_and_nothing_is_stored(world: World) -> None:
    alice = await world.open(ALICE)
    world.carrier.subscribers.discard(BOB)
    await alice.send(world.consumer(ALICE, BOB))
    assert await alice.refused() == "admission.subscriber"
    bob = await world.open(BOB)
    assert isinstance(await bob.hear(), Drained)


async def test_a_new_session_replaces_the_old_one_and_takes_over_what_was_not_acknowledged(world: World) -> None:
    alice, old = await world.open(ALICE), await world.open(BOB)
    mid = await alice.send(world.consumer(ALICE, BOB))
    await old.receive(ack=False)
    new = await world.open(BOB)
    assert await old.bye() == "session.replaced"
    assert [got.header.mid for got in await new.receive()] == [mid]
    assert world.sessions.count() == 2


async def test_an_ack_of_something_never_delivered_changes_nothing(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    await bob.say(Ack(("1-0", "99999999999999-0")))
    mid = await alice.send(world.consumer(ALICE, BOB))
    assert [got.header.mid for got in await bob.receive()] == [mid]


async def test_a_wrong_signature_opens_no_session(world: World) -> None:
    handset, challenge = await world.challenged(BOB)
    stranger = SigningKey(b"s" * 32)
    await handset.say(Hello(BOB, b64u(stranger.sign(session_message(GATEWAY, challenge.nonce, BOB)))))
    assert await handset.bye() == "session.signature"


async def test_a_challenge_answered_before_opens_no_second_session(world: World) -> None:
    first, challenge = await world.challenged(BOB)
    hello = Hello(BOB, b64u(signing_key(BOB).sign(session_message(GATEWAY, challenge.nonce, BOB))))
    await first.say(hello)
    second, _ = await world.challenged(BOB)
    await second.say(hello)
    assert await second.bye() == "session.signature"


@pytest.mark.parametrize("pin", ["ffffffff"])
async def test_a_pin_that_nobody_registered_is_refused_as_a_wrong_signature_is(world: World, pin: str) -> None:
    handset, challenge = await world.challenged(pin)
    await handset.say(Hello(pin, b64u(signing_key(pin).sign(session_message(GATEWAY, challenge.nonce, pin)))))
    assert await handset.bye() == "session.signature"


async def test_a_session_starts_with_hello(world: World) -> None:
    handset, _ = await world.challenged(BOB)
    await handset.say(Ack(("1-0",)))
    assert await handset.bye() == "session.hello"


async def test_whoever_does_not_answer_the_challenge_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "HELLO_SECONDS", 0.05)
    handset, _ = await world.challenged(BOB)
    assert await handset.bye() == "session.hello"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{}", "frame.malformed"),
        ("[" * 1000, "frame.malformed"),
        ('{"type":"send"}', "frame.malformed"),
        ('{"type":"bye","code":"x","detail":"y"}', "frame.malformed"),
        ('{"type":"ack","ids":[]}', "frame.malformed"),
        ('{"type":"hello","pin":"2100000b","signature":""}', "frame.unexpected"),
        ('{"type":"send","envelope":"' + "x" * MAX_FRAME + '"}', "frame.too_large"),
    ],
)
async def test_a_frame_outside_the_grammar_ends_the_session_with_its_own_code(
    world: World, raw: str, code: str
) -> None:
    bob = await world.open(BOB)
    await bob.socket.send_str(raw)
    assert await bob.bye() == code


async def test_binary_messages_are_no_frames(world: World) -> None:
    bob = await world.open(BOB)
    await bob.socket.send_bytes(b'{"type":"ack","ids":["1-0"]}')
    assert await bob.bye() == "frame.malformed"


async def test_a_malformed_envelope_is_refused_and_the_session_goes_on(world: World) -> None:
    alice = await world.open(ALICE)
    for raw in (b"{}", b'"text"', b"[[[]]]", format_envelope(world.consumer(ALICE, BOB)).replace(b":", b": ", 1)):
        await alice.say(Send(msgspec.Raw(raw)))
        assert (await alice.refused()).startswith("envelope.")
    mid = await alice.send(world.consumer(ALICE, BOB))
    assert await alice.accepted() == [mid]


async def test_a_refusal_names_the_message_as_soon_as_its_header_can_be_read(world: World) -> None:
    alice = await world.open(ALICE)
    envelope = world.consumer(ALICE, BOB)
    broken = msgspec.structs.replace(envelope.jwe, iv="AAAA")
    await alice.say(Send(msgspec.Raw(msgspec.json.encode(broken))))
    refused = await alice.expect(Refused)
    assert (refused.mid, refused.code) == (envelope.header.mid, "envelope.malformed")


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [("cmt", "A" * 42, "commitment"), ("cmt", "", "commitment"), ("ts", -1, "malformed"), ("to", "bob", "malformed")],
)
async def test_whatever_is_wrong_in_a_header_its_sender_hears_of_it(
    world: World, member: str, value: object, code: str
) -> None:
    alice = await world.open(ALICE)
    envelope = world.consumer(ALICE, BOB)
    header = msgspec.json.decode(msgspec.json.encode(envelope.header)) | {member: value}
    broken = msgspec.structs.replace(envelope.jwe, protected=b64u(msgspec.json.encode(header)), tag="short")
    for jwe in (broken, msgspec.structs.replace(broken, tag=envelope.jwe.tag)):
        await alice.say(Send(msgspec.Raw(msgspec.json.encode(jwe))))
        refused = await alice.expect(Refused)
        assert refused.mid == envelope.header.mid
    assert refused.code == f"envelope.{code}"


async def test_each_mistake_in_addressing_has_its_own_code(world: World) -> None:
    alice = await world.open(ALICE)
    now = world.clock()
    c, e = Channel.CONSUMER, Channel.ENTERPRISE
    cases = {
        "envelope.sender": consumer(header(c, BOB, ALICE, now)),
        "envelope.misdated": consumer(header(c, ALICE, BOB, now - 180_000)),
        "envelope.receiver": consumer(header(c, ALICE, CAROL, now)),  # carol is nobody's subscriber
        "envelope.recipients": consumer(header(c, ALICE, BOB, now), kid="carrier/in/2100000b/1"),
        "envelope.org": enterprise(header(e, ALICE, CAROL, now, org="S50000002")),
    }
    got = {}
    for code, envelope in cases.items():
        await alice.send(envelope)
        got[code] = await alice.refused()
    assert got == {code: code for code in cases}


async def test_drained_comes_once_the_last_message_is_acknowledged_and_not_before(world: World) -> None:
    alice = await world.open(ALICE)
    await alice.send(world.consumer(ALICE, BOB))
    await alice.accepted()
    before = world.clock()
    bob = await world.open(BOB)
    deliver = await bob.hear()
    assert isinstance(deliver, Deliver)
    await bob.say(Ack((deliver.messages[0].id,)))
    drained = await bob.hear()
    assert isinstance(drained, Drained)
    assert before <= drained.ts <= world.clock()


async def test_drained_is_said_again_after_a_minute_and_not_sooner(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    first = await bob.hear()
    assert isinstance(first, Drained)
    session = world.sessions._live[BOB]
    for ahead in (0, 59_000):  # a message, its ack and a tick bring no second one
        world.clock.ahead = ahead
        session.tick(world.clock())
        await alice.send(world.consumer(ALICE, BOB))
        deliver = await bob.hear()
        assert isinstance(deliver, Deliver)
        await bob.say(Ack((deliver.messages[0].id,)))
    world.clock.ahead = 61_000
    await world.delivery.idle()
    session.tick(world.clock())
    again = await bob.hear()
    assert isinstance(again, Drained)
    assert again.ts >= first.ts + 60_000


async def test_drained_does_not_promise_what_is_still_with_the_carrier(world: World) -> None:
    alice = await world.open(ALICE)
    world.carrier.open.clear()
    await alice.send(world.consumer(ALICE, BOB))
    await world.carrier.asked.wait()
    asked_by = world.clock()
    world.clock.ahead = 30_000
    bob = await world.open(BOB)
    drained = await bob.hear()
    assert isinstance(drained, Drained)
    assert drained.ts <= asked_by
    world.carrier.open.set()
    await bob.receive()


async def test_a_device_that_does_not_read_costs_a_window_and_holds_up_nobody(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    carol = await world.open(CAROL)
    big = b"x" * 60_000
    total = 60
    for _ in range(total):  # five times the window, to somebody who reads nothing
        await alice.send(world.consumer(ALICE, BOB, big))
        await alice.accepted()
    mid = await alice.send(world.enterprise(ALICE, CAROL))
    await alice.accepted()
    assert [got.header.mid for got in await carol.receive()] == [mid]
    handed_out = world.sessions._live[BOB]._window._bytes
    assert handed_out <= 1024 * 1024 + 100_000
    assert len(await bob.receive(total)) == total


async def test_a_device_that_reads_no_answers_is_read_no_further(world: World) -> None:
    alice = await world.open(ALICE)
    world.carrier.open.clear()
    sent = 3 * MAX_UNDECIDED
    for _ in range(sent):
        await alice.send(world.consumer(ALICE, BOB))
    await world.carrier.asked.wait()
    await world.undecided(MAX_UNDECIDED)
    assert world.delivery.depth() == MAX_UNDECIDED
    world.carrier.open.set()
    assert len(await alice.accepted(sent)) == sent


async def test_a_stopping_relay_answers_what_is_under_way_and_says_bye(tmp_path: Path, store_url: str) -> None:
    async with running(tmp_path, store_url) as relay:
        await relay.enrol(ALICE, BOB)
        alice = await relay.open(ALICE)
        relay.carrier.open.clear()
        mid = await alice.send(relay.consumer(ALICE, BOB))
        await relay.carrier.asked.wait()
        relay.carrier.open.set()
    assert await alice.accepted() == [mid]
    assert isinstance(await alice.expect(Bye), Bye)
    async with connect(store_url) as store:
        boxes = [key async for key in store.scan_iter("{s*}:box:*")]
        assert [await store.xlen(box) for box in boxes] == [1]


async def test_metrics_count_and_name_nobody(world: World) -> None:
    alice, bob = await world.open(ALICE), await world.open(BOB)
    await alice.send(world.consumer(ALICE, BOB))
    await alice.accepted()
    await bob.receive()
    await alice.send(world.consumer(BOB, ALICE))
    await alice.refused()
    await world.delivery.idle()
    text = world.metrics()
    assert "tiers_gateway_accepted_total 1.0" in text
    assert 'tiers_gateway_refused_total{code="envelope.sender"} 1.0' in text
    assert "tiers_gateway_delivered_total 1.0" in text
    assert ALICE not in text


async def test_accepted_frames_of_one_batch_come_together(world: World) -> None:
    alice = await world.open(ALICE)
    world.carrier.open.clear()
    await alice.send(world.consumer(ALICE, BOB))
    await world.carrier.asked.wait()
    mids = [await alice.send(world.consumer(ALICE, BOB)) for _ in range(10)]
    await world.undecided(11)
    world.carrier.open.set()
    answered: list[str] = []
    frames = 0
    while len(answered) < 11:
        answered += (await alice.expect(Accepted)).mids
        frames += 1
    assert answered[1:] == mids
    assert frames <= 2
