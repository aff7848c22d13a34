"""The customer's answer: its policy file decides on a court's order, and its own keys on everything else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kits.lawful import Hands, leaves, verified_log
from tiers.lab.classroom.desk import Desk, Note, Sent, opened
from tiers.lab.world.cast import ACME, ADMINISTRATORS, GLOBEX, handset, party
from tiers.lab.world.world import booted
from tiers.wire.api.enterprise import Decision, NewPassword, Order, Password, Reason
from tiers.wire.errors import Forbidden, Missing, TiersError
from tiers.wire.lawful.warrant import Window
from tiers.wire.message.envelope import BesKid, Channel, DeviceKid, Service, parse_kid

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ASKED = Reason.THIRD_PARTY_DATA_REQUEST
ACME_PARTY = party("acme").identity


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("orders") / "w"
    async with booted(root) as world, opened(world) as running:
        yield running


def policy(desk: Desk, **answers: str) -> None:
    """Write the customer's policy file, as its administrator does with an editor."""
    path = desk.world.state("acme") / "policy.toml"
    path.touch(mode=0o600)
    path.write_text("[orders]\n" + "".join(f'{reason} = "{answer}"\n' for reason, answer in answers.items()))


async def says(desk: Desk, sender: str, to: str, text: str) -> Sent:
    sent = await desk.send(Note(sender, to, Channel.ENTERPRISE, Service.BBM, text))
    got = await desk.received(to)
    assert (sent.mid, text.encode()) == (got.mid, got.content)
    return sent


def generations(sent: Sent) -> tuple[int, int]:
    """Of the receiver's device and of the customer's key server, as a message's recipients name them."""
    kids = [parse_kid(one.header.kid) for one in sent.envelope.jwe.recipients]
    (device,) = [kid.generation for kid in kids if isinstance(kid, DeviceKid)]
    (server,) = [kid.generation for kid in kids if isinstance(kid, BesKid)]
    return device, server


# Orders


async def test_the_policy_file_answers_and_every_answer_is_logged(desk: Desk) -> None:
    sent = await says(desk, "priya", "quentin", "the Q3 numbers")
    order = Order("CC/15/2013", ASKED, mid=sent.mid)
    before = len(leaves(desk.world))
    answers = []
    for said in ({}, {ASKED: "disclose"}, {ASKED: "refuse"}, {Reason.PROVIDER_INITIATED_REVIEW: "disclose"}):
        policy(desk, **said)
        answers.append(await desk.order(ACME, order))

    assert ["refuse", "disclose", "refuse", "refuse"] == [answer.decision for answer in answers]
    assert [[], ["the Q3 numbers"], [], []] == [[one.content for one in answer.messages] for answer in answers]
    await verified_log(desk.world)
    logged = leaves(desk.world)[before:]
    details = ["order.refused", "order.disclosed", "order.refused", "order.refused"]
    assert [("order.answered", detail, ACME_PARTY.uri) for detail in details] == [
        (leaf.type, leaf.detail, leaf.party) for leaf in logged
    ]
    assert [answer.leaf for answer in answers] == list(range(before, before + 4))


async def test_an_order_reaches_one_handsets_messages_of_its_window_and_no_others(desk: Desk) -> None:
    policy(desk, **{ASKED: "disclose"})
    start = desk.world.clock.turn(1)
    inside = await says(desk, "quentin", "priya", "inside the window")
    await says(desk, "ravi", "quentin", "somebody else's")
    desk.world.clock.turn(1)
    await says(desk, "priya", "quentin", "a minute later")

    start -= start % 60_000
    window = Window(start, start + 60_000)
    answer = await desk.order(ACME, Order("CC/16/2013", ASKED, pin=handset("priya").pin, window=window))

    assert [inside.mid] == [one.mid for one in answer.messages]


