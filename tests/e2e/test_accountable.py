"""Accountable access, on real processes: every way in that is not the way in has its own code and a ledger entry."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from kits.lawful import (
    APPLICANT,
    AUDITOR,
    CARRIER,
    COURT,
    GATEWAY,
    Hands,
    claims,
    leaves,
    logged_since,
    nonce,
    refused_and_logged,
    verified_log,
)
from tiers.lab.classroom.desk import opened
from tiers.lab.world.cast import handset, party
from tiers.lab.world.world import booted
from tiers.wire.api.carrier import Product
from tiers.wire.api.court import Apply, Entry
from tiers.wire.api.gateway import ActivateTask, Done
from tiers.wire.encoding import b64u
from tiers.wire.errors import Missing
from tiers.wire.identity import parse_identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.warrant import Claims, apply_for, seal_of
from tiers.wire.log.checkpoint import LogSigner, ProofOfLogging, WitnessSigner, verify_signed
from tiers.wire.log.leaf import encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

STRANGER = SigningKey(b"X" * 32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hands(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hands]:
    root: Path = tmp_path_factory.mktemp("accountable") / "w"
    async with booted(root) as world, opened(world) as desk:
        yield Hands(desk)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(hands: Hands) -> Claims:
    """A good warrant on Alice, served; its first minutes have passed."""
    said = claims(hands.world, "alice", start=0, minutes=30)
    await hands.serve(hands.sign(said))
    hands.world.clock.turn(3)
    return said


def ask(said: Claims, first: int = 0, last: int = 1) -> AskGrant:
    """Ask for the minutes [first, last) of a warrant's window."""
    start = said.window.start
    return AskGrant(said.jti, start + first * EPOCH_MS, start + last * EPOCH_MS, nonce())


# Warrants that are none


def forged_judge(hands: Hands) -> GeneralJws:
    return hands.sign(claims(hands.world), judge=STRANGER)


def one_signature_twice(hands: Hands) -> GeneralJws:
    good = hands.sign(claims(hands.world))
    return GeneralJws(good.payload, (good.signatures[0], good.signatures[0]))


def applicant_as_judge(hands: Hands) -> GeneralJws:
    return hands.sign(claims(hands.world), judge=hands.world.applicant_key())


def no_judge(hands: Hands) -> GeneralJws:
    good = hands.sign(claims(hands.world))
    return GeneralJws(good.payload, good.signatures[:1])


