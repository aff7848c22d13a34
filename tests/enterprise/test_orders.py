import sqlite3
from hashlib import sha256

import msgspec
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st

from kits.enterprise import ACME, ALICE, BOB, ERIN, GLOBEX, NOW, outcome
from tiers.enterprise.orders import (
    MAX_BYTES,
    MAX_MESSAGES,
    Message,
    OrderPolicy,
    Page,
    Traffic,
    decide,
    page_of,
    parse_policy,
    subject_of,
)
from tiers.wire.api.enterprise import Decision, Opened, Order, OrderAnswer, Reason, Rotate, Rotated, Unreadable
from tiers.wire.errors import Forbidden, Ours, TiersError, Yours
from tiers.wire.lawful.warrant import Window
from tiers.wire.log.leaf import Seal, verify_sealed

DISCLOSE = '[orders]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n'
THIRD_PARTY = Reason.THIRD_PARTY_DATA_REQUEST


async def serve(customer, order: Order, who: str = "court/in") -> OrderAnswer:
    return await customer.ask(who, "POST", "/v1/orders", OrderAnswer, order)


@pytest.fixture
async def letters(town, acme, alice):
    """Three messages between Alice and Bob, a minute apart."""
    bob = await acme.hire(BOB)
    mids = []
    for writer, to in ((alice, BOB), (bob, ALICE), (alice, BOB)):
        mid, envelope = await writer.write(to, f"letter {len(mids)}".encode())
        await writer.journal(envelope)
        mids.append(mid)
        town.clock.now += 60_000
    return mids


async def test_without_a_policy_every_order_is_refused_and_the_refusal_is_logged(town, acme, letters):
    said = await serve(acme, Order("CC/12/2013", THIRD_PARTY, mid=letters[0]))
    assert said == OrderAnswer("CC/12/2013", Decision.REFUSE, 0)
    leaf = town.log.leaves[0]
    assert (leaf.type, leaf.detail, leaf.agency, leaf.jurisdiction) == (
        "order.answered",
        "order.refused",
        "court-in",
        "IN",
    )
    assert leaf.party == f"spiffe://tiers.example/customer/{ACME}"


async def test_what_the_policy_discloses_is_logged_and_then_opened(town, acme, letters):
    acme.policy(DISCLOSE)
    said = await serve(acme, Order("CC/12/2013", THIRD_PARTY, mid=letters[0]))
    assert said.messages == (Opened(letters[0], ALICE, BOB, NOW, "letter 0"),)
    assert (said.decision, said.leaf, said.unreadable) == (Decision.DISCLOSE, 0, ())
    assert town.log.leaves[0].detail == "order.disclosed"


async def test_another_reason_than_the_policys_is_refused(acme, letters):
    acme.policy(DISCLOSE)
    said = await serve(acme, Order("CC/13/2013", Reason.PROVIDER_INITIATED_REVIEW, mid=letters[0]))
    assert (said.decision, said.messages) == (Decision.REFUSE, ())


async def test_a_window_is_answered_with_exactly_its_messages(acme, letters):
    acme.policy(DISCLOSE)
    for start, until, expected in ((0, 1, [0]), (0, 60_001, [0, 1]), (1, 120_000, [1]), (0, 120_001, [0, 1, 2])):
        window = Window(NOW + start, NOW + until)
        said = await serve(acme, Order("CC/14/2013", THIRD_PARTY, pin=BOB, window=window))
        assert [message.mid for message in said.messages] == [letters[number] for number in expected]
    other = await serve(acme, Order("CC/14/2013", THIRD_PARTY, pin=ERIN, window=Window(0, NOW * 2)))
    assert other.messages == ()


async def test_the_policy_is_read_anew_for_each_order(acme, letters):
    order = Order("CC/15/2013", THIRD_PARTY, mid=letters[0])
    answers = []
    for text in ("", DISCLOSE, DISCLOSE.replace("disclose", "refuse")):
        acme.policy(text)
        answers.append((await serve(acme, order)).decision)
    assert answers == [Decision.REFUSE, Decision.DISCLOSE, Decision.REFUSE]


