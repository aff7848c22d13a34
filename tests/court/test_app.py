"""The court over real TLS: who may ask what, log first and act second, and what survives a crash."""

import asyncio
import hashlib
import sqlite3
import stat
from collections.abc import Awaitable
from contextlib import closing

import msgspec
import pytest

from court.conftest import PLACE, CourtWorld, application_of
from kits.court import ALICE, JTI, JUDGE, MINUTE, NOW, claims_json
from kits.seals import unopened_seals
from tiers.chassis import web
from tiers.chassis.client import Peer
from tiers.wire.api.court import Apply, Entry, Register
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Ours, TiersError, Yours
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.lawful.warrant import Claims, Status, apply_for, seal_of, verify_warrant
from tiers.wire.log.leaf import verify_opening

OTHER_JTI = "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e10"
EXPIRY = NOW + 600_000


async def refusal(asking: Awaitable[object]) -> str:
    with pytest.raises(TiersError) as refused:
        await asking
    return refused.value.code


async def test_an_application_becomes_a_warrant_with_two_signatures(world: CourtWorld) -> None:
    assert (await world.apply()).status is Status.AWAITING_APPROVAL
    approved = await world.decide("approval")
    assert approved.status is Status.APPROVED
    trust = world.trust()
    assert verify_warrant(approved.warrant, trust.applicants, trust.judges, "in", NOW).claims.sub == ALICE
    assert world.ledger.facts == ["warrant.applied", "warrant.approved"]


async def test_every_change_of_state_stands_in_the_log(world: CourtWorld) -> None:
    await world.apply()
    for verb in ("approval", "suspension", "resumption", "cancellation"):
        await world.decide(verb)
    assert world.ledger.facts == [
        "warrant.applied", "warrant.approved", "warrant.suspended", "warrant.resumed", "warrant.cancelled",
    ]  # fmt: skip
    assert len({leaf.commitment for leaf in world.ledger.leaves}) == 1


async def test_a_rejected_application_has_its_reason_on_file_and_not_in_the_log(world: CourtWorld) -> None:
    await world.apply()
    rejected = await world.decide("rejection", "Alice is not shown to be involved.")
    assert (rejected.status, rejected.reason) == (Status.REJECTED, "Alice is not shown to be involved.")
    assert b"Alice" not in world.ledger.entries[-1]
    assert world.ledger.leaves[-1].detail == "judge.reason_on_file"


async def test_the_log_names_no_target(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    assert not any(ALICE.encode() in entry for entry in world.ledger.entries)


async def test_without_a_ledger_nothing_is_decided(world: CourtWorld) -> None:
    await world.apply()
    world.ledger.down = True
    assert await refusal(world.decide("approval")) == "ledger.unwitnessed"
    entry = await world.judge.ask("GET", f"/v1/warrants/{JTI}", Entry)
    assert (entry.status, len(entry.warrant.signatures)) == (Status.AWAITING_APPROVAL, 1)
    world.ledger.down = False
    assert (await world.decide("approval")).status is Status.APPROVED


async def test_without_a_ledger_nothing_is_applied_for(world: CourtWorld) -> None:
    world.ledger.down = True
    assert await refusal(world.apply()) == "ledger.unwitnessed"
    assert (await world.judge.ask("GET", "/v1/warrants", Register)).entries == ()


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (["approval", "suspension"], Status.SUSPENDED),
        (["approval", "suspension", "resumption"], Status.APPROVED),
        (["approval", "cancellation"], Status.CANCELLED),
    ],
)
async def test_the_carrier_hears_of_it_before_the_judge_is_answered(
    world: CourtWorld, verbs: list[str], status: Status
) -> None:
    await world.apply()
    entries = [await world.decide(verb) for verb in verbs]
    assert entries[-1].carrier_told
    assert (world.carrier.heard[-1].status, world.carrier.heard[-1].serial) == (status, len(verbs))