def expired(hands: Hands) -> GeneralJws:
    old = claims(hands.world, start=-10, minutes=5)
    return hands.sign(msgspec.structs.replace(old, exp=old.window.until // 1000))


def wrong_carrier(hands: Hands) -> GeneralJws:
    return hands.sign(claims(hands.world, aud="uk"))


def subject_changed_after_signing(hands: Hands) -> GeneralJws:
    said = claims(hands.world, "alice")
    other = msgspec.structs.replace(said, sub=handset("bob").pin)
    return GeneralJws(b64u(msgspec.json.encode(other)), hands.sign(said).signatures)


BAD = [
    (forged_judge, "warrant.judge"),
    (one_signature_twice, "warrant.same_signature"),
    (applicant_as_judge, "warrant.four_eyes"),
    (no_judge, "warrant.signatures"),
    (expired, "warrant.expired"),
    (wrong_carrier, "warrant.carrier"),
    (subject_changed_after_signing, "warrant.applicant"),
]
CASES = [pytest.param(make, code, id=make.__name__) for make, code in BAD]


@pytest.mark.parametrize(("make", "code"), CASES)
async def test_the_carrier_refuses_a_warrant_that_is_none(
    hands: Hands, make: Callable[[Hands], GeneralJws], code: str
) -> None:
    leaf = await refused_and_logged(hands.world, hands.serve(make(hands)), code, "warrant.refused")

    assert "cbi" == leaf.agency


@pytest.mark.parametrize(("make", "code"), CASES)
async def test_the_relay_refuses_it_too_though_a_rogue_carrier_logged_it(
    hands: Hands, make: Callable[[Hands], GeneralJws], code: str
) -> None:
    order = await hands.order(make(hands))

    await refused_and_logged(hands.world, hands.task(order), code, "task.refused", GATEWAY)


async def test_a_judge_who_signs_today_a_window_that_began_eighty_days_ago_is_obeyed_by_nobody(hands: Hands) -> None:
    begun = claims(hands.world, start=-80 * 24 * 60, minutes=80 * 24 * 60 + 10)
    application = apply_for(begun, hands.world.applicant_key(), str(APPLICANT))
    applying = hands.peer(APPLICANT, "court").ask("POST", "/v1/applications", Entry, Apply(application))
    order = await hands.order(hands.sign(begun))

    await refused_and_logged(hands.world, applying, "warrant.past", "warrant.refused", COURT)
    await refused_and_logged(hands.world, hands.serve(hands.sign(begun)), "warrant.past", "warrant.refused")
    await refused_and_logged(hands.world, hands.task(order), "warrant.past", "task.refused", GATEWAY)


# Athens: a task without a warrant, with every certificate and the ledger at hand


@pytest.mark.parametrize("body", [b"", b"{}", b'{"warrant":null,"evidence":null,"status":null}'])
async def test_the_relay_sets_no_task_without_a_warrant(hands: Hands, body: bytes) -> None:
    await refused_and_logged(hands.world, hands.task(body), "task.no_warrant", "task.refused", GATEWAY)


async def test_the_relay_sets_no_task_on_bob_with_the_evidence_for_alices_warrant(hands: Hands) -> None:
    alice, bob = claims(hands.world, "alice"), claims(hands.world, "bob")
    order = ActivateTask(hands.sign(bob), await hands.logged(alice), hands.word(bob))

    await refused_and_logged(hands.world, hands.task(order), "leaf.wrong_commitment", "task.refused", GATEWAY)


@pytest.mark.parametrize(
    ("by", "kind", "code"),
    [
        (CARRIER, "warrant.expired", "evidence.type"),
        (parse_identity("carrier/uk"), "warrant.served", "evidence.party"),
    ],
    ids=["a leaf that says something else", "a leaf by somebody else"],
)
async def test_the_relay_sets_no_task_on_another_leaf_than_the_carriers_own(
    hands: Hands, by: object, kind: str, code: str
) -> None:
    said = claims(hands.world)
    order = ActivateTask(hands.sign(said), await hands.logged(said, by, kind), hands.word(said))

    await refused_and_logged(hands.world, hands.task(order), code, "task.refused", GATEWAY)


async def test_the_relay_sets_no_task_on_a_log_of_the_carriers_own(hands: Hands) -> None:
    said = claims(hands.world)
    shown = await hands.logged(said)
    entry = shown.leaf.encode()
    origin = shown.checkpoint.split("\n")[0]
    log, witness = LogSigner(origin, STRANGER), WitnessSigner("tiers.example/witness/w1", STRANGER)
    note = log.sign(TreeHead(1, leaf_hash(entry)))
    note += witness.cosign(verify_signed(note, log.key), hands.world.clock.now() // 1000)
    order = ActivateTask(hands.sign(said), ProofOfLogging(0, entry.decode(), (), note), hands.word(said))

    await refused_and_logged(hands.world, hands.task(order), "checkpoint.unsigned", "task.refused", GATEWAY)


# Grants


async def test_without_a_warrant_no_key_and_no_product_leaves(hands: Hands) -> None:
    unknown = claims(hands.world)
    path = f"/v1/warrants/{unknown.jti}/product?after=0"
    product = hands.peer(AUDITOR, "carrier").ask("GET", path, Product)

    await refused_and_logged(hands.world, hands.grant(ask(unknown)), "grant.no_warrant", "grant.refused")
    await refused_and_logged(hands.world, product, "product.no_warrant", "warrant.refused")


@pytest.mark.parametrize(("first", "last"), [(-1, 0), (-1, 1), (29, 31), (30, 31)])
async def test_no_key_leaves_for_a_minute_outside_the_window(
    hands: Hands, served: Claims, first: int, last: int
) -> None:
    await refused_and_logged(hands.world, hands.grant(ask(served, first, last)), "grant.window", "grant.refused")


async def test_no_key_leaves_for_a_minute_that_has_not_passed(hands: Hands, served: Claims) -> None:
    await refused_and_logged(hands.world, hands.grant(ask(served, 0, 20)), "grant.future", "grant.refused")


async def test_a_grant_request_is_good_once(hands: Hands, served: Claims) -> None:
    asked = ask(served)
    await hands.grant(asked)

    await refused_and_logged(hands.world, hands.grant(asked), "grant.replayed", "grant.refused")


async def test_another_agency_gets_nothing_on_this_ones_warrant(hands: Hands, served: Claims) -> None:
    other = "auditor/nia"
    path = f"/v1/warrants/{served.jti}/product?after=0"
    product = hands.peer(other, "carrier").ask("GET", path, Product)

    leaf = await refused_and_logged(hands.world, hands.grant(ask(served), other), "grant.agency", "grant.refused")
    await refused_and_logged(hands.world, product, "product.agency", "warrant.refused")

    assert "nia" == leaf.agency


@pytest.mark.parametrize(("verb", "code"), [("suspension", "warrant.suspended"), ("cancellation", "warrant.cancelled")])
async def test_a_warrant_that_the_court_stopped_gives_no_key_and_is_not_served_again(
    hands: Hands, verb: str, code: str
) -> None:
    desk, world = hands.desk, hands.world
    world.clock.turn(1)  # to the start of a minute
    jti, unserved = [await desk.apply("bob", claims(world).services, minutes=5) for _ in range(2)]
    for one in (jti, unserved):
        await desk.decide(one, "approval")
    await desk.serve(jti)
    start = world.clock.now() // EPOCH_MS * EPOCH_MS
    world.clock.turn(1)
    for one in (jti, unserved):
        await desk.decide(one, verb)
    asked = AskGrant(jti, start, start + EPOCH_MS, nonce())
    entry = await hands.peer(APPLICANT, "court").ask("GET", f"/v1/warrants/{unserved}", Entry)

    await refused_and_logged(world, hands.grant(asked), code, "grant.refused")
    await refused_and_logged(world, hands.serve(entry.warrant), code, "warrant.refused")


async def test_an_expired_warrant_gives_no_key_for_the_minutes_that_it_covered(hands: Hands) -> None:
    hands.world.clock.turn(1)  # to the start of a minute
    said = claims(hands.world, "bob", minutes=1)
    said = msgspec.structs.replace(said, exp=said.window.until // 1000)
    await hands.serve(hands.sign(said))
    hands.world.clock.turn(1)

    await refused_and_logged(hands.world, hands.grant(ask(said)), "warrant.expired", "grant.refused")


# The wrong role


@pytest.mark.parametrize(
    ("name", "method", "path", "kind"),
    [
        ("gateway", "PUT", "/v1/tasks/{jti}", "task.refused"),
        ("gateway", "DELETE", "/v1/tasks/{jti}", "task.refused"),
        ("carrier", "POST", "/v1/warrants", "warrant.refused"),
        ("carrier", "POST", "/v1/warrants/{jti}/status", "warrant.refused"),
        ("carrier", "GET", "/v1/warrants/{jti}/product", "warrant.refused"),
        ("carrier", "POST", "/v1/grants", "grant.refused"),
    ],
)
async def test_who_asks_for_interception_in_a_wrong_role_stands_in_the_log(
    hands: Hands, served: Claims, name: str, method: str, path: str, kind: str
) -> None:
    asking = hands.peer("operator/in", name).ask(method, path.format(jti=served.jti), msgspec.Raw, b"{}")

    await refused_and_logged(hands.world, asking, "request.role", kind, party(name).identity)


# Salt Typhoon: nobody is given a list of targets


@pytest.mark.parametrize("who", ["carrier/in", "gateway/1", "court/in", "auditor/cbi", "applicant/cbi", "operator/in"])
async def test_nobody_lists_the_carriers_warrants(hands: Hands, served: Claims, who: str) -> None:
    listing = hands.peer(who, "carrier").ask("GET", "/v1/warrants", msgspec.Raw)

    await refused_and_logged(hands.world, listing, "warrant.listing", "warrant.refused")


@pytest.mark.parametrize("who", ["gateway/1", "court/in", "auditor/cbi", "applicant/cbi", "operator/in", "carrier/uk"])
async def test_nobody_lists_the_relays_targets(hands: Hands, served: Claims, who: str) -> None:
    listing = hands.peer(who, "gateway").ask("GET", "/v1/tasks", msgspec.Raw)
    if who == "carrier/uk":  # another carrier may ask, and has set nothing
        assert b'{"tasks":[]}' == bytes(await listing)
        return

    await refused_and_logged(hands.world, listing, "task.listing", "task.refused", GATEWAY)


async def test_not_even_the_carrier_gets_a_target_out_of_the_relay(hands: Hands, served: Claims) -> None:
    own = bytes(await hands.peer(CARRIER, "gateway").ask("GET", "/v1/tasks", msgspec.Raw))

    assert served.sub.encode() not in own
    assert served.liid.encode() not in own
    query = hands.peer(CARRIER, "gateway").ask("GET", f"/v1/tasks?sub={served.sub}", msgspec.Raw)
    await refused_and_logged(hands.world, query, "task.listing", "task.refused", GATEWAY)


# The order of acts, and the log as a whole


async def test_the_log_has_the_warrant_before_the_task_and_names_no_target(hands: Hands) -> None:
    before = len(leaves(hands.world))
    said = claims(hands.world, "mallory")
    done = await hands.serve(hands.sign(said))

    hands.world.clock.turn(1)
    new = await logged_since(hands.world, before, "task.activated", seal_of(said).commit())
    assert done.leaf == before
    assert ["warrant.served", "task.activated"] == [leaf.type for leaf in new]
    assert [CARRIER.uri, GATEWAY.uri] == [leaf.party for leaf in new]
    assert not any(said.sub in encode_leaf(leaf).decode() for leaf in leaves(hands.world))
    await verified_log(hands.world)


async def test_a_task_ends_by_its_own_carriers_word_only(hands: Hands, served: Claims) -> None:
    (xid, *_) = [task.xid for task in (await hands.tasks()).tasks]
    with pytest.raises(Missing):
        await hands.peer("carrier/uk", "gateway").ask("DELETE", f"/v1/tasks/{xid}", Done)
    assert xid in [task.xid for task in (await hands.tasks()).tasks]
