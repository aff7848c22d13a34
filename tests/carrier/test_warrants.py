"""Warrants over the wire: what is served, refused, suspended and ended, and what the log and the relay see of it."""

import asyncio

import msgspec
import pytest

from kits.carrier import APPLICANT, JUDGE, MINUTE, NOW, TARGET, claims, refused, serve, state, statement, warrant
from tiers.carrier.register import WARRANTS
from tiers.wire.api.carrier import Served, WarrantStatus
from tiers.wire.api.gateway import Done
from tiers.wire.errors import Conflict, Forbidden, Missing, Ours, Yours
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.lawful.warrant import Status, Window, apply_for
from tiers.wire.log.leaf import verify_opening, verify_sealed

HOUR = 60 * MINUTE
STRANGER = SigningKey(b"X" * 32)


async def test_a_warrant_is_logged_first_then_the_task_is_set(world):
    said = claims()

    answer = await serve(world, warrant(said))

    assert answer == Served(said.jti, said.liid, 0)
    assert world.ledger.log.facts == ["warrant.served"]
    assert len(world.gateway.tasks) == 1


async def test_the_relay_learns_an_xid_and_no_liid_beside_the_warrant(world):
    said = claims()
    await serve(world, warrant(said))

    (xid,) = world.gateway.tasks

    assert said.liid not in xid
    assert said.jti != xid