async def test_the_carrier_hears_that_a_warrant_stands_and_hears_it_again_in_time(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    (first,) = world.carrier.heard
    world.clock.now = first.at + PLACE.word_ms // 4
    world.carrier.event.clear()
    async with asyncio.timeout(10):
        await world.carrier.event.wait()
    again = world.carrier.heard[-1]
    assert (first.status, first.serial, again.status, again.serial) == (Status.APPROVED, 1, Status.APPROVED, 2)
    assert first.until < again.until <= EXPIRY


async def test_two_applications_of_one_salt_are_one_too_many(world: CourtWorld) -> None:
    await world.apply()
    assert await refusal(world.apply(application_of(jti=OTHER_JTI))) == "court.duplicate"


async def test_a_judge_does_not_sign_a_window_that_has_begun(world: CourtWorld) -> None:
    await world.apply(application_of(window={"from": NOW, "until": NOW + 9 * MINUTE}))
    world.clock.now = NOW + 6 * MINUTE
    assert await refusal(world.decide("approval")) == "warrant.past"
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.leaves[1:]] == [("warrant.refused", "warrant.past")]


async def test_a_carrier_that_was_down_is_told_when_it_is_back(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    await world.carrier_site.stop()
    world.carrier.event.clear()
    assert not (await world.decide("suspension")).carrier_told
    await world.carrier_site.start()
    async with asyncio.timeout(10):
        await world.carrier.event.wait()
    assert [(said.status, said.serial) for said in world.carrier.heard[1:]] == [(Status.SUSPENDED, 2)]


async def test_a_carrier_is_told_the_last_word_only(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    world.carrier.refuses = True
    await world.decide("suspension")
    await world.decide("cancellation")
    world.carrier.event.clear()
    world.carrier.refuses = False
    async with asyncio.timeout(10):
        await world.carrier.event.wait()
    assert [(said.status, said.serial) for said in world.carrier.heard[1:]] == [(Status.CANCELLED, 3)]


async def test_an_older_word_that_arrives_late_does_not_strike_off_a_newer_one(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    world.carrier.refuses = True
    await world.decide("suspension")
    (older,) = world.store.untold()
    await world.decide("cancellation")
    world.store.told([older])
    assert [said.serial for said in world.store.untold()] == [3]


async def test_what_the_carrier_was_not_told_survives_a_restart(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    await world.carrier_site.stop()
    world.carrier.event.clear()
    await world.decide("cancellation")
    await world.court_site.stop()
    await world.carrier_site.start()
    await world.court_site.start()
    async with asyncio.timeout(10):
        await world.carrier.event.wait()
    assert world.carrier.heard[-1].status is Status.CANCELLED


async def test_nothing_is_told_about_a_warrant_that_has_expired(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    world.carrier.refuses = True
    await world.decide("suspension")
    world.clock.now = EXPIRY
    await world.court.look()
    assert world.store.untold() == []


async def test_expiry_is_seen_at_once_and_recorded_at_the_next_look(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    world.clock.now = EXPIRY
    assert (await world.judge.ask("GET", f"/v1/warrants/{JTI}", Entry)).status is Status.EXPIRED
    await world.court.look()
    assert world.ledger.facts[2:] == ["warrant.expired", "seal.opened"]
    await world.court.look()
    assert world.ledger.facts[2:] == ["warrant.expired", "seal.opened"]


async def test_after_expiry_everybody_can_check_what_was_sealed(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    await world.decide("cancellation")
    assert unopened_seals(world.ledger.leaves, EXPIRY) != ()
    world.clock.now = EXPIRY
    await world.court.look()
    assert world.ledger.facts[3:] == ["seal.opened"]
    leaves = world.ledger.leaves
    seal = verify_opening(leaves[-1], leaves[1])
    assert seal.jti == JTI
    assert unopened_seals(leaves, EXPIRY) == ()


async def test_the_court_can_show_the_target_the_warrant_that_an_open_seal_is_about(world: CourtWorld) -> None:
    """The log shows a digest and a derived salt; the claims' own salt stands in the warrant, and the court keeps it."""
    await world.apply()
    await world.decide("approval")
    world.clock.now = EXPIRY
    await world.court.look()
    seal = verify_opening(world.ledger.leaves[-1], world.ledger.leaves[1])

    handed_over = (await world.judge.ask("GET", f"/v1/warrants/{JTI}", Entry)).warrant
    payload = unb64u(handed_over.payload, "test.payload")
    assert (hashlib.sha256(payload).digest(), JTI) == (seal.digest, seal.jti)
    claims = msgspec.json.decode(payload, type=Claims)
    assert (ALICE, seal) == (claims.sub, seal_of(claims))
    assert claims.salt not in repr(world.ledger.leaves)


async def test_what_was_rejected_is_never_opened(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("rejection", "No.")
    world.clock.now = EXPIRY
    await world.court.look()
    assert world.ledger.facts == ["warrant.applied", "warrant.rejected"]


async def test_an_application_that_nobody_decides_expires(world: CourtWorld) -> None:
    await world.apply()
    world.clock.now = EXPIRY
    await world.court.look()
    assert world.ledger.facts == ["warrant.applied", "warrant.expired"]


async def test_expiry_waits_for_the_ledger_and_is_not_forgotten(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    world.ledger.down = True
    world.clock.now = EXPIRY
    await world.court.look()
    world.ledger.down = False
    await world.court.look()
    assert world.ledger.facts[2:] == ["warrant.expired", "seal.opened"]


async def test_the_register_survives_a_restart(world: CourtWorld) -> None:
    await world.apply()
    approved = await world.decide("approval")
    await world.court_site.stop()
    await world.court_site.start()
    assert await world.peer("judge/delhi").ask("GET", f"/v1/warrants/{JTI}", Entry) == approved
    assert (await world.decide("suspension", who=world.peer("judge/delhi"))).status is Status.SUSPENDED


async def test_the_register_is_for_the_courts_eyes_only(world: CourtWorld) -> None:
    await world.apply()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in world.folder.glob("register.sqlite*")}
    assert modes == {"register.sqlite": 0o600, "register.sqlite-wal": 0o600, "register.sqlite-shm": 0o600}


async def test_two_applications_of_one_jti_are_one_too_many(world: CourtWorld) -> None:
    await world.apply()
    assert await refusal(world.apply()) == "court.duplicate"
    assert world.ledger.facts == ["warrant.applied"]


async def test_two_decisions_at_once_are_taken_one_after_the_other(world: CourtWorld) -> None:
    await world.apply()
    await world.decide("approval")
    results = await asyncio.gather(*(world.decide("cancellation") for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "Conflict", "Conflict", "Entry"]
    assert world.ledger.facts.count("warrant.cancelled") == 1


async def test_an_applicant_sees_her_own_agencys_warrants_and_the_judge_all(world: CourtWorld) -> None:
    raw = SigningKey(b"R" * 32)
    other = world.peer("applicant/raw")
    await world.apply()
    await world.apply(application_of(raw, "applicant/raw", agency="raw", jti=OTHER_JTI, salt="A" * 43), other)

    async def seen(who: Peer) -> list[str]:
        return [entry.jti for entry in (await who.ask("GET", "/v1/warrants", Register)).entries]

    assert await seen(world.applicant) == [JTI]
    assert await seen(other) == [OTHER_JTI]
    assert await seen(world.judge) == [JTI, OTHER_JTI]


async def test_a_warrant_of_somebody_else_looks_like_none(world: CourtWorld) -> None:
    await world.apply()
    stranger = world.peer("applicant/raw")
    other = await refusal(stranger.ask("GET", f"/v1/warrants/{JTI}", Entry))
    none = await refusal(stranger.ask("GET", f"/v1/warrants/{OTHER_JTI}", Entry))
    assert (other, none) == ("court.unknown", "court.unknown")


@pytest.mark.parametrize(
    "identity", ["applicant/cbi", "investigator/cbi", "carrier/in", "auditor/cbi", "operator/in", "court/in"]
)
async def test_nobody_but_a_judge_decides(world: CourtWorld, identity: str) -> None:
    await world.apply()
    assert await refusal(world.decide("approval", who=world.peer(identity))) == "request.role"


@pytest.mark.parametrize("identity", ["judge/delhi", "investigator/cbi", "carrier/in"])
async def test_nobody_but_an_applicant_applies(world: CourtWorld, identity: str) -> None:
    assert await refusal(world.apply(who=world.peer(identity))) == "request.role"


async def test_another_judge_is_refused_and_that_is_on_record(world: CourtWorld) -> None:
    await world.apply()
    assert await refusal(world.decide("approval", who=world.peer("judge/mumbai"))) == "court.judge"
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.leaves[1:]] == [("warrant.refused", "court.judge")]


async def test_the_judges_key_does_not_approve_its_own_application(world: CourtWorld) -> None:
    (world.folder / "trust/applicants/cbi.jwk").write_bytes(msgspec.json.encode(JUDGE.public.jwk()))
    await world.apply(application_of(JUDGE))
    assert await refusal(world.decide("approval")) == "warrant.four_eyes"
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.leaves[1:]] == [("warrant.refused", "warrant.four_eyes")]


async def test_an_application_in_somebody_elses_name_is_refused_and_that_is_on_record(world: CourtWorld) -> None:
    assert await refusal(world.apply(who=world.peer("applicant/raw"))) == "court.applicant"
    leaf = world.ledger.leaves[0]
    assert (leaf.type, leaf.detail, leaf.agency) == ("warrant.refused", "court.applicant", "raw")


async def test_a_refusal_stands_even_if_the_ledger_is_down(world: CourtWorld) -> None:
    world.ledger.down = True
    assert await refusal(world.apply(application_of(aud="uk"))) == "warrant.carrier"
    assert world.metrics.get_sample_value("tiers_refusals_unlogged") == 1
    world.ledger.down = False
    world.clock.now += MINUTE
    await world.court.refusals.tell()
    assert [(leaf.detail, leaf.count) for leaf in world.ledger.leaves] == [("warrant.carrier", 1)]


async def test_however_often_somebody_is_refused_the_log_grows_slowly(world: CourtWorld) -> None:
    for _ in range(45):
        assert await refusal(world.apply(application_of(aud="uk"))) == "warrant.carrier"
    world.clock.now += MINUTE
    await world.court.refusals.tell()
    assert [None] * 30 + [15] == [leaf.count for leaf in world.ledger.leaves]


async def test_claims_in_a_second_spelling_are_refused(world: CourtWorld) -> None:
    good = apply_for(msgspec.convert(claims_json(), Claims), SigningKey(b"A" * 32), "applicant/cbi")
    spaced = unb64u(good.payload, "x").replace(b'":', b'": ')
    one = SigningKey(b"A" * 32).add_signature(spaced, {"typ": "warrant+jws", "kid": "applicant/cbi"})
    assert await refusal(world.apply(Apply(GeneralJws(b64u(spaced), (one,))))) == "warrant.spelling"


async def test_what_is_no_application_is_refused_and_the_court_goes_on(world: CourtWorld) -> None:
    for body in (b"", b"{", b"[]", b'{"application":{}}', b"\xff" * 10, b'{"application":' + b"[" * 10_000):
        assert await refusal(world.applicant.ask_raw("POST", "/v1/applications", body)) == "request.malformed"
    assert await refusal(world.judge.ask_raw("POST", f"/v1/applications/{JTI}/approval", b"[]")) == "request.malformed"
    assert (await world.apply()).status is Status.AWAITING_APPROVAL


async def test_an_unknown_warrant_has_its_own_code(world: CourtWorld) -> None:
    assert await refusal(world.decide("approval")) == "court.unknown"


async def test_a_court_without_a_pinned_log_is_not_ready(world: CourtWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "READY_SECONDS", 0.0)
    await world.applicant.ask_raw("GET", "/readyz")
    (world.folder / "trust/log.policy").unlink()
    assert await refusal(world.applicant.ask_raw("GET", "/readyz")) == "settings.trust"


async def test_a_record_never_shows_its_salt(world: CourtWorld) -> None:
    await world.apply()
    assert repr(world.store.get(JTI)) == f"<Record {JTI} AwaitingApproval>"


async def test_a_clock_that_the_ledger_does_not_share_is_no_fault_of_the_applicant(world: CourtWorld) -> None:
    world.ledger.refuses = Yours("leaf.clock", "Set ts to within 300 s of the ledger's clock.")
    with pytest.raises(Ours, match=r"leaf\.clock"):
        await world.apply()

    world.ledger.refuses = None
    await world.apply()


async def test_a_register_that_cannot_be_written_is_ours_to_mend_and_is_retried(world: CourtWorld) -> None:
    await world.apply()
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await world.decide("approval")
    assert ["warrant.applied"] == world.ledger.facts  # nothing is logged that would not be written down
    assert (await world.decide("approval")).status is Status.APPROVED


async def test_a_warrant_that_does_not_read_is_no_fault_of_whoever_asks(world: CourtWorld) -> None:
    await world.apply()
    world.store._db.write("UPDATE warrants SET jws = ?", (b'{"payload":"!","signatures":[]}',))
    with pytest.raises(Ours, match=r"court\.store"):
        await world.applicant.ask("GET", f"/v1/warrants/{JTI}", Entry)
