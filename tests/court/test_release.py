"""The court's half, over real TLS: logged before it leaves, for the warrant's minutes, and only while it stands."""

import os
from collections.abc import Awaitable
from dataclasses import replace

import msgspec
import pytest

from court.conftest import AUDITOR, CourtWorld, application_of
from kits.court import ALICE, JTI, JUDGE, MINUTE, NOW, claims_json
from tiers.wire.api.carrier import Granted
from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.lawful.evidence import verify_evidence
from tiers.wire.lawful.grant import Grant, open_grant
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.warrant import Claims, Status

START, UNTIL = NOW, NOW + 3 * MINUTE


def ask(start: int = START, until: int = UNTIL, jti: str = JTI, nonce: str = "") -> AskGrant:
    return AskGrant(jti, start, until, nonce or b64u(os.urandom(16)))


async def half(world: CourtWorld, asked: AskGrant | None = None, by: str = "auditor/cbi") -> Grant:
    answer = await world.peer(by).ask("POST", "/v1/grants", Granted, asked or ask())
    return open_grant(bytes(answer.grant), AUDITOR, {"judge/delhi": JUDGE.public})


async def refusal(asking: Awaitable[object]) -> str:
    with pytest.raises(TiersError) as refused:
        await asking
    return refused.value.code


@pytest.fixture
async def approved(world: CourtWorld) -> CourtWorld:
    await world.apply()
    await world.decide("approval")
    world.clock.now = NOW + 4 * MINUTE
    return world


async def test_a_half_is_the_cover_of_the_minutes_and_its_release_stands_in_the_log(approved: CourtWorld) -> None:
    given = await half(approved)
    start, end = epoch_of(START), epoch_of(UNTIL)

    assert (JTI, ALICE, start, end) == (given.jti, given.sub, given.start, given.end)
    assert approved.escrow.half(ALICE, start, end) == list(given.nodes)
    claims = msgspec.convert(claims_json(), Claims)
    leaf = verify_evidence(given.evidence, claims, approved.trust().log).leaf
    assert ("grant.released", "spiffe://tiers.example/court/in", "cbi") == (leaf.type, leaf.party, leaf.agency)
    assert approved.ledger.leaves[-1] == leaf


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (ask(NOW - MINUTE), "grant.window"),
        (ask(until=NOW + 6 * MINUTE), "grant.window"),
        (ask(until=NOW + 5 * MINUTE), "grant.future"),
        (ask(START + 1), "grant.minutes"),
        (ask(jti="another"), "grant.no_warrant"),
    ],
)
async def test_outside_the_window_it_is_refused_and_that_is_logged(
    approved: CourtWorld, asked: AskGrant, code: str
) -> None:
    assert code == await refusal(half(approved, asked))
    last = approved.ledger.leaves[-1]
    assert ("grant.refused", code) == (last.type, last.detail)


@pytest.mark.parametrize(("verb", "code"), [("suspension", "warrant.suspended"), ("cancellation", "warrant.cancelled")])
async def test_a_warrant_that_does_not_stand_buys_no_half(approved: CourtWorld, verb: str, code: str) -> None:
    await half(approved)
    await approved.decide(verb)

    assert code == await refusal(half(approved))
    assert ["grant.released", code, "grant.refused"] == approved.ledger.facts[-3:]


async def test_resumed_it_buys_it_again_and_expired_no_more(approved: CourtWorld) -> None:
    await approved.decide("suspension")
    await approved.decide("resumption")
    await half(approved)

    approved.clock.now = NOW + 11 * MINUTE
    assert "warrant.expired" == await refusal(half(approved))


async def test_no_half_is_for_a_minute_before_the_judge_approved(world: CourtWorld) -> None:
    await world.apply()
    world.clock.now = NOW + 2 * MINUTE
    await world.decide("approval")
    world.clock.now = NOW + 4 * MINUTE
    assert "grant.retroactive" == await refusal(half(world))
    assert epoch_of(NOW + 2 * MINUTE) == (await half(world, ask(NOW + 2 * MINUTE))).start


async def test_what_no_judge_approved_buys_nothing(world: CourtWorld) -> None:
    await world.apply()
    assert "grant.no_warrant" == await refusal(half(world))
    await world.decide("rejection", "no cause")
    assert "grant.no_warrant" == await refusal(half(world))


async def test_another_agency_gets_nothing(approved: CourtWorld) -> None:
    assert "grant.agency" == await refusal(half(approved, by="auditor/nia"))
    assert "request.role" == await refusal(half(approved, by="applicant/cbi"))


async def test_a_warrant_for_metadata_buys_no_half(world: CourtWorld) -> None:
    await world.apply(application_of(delivery="iri"))
    await world.decide("approval")
    world.clock.now = NOW + 4 * MINUTE
    assert "grant.metadata_only" == await refusal(half(world))


async def test_a_request_is_good_once_and_one_that_could_not_be_logged_again(approved: CourtWorld) -> None:
    asked, leaves = ask(), len(approved.ledger.leaves)
    approved.ledger.down = True
    assert "ledger.unwitnessed" == await refusal(half(approved, asked))
    assert leaves == len(approved.ledger.leaves)

    approved.ledger.down = False
    await half(approved, asked)
    assert "grant.replayed" == await refusal(half(approved, asked))


async def test_a_judge_who_speaks_while_the_log_is_written_stops_the_half(approved: CourtWorld) -> None:
    append = approved.ledger.append
    spoken: list[str] = []

    def meanwhile(entry: bytes) -> object:
        proof = append(entry)
        if b"grant.released" in entry:
            record = approved.store.get(JTI)
            approved.store.replace(replace(record, status=Status.SUSPENDED))
            spoken.append("suspension")
        return proof

    approved.ledger.append = meanwhile  # type: ignore[method-assign,assignment] - the log, with the judge beside it
    assert "warrant.suspended" == await refusal(half(approved))
    assert ["suspension"] == spoken