@pytest.mark.parametrize(
    ("jws", "code"),
    [
        (apply_for(claims(), APPLICANT, "applicant/cbi"), "warrant.signatures"),
        (warrant(claims(), judge=STRANGER), "warrant.judge"),
        (warrant(claims(), applicant=STRANGER), "warrant.applicant"),
        (warrant(claims(aud="xx")), "warrant.carrier"),
        (warrant(claims(nbf=NOW // 1000 - 90000, exp=NOW // 1000 + 1800)), ""),
        (GeneralJws("", ()), "warrant.signatures"),
    ],
)
async def test_what_is_no_warrant_is_refused_and_the_refusal_is_logged(world, jws, code):
    if not code:
        world.clock.now += HOUR
        code = "warrant.expired"

    error = await refused(serve(world, jws))

    assert error.code == code
    assert world.gateway.calls == []
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.log.leaves] == [("warrant.refused", code)]


async def test_one_signature_twice_is_not_four_eyes(world):
    whole = warrant(claims())

    error = await refused(serve(world, GeneralJws(whole.payload, (whole.signatures[0], whole.signatures[0]))))

    assert (error.code, world.ledger.log.facts) == ("warrant.same_signature", ["warrant.refused"])


async def test_bytes_that_are_no_warrant_are_refused_and_logged(world):
    error = await refused(world.peer("applicant/cbi").ask_raw("POST", "/v1/warrants", b"{}"))

    assert (error.code, world.ledger.log.facts) == ("warrant.malformed", ["warrant.refused"])


@pytest.mark.parametrize("role", ["auditor/cbi", "court/in", "gateway/1", "operator/in"])
async def test_nobody_but_an_applicant_serves_a_warrant(world, role):
    error = await refused(serve(world, warrant(claims()), by=role))

    assert (type(error), error.code) == (Forbidden, "request.role")


async def test_a_warrant_served_twice_is_refused_and_one_task_stands(world):
    jws = warrant(claims())
    await serve(world, jws)

    error = await refused(serve(world, jws))

    assert (type(error), error.code) == (Conflict, "warrant.already_served")
    assert world.ledger.log.facts == ["warrant.served", "warrant.refused"]
    assert len(world.gateway.ever) == 1


async def test_two_warrants_never_share_a_liid(world):
    said = claims()
    await serve(world, warrant(said))

    error = await refused(serve(world, warrant(claims(liid=said.liid))))

    assert error.code == "warrant.liid"


async def test_of_several_warrants_of_one_liid_at_once_the_first_is_kept_and_logged_alone(world):
    said = [claims(liid="IN-T", sub=f"2100000{digit}") for digit in "abc"]
    done = await asyncio.gather(*(serve(world, warrant(one)) for one in said), return_exceptions=True)

    assert ["Served", "warrant.liid", "warrant.liid"] == sorted(getattr(one, "code", "Served") for one in done)
    assert 1 == await world.store.hlen(WARRANTS)
    assert 1 == world.ledger.log.facts.count("warrant.served")


async def test_without_the_log_no_task_is_set(world):
    world.ledger.down = True

    error = await refused(serve(world, warrant(claims())))

    assert isinstance(error, Ours)
    assert world.gateway.calls == []


async def test_a_warrant_is_finished_by_itself_when_the_log_is_back(world):
    world.ledger.down = True
    await refused(serve(world, jws := warrant(claims())))
    world.ledger.down = False

    await world.gateway.holds(1)

    assert world.ledger.log.facts == ["warrant.served"]
    assert (await refused(serve(world, jws))).code == "warrant.already_served"


async def test_a_retry_finishes_what_a_lost_answer_of_the_log_left_half_done(world):
    jws = warrant(claims())
    world.ledger.lose = True
    assert isinstance(await refused(serve(world, jws)), Ours)

    try:
        await serve(world, jws)
    except Conflict:  # the carrier's own sweep was quicker
        await world.ledger.wait_for("warrant.served", "warrant.refused")

    assert world.ledger.log.facts.count("warrant.served") == 1
    assert len(world.gateway.tasks) == 1


async def test_a_retry_finishes_what_a_lost_answer_of_the_relay_left_half_done(world):
    jws = warrant(claims())
    world.gateway.lose = True
    assert isinstance(await refused(serve(world, jws)), Ours)

    try:
        await serve(world, jws)
    except Conflict:
        await world.ledger.wait_for("warrant.served", "warrant.refused")

    assert len(set(world.gateway.ever)) == 1


async def test_a_carrier_that_died_half_way_finishes_after_its_restart(world):
    world.ledger.lose = True
    await refused(serve(world, warrant(said := claims())))

    await world.restart_carrier()
    await world.gateway.holds(1)

    assert [task.warrant for task in world.gateway.tasks.values()] == [
        msgspec.convert(msgspec.to_builtins(warrant(said)), GeneralJws)
    ]


async def test_a_relay_that_refuses_the_target_has_the_warrant_refused_and_may_be_asked_again(world):
    jws = warrant(claims())
    world.gateway.fails = Missing("task.no_target", "nobody has this PIN")

    error = await refused(serve(world, jws))
    world.gateway.fails = None
    answer = await serve(world, jws)

    assert error.code == "task.no_target"
    assert answer.leaf == 0
    assert world.ledger.log.facts == ["warrant.served", "warrant.refused"]


async def test_suspension_reaches_the_relay_before_it_is_answered(world):
    await serve(world, warrant(said := claims()))

    await state(world, said, Status.SUSPENDED, 2)

    assert world.gateway.tasks == {}


async def test_suspension_reaches_the_relay_while_the_log_is_down(world):
    await serve(world, warrant(said := claims()))
    world.ledger.down = True

    await state(world, said, Status.SUSPENDED, 2)

    assert world.gateway.tasks == {}


async def test_a_resumed_warrant_has_a_task_again_under_a_new_xid(world):
    await serve(world, warrant(said := claims()))
    await state(world, said, Status.SUSPENDED, 2)

    await state(world, said, Status.APPROVED, 3)

    assert len(world.gateway.tasks) == 1
    assert len(set(world.gateway.ever)) == 2


async def test_a_cancelled_warrant_never_comes_back(world):
    await serve(world, warrant(said := claims()))
    await state(world, said, Status.CANCELLED, 2)

    error = await refused(state(world, said, Status.APPROVED, 3))

    assert error.code == "warrant.transition"
    assert world.gateway.tasks == {}


async def test_the_relay_is_shown_each_newer_word_of_the_court(world):
    await serve(world, warrant(said := claims()))
    (xid,), (before,) = world.gateway.tasks.keys(), world.gateway.tasks.values()

    await state(world, said, Status.APPROVED, 2, at=NOW + HOUR)

    assert list(world.gateway.tasks) == [xid]
    assert world.gateway.tasks[xid].status != before.status


async def test_a_task_ends_when_the_court_has_been_silent_for_too_long_and_comes_back_with_its_word(world):
    await serve(world, warrant(said := claims(exp=NOW // 1000 + 10 * 24 * 3600)))
    world.clock.now = NOW + 24 * HOUR
    await world.gateway.holds(0)

    await state(world, said, Status.APPROVED, 2, at=world.clock.now)

    await world.gateway.holds(1)
    assert len(set(world.gateway.ever)) == 2


async def test_a_court_that_is_down_for_an_hour_ends_nothing(world):
    await serve(world, warrant(claims(exp=NOW // 1000 + 10 * 24 * 3600)))
    world.clock.now = NOW + HOUR
    assert len(world.gateway.tasks) == 1
    assert world.gateway.calls == ["PUT task"]


async def test_another_court_does_not_speak_for_this_ones_warrant(world):
    (world.folder / "trust" / "judges" / "uk.jwk").write_bytes(msgspec.json.encode(STRANGER.public.jwk()))
    await serve(world, warrant(said := claims()))

    other = await refused(state(world, said, Status.CANCELLED, 2, key=STRANGER, kid="judge/uk"))

    assert other.code == "warrant.judge"
    assert len(world.gateway.tasks) == 1


async def test_a_judge_who_signs_a_window_that_began_eighty_days_ago_is_not_obeyed(world):
    begun = NOW - 80 * 24 * HOUR
    old = claims(nbf=begun // 1000, window=Window(begun, NOW + HOUR), exp=NOW // 1000 + 3600)

    error = await refused(serve(world, warrant(old)))

    assert error.code == "warrant.past"
    assert (world.gateway.calls, world.ledger.log.facts) == ([], ["warrant.refused"])


async def test_an_old_statement_sent_again_changes_nothing(world):
    await serve(world, warrant(said := claims()))
    await state(world, said, Status.SUSPENDED, 2)
    await state(world, said, Status.APPROVED, 3)

    error = await refused(state(world, said, Status.SUSPENDED, 2))

    assert error.code == "warrant.serial"
    assert len(world.gateway.tasks) == 1


async def test_a_statement_is_the_judges_and_about_that_warrant(world):
    await serve(world, warrant(said := claims()))
    about_another = WarrantStatus(statement(claims(), Status.CANCELLED, 1))

    forged = await refused(state(world, said, Status.CANCELLED, 2, key=STRANGER))
    other = await refused(world.peer("court/in").ask("POST", f"/v1/warrants/{said.jti}/status", Done, about_another))

    assert (forged.code, other.code) == ("warrant.judge", "warrant.statement")
    assert len(world.gateway.tasks) == 1


async def test_a_warrant_that_was_cancelled_before_it_was_served_is_refused(world):
    said = claims()
    await state(world, said, Status.CANCELLED, 2)

    error = await refused(serve(world, warrant(said)))

    assert error.code == "warrant.cancelled"
    assert world.gateway.calls == []


async def test_a_statement_is_kept_and_tried_again_while_the_relay_is_down(world):
    await serve(world, warrant(said := claims()))
    world.gateway.fails = Ours("store.unavailable", "down")
    assert isinstance(await refused(state(world, said, Status.CANCELLED, 2)), Ours)
    world.gateway.fails = None

    await state(world, said, Status.CANCELLED, 2)

    assert world.gateway.tasks == {}


async def test_the_clock_ends_the_task_and_then_opens_the_seal(world):
    await serve(world, warrant(said := claims()))

    world.clock.now = said.exp * 1000
    await world.ledger.wait_for("warrant.expired", "seal.opened")

    assert world.gateway.tasks == {}
    served, opened = world.ledger.log.leaves[0], world.ledger.log.leaves[-1]
    assert verify_opening(opened, served).jti == said.jti


async def test_until_then_nobody_can_tell_what_was_sealed_and_then_everybody_can(world):
    await serve(world, warrant(said := claims()))
    sealed = b"".join(world.ledger.log.entries)

    world.clock.now = said.exp * 1000
    await world.ledger.wait_for("seal.opened")

    assert said.jti.encode() not in sealed
    seal = verify_opening(world.ledger.log.leaves[-1], world.ledger.log.leaves[0])
    for leaf in world.ledger.log.leaves:
        assert verify_sealed(leaf, seal)


async def test_facts_that_waited_too_long_for_the_log_are_dated_anew(world):
    await serve(world, warrant(said := claims()))
    world.ledger.down = True
    world.clock.now = said.exp * 1000
    await world.gateway.holds(0)

    world.clock.now += 30 * MINUTE
    world.ledger.down = False

    await world.ledger.wait_for("warrant.expired", "seal.opened")
    assert {leaf.ts for leaf in world.ledger.log.leaves[1:]} == {said.exp * 1000 + 30 * MINUTE}


async def test_whoever_reads_the_store_reads_no_target(world):
    await serve(world, warrant(said := claims()))

    kept = b"".join([*(await world.store.hgetall("carrier:warrants")).values()])

    assert kept
    for secret in (TARGET, said.liid, said.legal_basis):  # the agency's three letters stand in base64 by chance
        assert secret.encode() not in kept


@pytest.mark.parametrize("role", ["operator/in", "auditor/cbi", "court/in", "applicant/cbi", "gateway/1"])
async def test_a_list_of_targets_is_asked_for_in_vain_and_not_in_silence(world, role):
    error = await refused(world.peer(role).ask_raw("GET", "/v1/warrants"))

    assert error.code == "warrant.listing"
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.log.leaves] == [("warrant.refused", "warrant.listing")]


async def test_a_refusal_stands_even_if_the_log_is_down(world):
    world.ledger.down = True

    error = await refused(serve(world, warrant(claims(), judge=STRANGER)))

    page = (await world.peer("operator/in").ask_raw("GET", "/metrics")).decode()
    assert error.code == "warrant.judge"
    assert "tiers_refusals_unlogged 1.0" in page


async def test_a_warrant_served_twice_at_once_is_one_warrant(world):
    jws = warrant(claims())

    answers = await asyncio.gather(serve(world, jws), serve(world, jws), return_exceptions=True)

    assert [answer for answer in answers if not isinstance(answer, (Served, Yours))] == []
    assert world.ledger.log.facts.count("warrant.served") == 1
    assert len(set(world.gateway.ever)) == 1


async def test_applicant_and_judge_are_two_people(world):
    trust = world.folder / "trust" / "judges" / "delhi.jwk"
    trust.write_bytes(msgspec.json.encode(APPLICANT.public.jwk()))
    payload = msgspec.json.encode(said := claims())
    first = apply_for(said, APPLICANT, "applicant/cbi")
    second = APPLICANT.add_signature(payload, {"typ": "warrant+jws", "kid": "judge/delhi"})

    error = await refused(serve(world, GeneralJws(first.payload, (*first.signatures, second))))

    assert (error.code, JUDGE.public == APPLICANT.public) == ("warrant.four_eyes", False)