async def test_an_order_to_one_customer_does_not_reach_anothers_messages(desk: Desk) -> None:
    policy(desk, **{ASKED: "disclose"})
    sent = await desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "not the customer's"))
    await desk.received("bob")

    answer = await desk.order(ACME, Order("CC/17/2013", ASKED, mid=sent.mid))

    assert (Decision.DISCLOSE, (), ()) == (answer.decision, answer.messages, answer.unreadable)


@pytest.mark.parametrize("who", ["applicant/cbi", "auditor/cbi", "carrier/in", "gateway/1", "judge/delhi"])
async def test_only_a_court_orders(desk: Desk, who: str) -> None:
    with pytest.raises(Forbidden, match=r"^request\.role"):
        await Hands(desk).peer(who, "acme").ask_raw("POST", "/v1/orders", Order("CC/18/2013", ASKED, mid="x"))


# Revoking a device


async def test_a_revoked_device_is_shut_out_and_keeps_what_it_has(desk: Desk) -> None:
    policy(desk, **{ASKED: "disclose"})
    old = await says(desk, "priya", "ravi", "before he is shut out")
    ravi = desk.devices["ravi"]

    await desk.revoke(ACME, "ravi")

    with pytest.raises(Missing, match=r"^directory\.unknown"):  # new messages: nobody seals to it any more
        await desk.send(Note("priya", "ravi", Channel.ENTERPRISE, Service.BBM, "after"))
    with pytest.raises(TiersError, match=r"^request\.proof"):  # nor does it learn whom to seal to
        await desk.send(Note("ravi", "priya", Channel.ENTERPRISE, Service.BBM, "after"))
    assert old.note.text == (await desk.read(ACME, old.mid)).content  # old messages: the customer reads on,
    assert old.note.text.encode() in [one.content for one in ravi._store.messages()]  # and so does the handset


async def test_a_device_that_is_let_in_again_gets_a_new_generation(desk: Desk) -> None:
    before, _ = generations(await says(desk, "priya", "quentin", "to the first generation"))
    await desk.revoke(ACME, "quentin")
    administrator = desk.as_(ADMINISTRATORS[ACME]).peer("acme")
    asked = NewPassword(handset("quentin").pin)
    password = await administrator.ask("POST", "/v1/passwords", Password, asked)

    await desk.devices["quentin"].activate(password.password)
    await desk.online("quentin")  # its last session ended for good

    after, _ = generations(await says(desk, "priya", "quentin", "to the next"))
    assert before + 1 == after


# Rotating the customer's key, and the kill switch


async def test_after_a_rotation_new_messages_are_sealed_to_the_new_key_and_old_ones_still_open(desk: Desk) -> None:
    old = await says(desk, "priya", "quentin", "under the old key")

    rotated = await desk.rotate(ACME, destroy=False)
    new = await says(desk, "priya", "quentin", "under the new key")

    assert (generations(old)[1] + 1, ()) == (rotated.generation, rotated.destroyed)
    assert rotated.generation == generations(new)[1]
    for sent in (old, new):
        assert sent.note.text == (await desk.read(ACME, sent.mid)).content


async def test_after_the_kill_switch_no_order_and_no_administrator_opens_an_old_message(desk: Desk) -> None:
    policy(desk, **{ASKED: "disclose"})
    old = await says(desk, "gita", "priya", "the terms of the merger")

    rotated = await desk.rotate(ACME, destroy=True)
    new = await says(desk, "quentin", "priya", "life goes on")

    with pytest.raises(Forbidden, match=r"^read\.key_destroyed"):
        await desk.read(ACME, old.mid)
    answer = await desk.order(ACME, Order("CC/19/2013", ASKED, mid=old.mid))
    assert ([], [(old.mid, "read.key_destroyed")]) == (
        list(answer.messages),
        [(one.mid, one.code) for one in answer.unreadable],
    )
    keys = sorted(path.name for path in desk.world.state("acme").glob("bes-*.key"))
    assert [f"bes-{rotated.generation}.key"] == keys
    assert new.note.text == (await desk.read(ACME, new.mid)).content  # what came after opens,
    assert old.note.text in (await desk.read(GLOBEX, old.mid)).content  # and so does the other customer's copy