@pytest.mark.parametrize("fault", ["down", "unwitnessed"])
@pytest.mark.parametrize("policy", ["", DISCLOSE])
async def test_while_the_log_fails_no_answer_leaves(town, acme, letters, policy, fault):
    acme.policy(policy)
    setattr(town.log, fault, True)
    with pytest.raises(Ours, match=r"^ledger\."):
        await serve(acme, Order("CC/16/2013", THIRD_PARTY, mid=letters[0]))
    setattr(town.log, fault, False)
    assert (await serve(acme, Order("CC/16/2013", THIRD_PARTY, mid=letters[0]))).reference == "CC/16/2013"


async def test_nothing_is_opened_before_the_log_has_it(town, acme, letters, monkeypatch):
    acme.policy(DISCLOSE)
    logged = []
    real = acme.keys.key
    monkeypatch.setattr(acme.keys, "key", lambda generation: logged.append(len(town.log.entries)) or real(generation))
    await serve(acme, Order("CC/17/2013", THIRD_PARTY, mid=letters[0]))
    assert logged == [1]


async def test_a_broken_policy_discloses_nothing_and_is_not_the_courts_fault(town, acme, letters, events):
    acme.policy("[orders]\nTHIRD_PARTY_DATA_REQUEST = true\n")
    with pytest.raises(Ours, match=r"^order\.policy"):
        await serve(acme, Order("CC/18/2013", THIRD_PARTY, mid=letters[0]))
    assert town.log.entries == []
    assert "order.policy" in {event["event"] for event in events}


