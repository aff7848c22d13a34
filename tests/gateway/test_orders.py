"""Regulators' orders at the relay: who may give one, what it does to messages, what it cannot bring about."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.interception import RELAY
from kits.orders import PTA, REGULATORS, TRA, Office, order
from kits.relay import ACME, ALICE, BOB, GATEWAY, opened, signing_key
from kits.store import connect
from tiers.gateway.channels import Arrangement, parse_readers
from tiers.gateway.mailbox.promises import START, Entry
from tiers.gateway.orders import ORDERS, answer_to
from tiers.wire.api.gateway import Answer
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.order import Kind, VerifiedOrder, sign_order, verify_order
from tiers.wire.message.envelope import Channel, Service, format_envelope, parse_envelope
from tiers.wire.message.frames import Ack, Bye, Deliver, Drained, Refused
from tiers.wire.message.proof import Request, sign_request

C, E = Channel.CONSUMER, Channel.ENTERPRISE


@pytest.fixture
async def office(tmp_path: Path, store_url: str) -> AsyncIterator[Office]:
    office = Office(tmp_path, store_url)
    async with office.running() as office.world:
        await office.world.enrol(ALICE, BOB)
        await office.world.activate(ACME, ALICE, BOB)
        yield office


async def refused(office: Office, *args: object, **kwargs: object) -> str:
    with pytest.raises(TiersError) as caught:
        await office.serve(*args, **kwargs)  # type: ignore[arg-type]
    return caught.value.code


# ---- what it does to messages ----


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_note_to_oneself_is_delivered_once_whatever_is_suspended(office: Office, channel: Channel) -> None:
    await office.serve(order(services=(Service.EMAIL,)))  # with a suspension on file the relay reads what it hands out
    world = office.world
    alice, bob = await world.open(ALICE), await world.open(BOB)
    make = world.consumer if channel is Channel.CONSUMER else world.enterprise

    mid = await alice.send(make(ALICE, ALICE, b"buy milk"))
    (note,) = await alice.receive()
    await alice.send(make(ALICE, BOB))

    kids = [one.header.kid for one in note.jwe.recipients]
    assert (mid, len(set(kids))) == (note.header.mid, len(kids))
    if channel is Channel.CONSUMER:
        assert b"buy milk" == opened(note, ALICE)
    assert [ALICE] == [got.header.sender for got in await bob.receive()]
    assert [] == await world.mailboxes.read(ALICE, START, 9)


async def test_what_cannot_be_read_in_a_mailbox_holds_up_nothing_behind_it(office: Office) -> None:
    world = office.world
    rubbish = Entry(world.consumer(ALICE, BOB).header, b'{"not":"an envelope"}', "p", world.clock())
    await world.mailboxes.commit([rubbish], [])
    await office.serve(order(services=(Service.EMAIL,)))
    alice, bob = await world.open(ALICE), await world.open(BOB)
    bob_reads = await bob.expect(Deliver)
    await bob.say(Ack(tuple(one.id for one in bob_reads.messages)))
    mid = await alice.send(world.consumer(ALICE, BOB))
    assert [mid] == [got.header.mid for got in await bob.receive()]


async def test_an_order_on_disk_that_cannot_be_read_lifts_no_other(office: Office) -> None:
    await office.serve(order())
    async with connect(office.world.store_url) as store:
        await store.hset(ORDERS, "PTA/0", b"{}")
    async with office.running() as again:
        assert {"PTA/1"} == set(again.relay.orders.suspensions)


async def test_a_suspended_service_is_refused_with_the_orders_reference_and_another_is_not(office: Office) -> None:
    await office.serve(order())
    alice, bob = await office.world.open(ALICE), await office.world.open(BOB)

    await alice.send(office.world.enterprise(ALICE, BOB))
    frame = await alice.expect(Refused)
    assert ("order.suspended", True) == (frame.code, "PTA/1" in frame.detail)
    await alice.send(office.world.consumer(ALICE, BOB))
    await alice.accepted()
    assert C is (await bob.receive())[0].header.channel


async def test_an_order_that_names_customers_stops_theirs_and_no_other(office: Office) -> None:
    await office.serve(order(channels=(E,), orgs=("S50000009",)))
    alice, bob = await office.world.open(ALICE), await office.world.open(BOB)
    await alice.send(office.world.enterprise(ALICE, BOB))
    await alice.accepted()
    await bob.receive()

    await office.serve(order(jti="PTA/2", channels=(E,), orgs=("S50000009", ACME)))
    await alice.send(office.world.enterprise(ALICE, BOB))
    assert "PTA/2" in (await alice.expect(Refused)).detail
    await alice.send(office.world.consumer(ALICE, BOB))
    await alice.accepted()


@pytest.mark.parametrize(
    "said",
    [
        {"channels": (C,), "orgs": (ACME,)},
        {"channels": (C, E), "orgs": (ACME,)},
        {"channels": (E,), "orgs": (ACME, ACME)},
        {"channels": (E,), "orgs": (ACME,), "kind": Kind.DEMAND},
        {"channels": (), "services": (), "orgs": (ACME,), "kind": Kind.WITHDRAW, "lifts": "PTA/0"},
        {"channels": (E,), "orgs": ("acme",)},
    ],
)
def test_customers_stand_in_a_suspension_of_the_enterprise_channel_alone(said: dict[str, object]) -> None:
    token = sign_order(order(**said), PTA)  # type: ignore[arg-type]
    with pytest.raises(Yours, match=r"order\.malformed"):
        verify_order(token, REGULATORS, "1", "PK")


async def test_over_http_it_is_451_and_says_who_blocks(office: Office) -> None:
    await office.serve(order())
    raw = format_envelope(office.world.enterprise(ALICE, BOB))
    proof = sign_request(signing_key(ALICE), ALICE, RELAY, Request("POST", "/v1/messages", raw), office.world.clock())

    url = office.world.url + "/v1/messages"
    async with office.world.http.post(
        url, data=raw, headers={"Authorization": proof}, server_hostname=GATEWAY.host
    ) as response:
        assert 451 == response.status
        assert '<spiffe://tiers.example/gateway/1>; rel="blocked-by"' == response.headers["Link"]
        assert "order.suspended" == (await response.json(content_type=None))["code"]


async def test_until_its_date_an_order_changes_nothing(office: Office) -> None:
    await office.serve(order(nbf=office.world.clock() // 1000 + 60))
    alice = await office.world.open(ALICE)
    await alice.send(office.world.enterprise(ALICE, BOB))
    await alice.accepted()

    office.world.clock.ahead += 60_000
    await alice.send(office.world.enterprise(ALICE, BOB))
    assert "order.suspended" == await alice.refused()


async def test_what_waits_is_kept_and_delivered_after_the_withdrawal(office: Office) -> None:
    alice = await office.world.open(ALICE)
    kept = await alice.send(office.world.enterprise(ALICE, BOB))
    await alice.accepted()
    await office.serve(order())

    bob = await office.world.open(BOB)
    mail = await alice.send(office.world.consumer(ALICE, BOB))
    frame = await bob.hear()
    assert isinstance(frame, Deliver), "and no `drained`: a handset would erase keys that it still needs"
    assert [mail] == [parse_envelope(bytes(one.envelope)).header.mid for one in frame.messages]

    await office.serve(order(Kind.WITHDRAW, jti="PTA/2", lifts="PTA/1"))
    assert isinstance(await bob.expect(Bye), Bye)
    again = await office.world.open(BOB)
    got = await again.receive(2)
    assert {kept, mail} == {one.header.mid for one in got}


async def test_a_handset_that_waits_for_nothing_is_told_that_its_mailbox_is_drained(office: Office) -> None:
    await office.serve(order())
    bob = await office.world.open(BOB)

    assert isinstance(await bob.hear(), Drained)


async def test_an_order_survives_a_restart(office: Office) -> None:
    await office.serve(order())
    async with office.running() as again:
        alice = await again.open(ALICE)
        await alice.send(again.enterprise(ALICE, BOB))
        assert "order.suspended" == await alice.refused()


# ---- who may give one ----


async def test_nobody_but_a_regulator_serves_an_order(office: Office) -> None:
    assert "request.role" == await refused(office, order(), who="court/in")


REFUSED: dict[str, tuple[dict[str, object], SigningKey, str]] = {
    "somebody else's key": ({}, TRA, "order.signature"),
    "another's name": ({"iss": "tra"}, TRA, "order.caller"),
    "a regulator nobody pins": ({"iss": "citc"}, PTA, "order.regulator"),
    "another jurisdiction": ({"jurisdiction": "IN"}, PTA, "order.jurisdiction"),
    "another relay": ({"aud": "2"}, PTA, "order.relay"),
    "nothing named": ({"channels": (), "services": ()}, PTA, "order.malformed"),
    "a channel twice": ({"channels": (E, E)}, PTA, "order.malformed"),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_an_order_that_does_not_verify_is_refused_and_changes_nothing(office: Office, why: str) -> None:
    changes, key, code = REFUSED[why]
    assert code == await refused(office, order(**changes), key)
    assert () == await office.listed()


async def test_a_reference_is_used_once_and_only_its_regulator_lifts_it(office: Office) -> None:
    await office.serve(order())
    assert "order.known" == await refused(office, order())
    theirs = order(Kind.WITHDRAW, jti="TRA/1", iss="tra", lifts="PTA/1")
    assert "order.unknown" == await refused(office, theirs, TRA, "regulator/tra")
    await office.serve(order(Kind.WITHDRAW, jti="PTA/2", lifts="PTA/1"))
    assert "order.unknown" == await refused(office, order(Kind.WITHDRAW, jti="PTA/3", lifts="PTA/1"))
    assert () == await office.listed()


async def test_nothing_but_a_suspension_is_lifted(office: Office) -> None:
    await office.serve(order(Kind.DEMAND, jti="PTA/0"))
    await office.serve(order())
    await office.serve(order(Kind.WITHDRAW, jti="PTA/2", lifts="PTA/1"))
    for lifts in ("PTA/0", "PTA/1", "PTA/2"):
        assert "order.unknown" == await refused(office, order(Kind.WITHDRAW, jti="PTA/3", lifts=lifts))


async def test_a_new_order_may_take_an_earlier_ones_place(office: Office) -> None:
    await office.serve(order())
    later = order(jti="PTA/2", nbf=1 << 33, lifts="PTA/1")
    await office.serve(later)

    assert (sign_order(later, PTA),) == await office.listed()


# ---- log first, act second ----


async def test_an_order_that_cannot_be_logged_does_not_take_effect(office: Office) -> None:
    office.ledger.down = True
    assert "ledger.unavailable" == await refused(office, order())
    assert () == await office.listed()

    office.ledger.down = False
    answered = await office.serve(order())
    assert (Answer.SUSPENDED, [("order.answered", "order.suspended")]) == (answered.outcome, office.ledger.said())


# ---- demands ----


async def test_a_demand_for_what_nobody_holds_is_answered_with_the_recipients_list(office: Office) -> None:
    alice = await office.world.open(ALICE)
    mid = await alice.send(office.world.enterprise(ALICE, BOB))
    await alice.accepted()

    answered = await office.serve(order(Kind.DEMAND))
    assert Answer.NOT_HELD is answered.outcome
    (shown,) = answered.specimens
    assert (mid, (f"org/{ACME}/{BOB}/1", f"org/{ACME}/bes/1")) == (shown.mid, shown.recipients)
    assert [("order.answered", "order.not_held")] == office.ledger.said()


async def test_what_a_demand_shows_is_a_message_that_passed(office: Office) -> None:
    alice = await office.world.open(ALICE)
    passed = await alice.send(office.world.consumer(ALICE, BOB))
    await alice.accepted()
    office.world.carrier.subscribers.discard(BOB)
    await alice.send(office.world.consumer(ALICE, BOB))
    await alice.refused()

    (shown,) = office.world.relay.orders.specimens([C])
    assert passed == shown.mid


async def test_a_demand_for_consumer_contents_is_sent_to_whoever_answers_to_warrants(office: Office) -> None:
    answered = await office.serve(order(Kind.DEMAND, channels=(C,)))

    assert (Answer.BY_WARRANT, ()) == (answered.outcome, answered.specimens)
    assert ("carrier/{carrier}/{from}/{epoch}",) == answered.readers[0].patterns


@pytest.mark.parametrize(
    ("patterns", "answer"),
    [
        ("device/{to}/*", Answer.NOT_HELD),
        ("global/{carrier}/*", Answer.BY_WARRANT),
        ("device/{to}/* escrow/in/{from}/{epoch}", Answer.BY_WARRANT),
    ],
)
def test_what_a_demand_comes_to_is_read_off_the_readers(patterns: str, answer: Answer) -> None:
    demand = VerifiedOrder(order(Kind.DEMAND, channels=(C,)), "", b"")
    assert answer is answer_to(demand, Arrangement(consumer=parse_readers(patterns)))


# ---- nothing but our own errors ----


@given(st.text(max_size=300))
def test_nothing_but_our_own_errors_escapes_from_a_token(token: str) -> None:
    with pytest.raises(TiersError):
        verify_order(token, REGULATORS, "1", "PK")


@given(st.binary(max_size=300))
def test_nothing_but_our_own_errors_escapes_from_signed_claims(payload: bytes) -> None:
    token = PTA.sign_compact({"typ": "order+jws", "kid": "regulator/pta"}, payload)
    with pytest.raises(TiersError):
        verify_order(token, REGULATORS, "1", "PK")


@given(st.text(max_size=60))
def test_nothing_but_our_own_errors_escapes_from_patterns(patterns: str) -> None:
    try:
        read = parse_readers(patterns)
    except Yours:
        return
    assert read.patterns.split() == patterns.split()