async def test_destroyed_keys_leave_nothing_to_disclose(acme, letters):
    acme.policy(DISCLOSE)
    await acme.administer("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    said = await serve(acme, Order("CC/19/2013", THIRD_PARTY, pin=ALICE, window=Window(NOW, NOW * 2)))
    assert said.messages == ()
    assert said.unreadable == tuple(Unreadable(mid, "read.key_destroyed") for mid in letters)


async def test_an_order_for_a_message_that_is_not_there_is_answered_with_nothing(town, acme):
    acme.policy(DISCLOSE)
    said = await serve(acme, Order("CC/20/2013", THIRD_PARTY, mid=str(uuid_utils.uuid7())))
    assert (said.decision, said.messages, len(town.log.entries)) == (Decision.DISCLOSE, (), 1)


async def test_the_log_names_nobody_and_the_customer_can_show_what_was_sealed(town, acme, letters):
    order = Order("CC/21/2013", THIRD_PARTY, pin=ALICE, window=Window(NOW, NOW + 1))
    await serve(acme, order)
    entry = town.log.entries[0].decode()
    assert [word for word in (ALICE, BOB, "CC/21/2013", *letters) if word in entry] == []
    rows = sqlite3.connect(acme.folder / "enterprise.db")
    try:
        reference, salt, digest = rows.execute("SELECT reference, salt, digest FROM orders WHERE leaf = 0").fetchone()
    finally:
        rows.close()
    assert digest == sha256(msgspec.json.encode(order)).digest()
    assert verify_sealed(town.log.leaves[0], Seal(salt, reference, digest)) == town.log.leaves[0]


async def test_only_a_court_orders(town, acme, letters):
    acme.policy(DISCLOSE)
    order = Order("CC/22/2013", THIRD_PARTY, mid=letters[0])
    for who in (f"administrator/{ACME}", f"customer/{GLOBEX}", "carrier/in", "auditor/cbi", "gateway/1", "judge/delhi"):
        with pytest.raises(Forbidden, match=r"^request\.role"):
            await serve(acme, order, who)
    assert town.log.entries == []


async def test_what_is_disclosed_is_in_no_log_and_no_repr(acme, letters, events):
    acme.policy(DISCLOSE)
    said = await serve(acme, Order("CC/23/2013", THIRD_PARTY, mid=letters[0]))
    assert "letter 0" not in repr(events) + repr(said)


@pytest.mark.parametrize(
    "text",
    [
        '[orders]\nTHIRD_PARTY_DATA_REQUST = "disclose"\n',
        '[orders]\nTHIRD_PARTY_DATA_REQUEST = "yes"\n',
        '[order]\nTHIRD_PARTY_DATA_REQUEST = "disclose"\n',
        "orders = 1",
        "[orders",
        "\xff",
    ],
)
def test_a_policy_with_a_mistake_in_it_is_no_policy(text):
    with pytest.raises(Yours, match=r"^order\.policy"):
        parse_policy(text.encode("latin-1"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.none())
def test_nothing_but_our_own_error_escapes_from_a_policy(raw):
    done = outcome(lambda: parse_policy(raw))
    assert isinstance(done, OrderPolicy) or done.code == "order.policy"


@given(st.dictionaries(st.sampled_from(Reason), st.sampled_from(Decision)), st.sampled_from(Reason))
def test_an_order_is_disclosed_only_where_the_policy_says_so(table, reason):
    decision = decide(OrderPolicy(table), Order("x", reason, mid=str(uuid_utils.uuid7())))
    assert (decision is Decision.DISCLOSE) == (table.get(reason) is Decision.DISCLOSE)


windows = st.none() | st.builds(Window, st.integers(), st.integers())


@given(st.none() | st.just(str(uuid_utils.uuid7())), st.none() | st.just(ALICE), windows)
def test_an_order_reaches_one_message_or_one_pins_window(mid, pin, window):
    shape = (mid is not None, pin is not None, window is not None)
    done = outcome(lambda: subject_of(Order("x", THIRD_PARTY, mid, pin, window)))
    if shape == (True, False, False):
        assert done == Message(mid)
    elif shape == (False, True, True) and 0 <= window.start < window.until < 1 << 63:
        assert done == Traffic(ALICE, window.start, window.until)
    else:
        assert done.code == ("order.window" if shape == (False, True, True) else "order.subject")


@given(st.lists(st.integers(1, 2 * MAX_BYTES), max_size=12))
def test_a_page_is_bounded_and_pages_in_turn_leave_nothing_out(sizes):
    found = [(str(n), size) for n, size in enumerate(sizes)]
    pages, at = [], 0
    while at < len(found):
        page = page_of(found[at:])
        assert page.mids
        assert len(page.mids) == 1 or sum(sizes[int(mid)] for mid in page.mids) <= MAX_BYTES
        at += len(page.mids)
        assert page.next == (page.mids[-1] if at < len(found) else None)
        pages += page.mids
    assert pages == [mid for mid, _ in found]
    assert page_of([(str(n), 1) for n in range(MAX_MESSAGES + 1)]).next == str(MAX_MESSAGES - 1)
    assert page_of([]) == Page(())


async def test_rubbish_of_one_minute_makes_no_order_too_wide_and_every_page_is_logged(town, acme, alice, monkeypatch):
    monkeypatch.setattr("tiers.enterprise.orders.MAX_MESSAGES", 4)
    monkeypatch.setattr("tiers.enterprise.clerk.MAX_MESSAGES", 4)
    await acme.hire(BOB)
    mids = []
    for n in range(10):  # one time, as the attack had it
        mid, envelope = await alice.write(BOB, f"rubbish {n}".encode())
        await alice.journal(envelope)
        mids.append(mid)
    acme.policy(DISCLOSE)
    got, after = [], None
    while True:
        order = Order("CC/1", THIRD_PARTY, pin=ALICE, window=Window(NOW, NOW + 60_000), after=after)
        said = await serve(acme, order)
        got += [one.mid for one in said.messages]
        if (after := said.next) is None:
            break
    assert sorted(mids) == got
    assert [leaf.detail for leaf in town.log.leaves] == ["order.disclosed"] * 3


async def test_an_order_that_cannot_be_answered_is_refused_in_the_log_too(town, acme, letters):
    acme.policy(DISCLOSE)
    orders = [
        (Order("CC/1", THIRD_PARTY), "order.subject"),
        (Order("CC/2", THIRD_PARTY, mid=letters[0], after=letters[0]), "order.subject"),
        (Order("CC/3", THIRD_PARTY, pin=ALICE, window=Window(5, 5)), "order.window"),
        (Order("CC/4", THIRD_PARTY, pin=ALICE, window=Window(0, 9), after=str(uuid_utils.uuid7())), "order.after"),
    ]
    for order, code in orders:
        with pytest.raises(Yours, match=f"^{code}"):
            await serve(acme, order)
    assert [leaf.detail for leaf in town.log.leaves] == ["order.refused"] * len(orders)


@given(st.binary(max_size=300))
def test_nothing_but_our_own_errors_escapes_from_an_order(raw):
    from tiers.wire.encoding import parse_json

    with pytest.raises(TiersError):
        subject_of(parse_json(Order, raw, "request.malformed"))
