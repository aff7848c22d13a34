"""The auditor over real TLS: the granted minutes open, and nothing else does."""

import sqlite3
import stat
from collections.abc import Awaitable
from contextlib import closing

import msgspec
import pytest
from structlog.testing import capture_logs

from auditor.conftest import AuditorWorld, Change, claims_json, warrant_of
from kits.court import ALICE, APPLICANT, BOB, CAROL, DAVE, JTI, JUDGE, MINUTE, NOW
from kits.product import MAIL, mid_of
from tiers.auditor.inspect import (
    METADATA_ONLY,
    NO_CONTENT,
    NO_RECIPIENT,
    NOT_THE_SERVICE,
    NOT_THE_TARGET,
    OUTSIDE,
)
from tiers.chassis import web
from tiers.wire.api.auditor import Inspection, Inspections
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours, Policy, TiersError
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import Master, NodeJson, epoch_of, subscriber_root, window
from tiers.wire.lawful.grant import Payload
from tiers.wire.lawful.warrant import Claims, apply_for, approve, verify_application
from tiers.wire.message.envelope import Channel, Service

OTHER_JTI = "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e10"


def read(found: Inspection) -> list[str | None]:
    return [one.content for one in found.findings]


def shut(found: Inspection) -> list[str | None]:
    return [one.sealed for one in found.findings]


async def refusal(asking: Awaitable[object]) -> str:
    with pytest.raises(TiersError) as refused:
        await asking
    return refused.value.code


async def test_the_minutes_inside_the_grant_open(world: AuditorWorld) -> None:
    world.send(b"first", NOW - 3 * MINUTE)
    world.send(b"last", NOW - MINUTE - 1)
    await world.file()
    found = await world.inspect(NOW - 3 * MINUTE, NOW - MINUTE)
    assert read(found) == ["first", "last"]
    assert shut(found) == [None, None]


async def test_the_minute_before_and_the_minute_after_stay_shut(world: AuditorWorld) -> None:
    world.send(b"before", NOW - 3 * MINUTE - 1)
    world.send(b"inside", NOW - 2 * MINUTE)
    world.send(b"after", NOW - MINUTE)
    await world.file()
    found = await world.inspect(NOW - 3 * MINUTE, NOW - MINUTE)
    assert read(found) == [None, "inside", None]
    assert shut(found) == [OUTSIDE, None, OUTSIDE]


async def test_without_a_window_the_elapsed_whole_minutes_are_asked_for(world: AuditorWorld) -> None:
    await world.file()
    world.clock.now = NOW + 59_999
    await world.inspect()
    world.clock.now = NOW + 9 * MINUTE
    await world.inspect()
    asked = [(ask.start, ask.until) for ask in world.carrier.asked]
    assert asked == [(NOW - 5 * MINUTE, NOW), (NOW - 5 * MINUTE, NOW + 5 * MINUTE)]


async def test_messages_to_the_target_open_with_the_targets_keys_too(world: AuditorWorld) -> None:
    world.send(b"hello Alice", NOW - MINUTE, ends=(BOB, ALICE))
    await world.file()
    assert read(await world.inspect()) == ["hello Alice"]


async def test_another_subscriber_stays_shut_with_the_same_grant(world: AuditorWorld) -> None:
    world.send(b"not yours", NOW - MINUTE, ends=(CAROL, DAVE))
    await world.file()
    found = await world.inspect()
    assert (read(found), shut(found)) == ([None], [NOT_THE_TARGET])
    assert found.grant_refused is None


async def test_an_enterprise_message_is_metadata_and_a_jwe_that_no_grant_opens(world: AuditorWorld) -> None:
    jwe = world.send(b"board meeting", NOW - MINUTE, channel=Channel.ENTERPRISE, service=Service.EMAIL)
    await world.file()
    (finding,) = (await world.inspect()).findings
    assert finding.sealed == NO_RECIPIENT == "no recipient of this JWE is held by the carrier"
    assert (finding.content, finding.raw) == (None, None)
    assert (finding.mid, finding.channel, finding.service) == (mid_of(1), "enterprise", "email")
    assert (finding.sender, finding.to, finding.ts, finding.size) == (ALICE, BOB, NOW - MINUTE, len(jwe))


async def test_a_warrant_on_alice_reveals_bob(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.send(b"hi", NOW - MINUTE, ends=(CAROL, ALICE))
    await world.file()
    assert (await world.inspect()).third_parties == (BOB, CAROL)
    assert world.metrics.get_sample_value("tiers_auditor_third_parties_total") == 2


async def test_a_mail_is_shown_to_read_and_kept_as_it_was(world: AuditorWorld) -> None:
    world.send(MAIL, NOW - MINUTE, service=Service.EMAIL)
    await world.file()
    (finding,) = (await world.inspect()).findings
    assert finding.content is not None
    assert finding.content.splitlines() == [
        "From: 2100000a@email.example", "To: 2100000b@email.example", "Subject: café", "", "meet me at noon",
    ]  # fmt: skip
    assert finding.raw == b64u(MAIL)


async def test_a_service_that_the_warrant_does_not_name_stays_shut(world: AuditorWorld) -> None:
    world.send(MAIL, NOW - MINUTE, service=Service.EMAIL)
    await world.file(warrant_of(services=["bbm"]))
    assert shut(await world.inspect()) == [NOT_THE_SERVICE]


async def test_a_warrant_for_metadata_opens_nothing_even_if_content_came(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.send(b"ho", NOW - MINUTE)
    del world.carrier.pdus[3]
    await world.file(warrant_of(delivery="iri"))
    assert shut(await world.inspect()) == [METADATA_ONLY, METADATA_ONLY]


async def test_metadata_without_content_says_so(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    del world.carrier.pdus[1]
    await world.file()
    (finding,) = (await world.inspect()).findings
    assert (finding.sealed, finding.ts, finding.sender) == (NO_CONTENT, NOW - MINUTE, ALICE)


async def test_content_without_metadata_opens_all_the_same(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    del world.carrier.pdus[0]
    await world.file()
    assert read(await world.inspect()) == ["hi"]


async def test_without_a_grant_the_metadata_is_reported(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.carrier.refuses_grant = Policy("warrant.suspended", "Wait until the court has resumed it.")
    await world.file()
    found = await world.inspect()
    assert found.grant_refused == "warrant.suspended"
    assert shut(found) == ["no grant: warrant.suspended"]
    assert found.findings[0].to == BOB


async def test_minutes_to_come_are_not_granted(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    await world.file()
    assert (await world.inspect(NOW - MINUTE, NOW + MINUTE)).grant_refused == "grant.future"


async def test_before_the_first_minute_has_elapsed_nothing_is_asked_for(world: AuditorWorld) -> None:
    await world.file()
    world.clock.now = NOW - 5 * MINUTE + 1
    assert (await world.inspect()).grant_refused == "auditor.not_elapsed"
    assert world.carrier.asked == []


@pytest.mark.parametrize(
    ("start", "until", "code"),
    [
        (NOW - 2 * MINUTE, NOW - 2 * MINUTE, "auditor.not_elapsed"),
        (NOW - MINUTE, NOW - 2 * MINUTE, "auditor.not_elapsed"),
        (NOW - MINUTE + 1, NOW, "auditor.minutes"),
        (-MINUTE, NOW, "keytree.epoch"),
        (NOW, 10**17 * MINUTE, "keytree.epoch"),
    ],
)
async def test_a_window_that_is_none_has_its_own_code(world: AuditorWorld, start: int, until: int, code: str) -> None:
    await world.file()
    assert (await world.inspect(start, until)).grant_refused == code


async def test_a_carrier_that_is_down_is_no_refusal(world: AuditorWorld) -> None:
    await world.file()
    world.carrier.refuses_grant = Ours("ledger.unavailable", "Try again.")
    assert await refusal(world.inspect()) == "ledger.unavailable"
    await world.carrier_site.stop()
    assert await refusal(world.inspect()) == "carrier.unavailable"


async def test_product_is_fetched_page_by_page_and_once(world: AuditorWorld) -> None:
    for number in range(5):
        world.send(b"%d" % number, NOW - MINUTE)
    await world.file()
    assert len((await world.inspect()).findings) == 5
    assert world.carrier.pages == [0, 3, 6, 9]
    world.send(b"5", NOW - MINUTE)
    assert read(await world.inspect())[-1] == "5"
    assert world.carrier.pages[4:] == [10]


async def test_what_was_delivered_stays_when_the_warrant_is_over(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    await world.file()
    await world.inspect()
    over = Policy("warrant.cancelled", "Apply for a new warrant.")
    world.carrier.refuses_product = world.carrier.refuses_grant = over
    found = await world.inspect()
    assert (found.grant_refused, len(found.findings)) == ("warrant.cancelled", 1)


async def test_a_carrier_that_delivers_nothing_says_why(world: AuditorWorld) -> None:
    world.carrier.refuses_product = Policy("product.no_warrant", "Serve the warrant first.")
    await world.file()
    assert await refusal(world.inspect()) == "product.no_warrant"


async def test_the_product_of_somebody_else_is_not_taken(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.carrier.liid = "LIID-2013-0002"
    await world.file()
    assert await refusal(world.inspect()) == "product.other"
    assert world.store.delivered(JTI) == 0


async def test_loss_is_reported_as_the_carrier_counts_it(world: AuditorWorld) -> None:
    world.carrier.lost = 7
    await world.file()
    assert (await world.inspect()).lost == 7


async def test_what_is_no_pdu_is_counted_and_harms_nothing(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.carrier.pdus += [b"garbage", world.carrier.pdus[1][:-1], b"\x00" * 60]
    await world.file()
    found = await world.inspect()
    assert (read(found), found.unreadable) == (["hi"], 3)


def bend(**changed: object) -> Change:
    return lambda payload: msgspec.structs.replace(payload, **changed)


def other_nodes(master: Master, pin: str, start: int, until: int) -> tuple[NodeJson, ...]:
    return tuple(NodeJson.of(node) for node in window(subscriber_root(master, pin), epoch_of(start), epoch_of(until)))


@pytest.mark.parametrize(
    ("change", "leaf", "signer", "code"),
    [
        (bend(jti=OTHER_JTI), {}, None, "grant.other"),
        (bend(sub=BOB), {}, None, "grant.other"),
        (
            bend(
                end=epoch_of(NOW) - 1,
                nodes=other_nodes(Master(b"M" * 32), ALICE, NOW - 5 * MINUTE, NOW - MINUTE),
            ),
            {},
            None,
            "grant.other",
        ),
        (bend(nodes=()), {}, None, "grant.cover"),
        (None, {"type": "task.activated"}, None, "grant.not_logged"),
        (None, {"agency": "raw"}, None, "grant.not_logged"),
        (None, {"party": "spiffe://tiers.example/carrier/uk"}, None, "grant.not_logged"),
        (None, {"ts": NOW - 700_000}, None, "grant.old_leaf"),
        (None, {}, SigningKey(b"X" * 32), "grant.signature"),
    ],
)
async def test_a_grant_that_is_not_as_it_must_be_opens_nothing(
    world: AuditorWorld, change: Change | None, leaf: dict[str, object], signer: SigningKey | None, code: str
) -> None:
    world.send(b"hi", NOW - MINUTE)
    if change:
        world.carrier.change = change
    world.carrier.leaf = leaf
    world.carrier.signer = signer or world.carrier.signer
    await world.file()
    found = await world.inspect()
    assert (found.grant_refused, read(found)) == (code, [None])


async def test_a_leaf_that_was_logged_for_another_release_serves_no_second_one(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    await world.file()
    assert read(await world.inspect()) == ["hi"]
    first = next(leaf for leaf in world.ledger.leaves if leaf.type == "grant.released")
    world.carrier.terms = first.terms
    found = await world.inspect()
    assert (found.grant_refused, read(found)) == ("grant.other_leaf", [None])


@pytest.mark.parametrize(
    ("served", "code"),
    [
        ({"ts": NOW - 4 * MINUTE}, "grant.retroactive"),
        ({"ts": NOW}, "grant.retroactive"),
        ({"type": "warrant.expired"}, "grant.not_logged"),
        ({"party": "spiffe://tiers.example/carrier/uk"}, "grant.not_logged"),
    ],
    ids=["a minute later", "now", "another fact", "another carrier"],
)
async def test_keys_of_minutes_from_before_the_warrant_was_served_open_nothing(
    world: AuditorWorld, served: dict[str, object], code: str
) -> None:
    world.send(b"hi", NOW - 5 * MINUTE)
    await world.file()
    world.carrier.served = served
    found = await world.inspect()
    assert (found.grant_refused, read(found)) == (code, [None])


async def test_a_grant_whose_leaf_is_about_another_warrant_opens_nothing(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    await world.file()
    world.carrier.claims = msgspec.structs.replace(world.carrier.claims, sub=BOB)
    found = await world.inspect()
    assert (found.grant_refused, read(found)) == ("leaf.wrong_commitment", [None])


async def test_a_grant_whose_release_no_witness_saw_opens_nothing(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)

    def unwitnessed(payload: Payload) -> Payload:
        note = payload.evidence.checkpoint
        bare = note[: note.index("— tiers.example/witness/w1")]
        return msgspec.structs.replace(payload, evidence=msgspec.structs.replace(payload.evidence, checkpoint=bare))

    world.carrier.change = unwitnessed
    await world.file()
    found = await world.inspect()
    assert (found.grant_refused, read(found)) == ("checkpoint.unwitnessed", [None])


async def test_a_grant_with_other_keys_is_seen_not_to_open(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    world.carrier.change = bend(nodes=other_nodes(Master(b"m" * 32), ALICE, NOW - 5 * MINUTE, NOW))
    await world.file()
    assert shut(await world.inspect()) == ["the granted key does not open it: it was altered on the way"]


async def test_inspections_and_what_they_rest_on_survive_a_restart(world: AuditorWorld) -> None:
    world.send(b"hi", NOW - MINUTE)
    await world.file()
    found = await world.inspect()
    await world.auditor_site.stop()
    await world.auditor_site.start()
    who = world.peer("investigator/cbi")
    assert (await who.ask("GET", "/v1/inspections", Inspections)).inspections == (found,)
    assert read(await world.inspect(who=who)) == ["hi"]


async def test_files_that_cannot_be_written_are_ours_to_mend_and_are_retried(world: AuditorWorld) -> None:
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await world.file()
    await world.file()


async def test_a_warrant_on_file_that_does_not_read_is_no_fault_of_the_investigator(world: AuditorWorld) -> None:
    await world.file()
    world.store._db.write("UPDATE warrants SET payload = ?", ("{}",))
    with pytest.raises(Ours, match=r"auditor\.store"):
        await world.inspect()


async def test_the_auditors_files_are_for_its_eyes_only(world: AuditorWorld) -> None:
    await world.file()
    for path in world.folder.glob("auditor.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_no_log_holds_a_plaintext_and_no_repr_does(world: AuditorWorld) -> None:
    world.send(b"canary-7f3a", NOW - MINUTE)
    await world.file()
    with capture_logs() as logged:
        found = await world.inspect()
    assert read(found) == ["canary-7f3a"]
    assert [entry["event"] for entry in logged] == ["inspection.done"]
    assert "canary" not in repr((logged, found, found.findings))


# What is filed


def signed_by(applicant: SigningKey, judge: SigningKey, **changed: object) -> GeneralJws:
    jws = apply_for(msgspec.convert(claims_json(**changed), Claims), applicant, "applicant/cbi")
    return approve(verify_application(jws, {"applicant/cbi": applicant.public}), judge, "judge/delhi")


GOOD = warrant_of()


@pytest.mark.parametrize(
    ("jws", "code"),
    [
        (signed_by(APPLICANT, SigningKey(b"X" * 32)), "warrant.judge"),
        (GeneralJws(GOOD.payload, (GOOD.signatures[0], GOOD.signatures[0])), "warrant.same_signature"),
        (GeneralJws(GOOD.payload, GOOD.signatures[:1]), "warrant.signatures"),
        (signed_by(SigningKey(b"X" * 32), JUDGE), "warrant.applicant"),
        (warrant_of(exp=NOW // 1000 - 1, window={"from": NOW - 5 * MINUTE, "until": NOW - MINUTE}), "warrant.expired"),
        (warrant_of(nbf=NOW // 1000 + 60, window={"from": NOW + MINUTE, "until": NOW + 2 * MINUTE}), "warrant.not_yet"),
        (warrant_of(aud="uk"), "warrant.carrier"),
        (warrant_of(agency="raw"), "auditor.agency"),
    ],
    ids=["forged judge", "one twice", "no judge", "forged applicant", "expired", "early", "carrier", "agency"],
)
async def test_a_bad_warrant_has_its_own_code_and_a_ledger_entry(
    world: AuditorWorld, jws: GeneralJws, code: str
) -> None:
    assert await refusal(world.file(jws)) == code
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.leaves] == [("warrant.refused", code)]
    assert await refusal(world.inspect()) == "auditor.no_warrant"


async def test_the_applicant_as_judge_has_its_own_code_and_a_ledger_entry(world: AuditorWorld) -> None:
    (world.folder / "trust/judges/delhi.jwk").write_bytes(msgspec.json.encode(APPLICANT.public.jwk()))
    payload = msgspec.json.encode(msgspec.convert(claims_json(), Claims))
    two = APPLICANT.add_signature(payload, {"typ": "warrant+jws", "kid": "judge/delhi"})
    jws = GeneralJws(GOOD.payload, (GOOD.signatures[0], two))
    assert await refusal(world.file(jws)) == "warrant.four_eyes"
    assert [(leaf.type, leaf.detail) for leaf in world.ledger.leaves] == [("warrant.refused", "warrant.four_eyes")]


async def test_a_refusal_stands_even_if_the_ledger_is_down(world: AuditorWorld) -> None:
    world.ledger.down = True
    assert await refusal(world.file(warrant_of(aud="uk"))) == "warrant.carrier"
    assert world.metrics.get_sample_value("tiers_refusals_unlogged") == 1


async def test_the_same_warrant_is_filed_again_without_harm_and_another_of_its_jti_is_not(world: AuditorWorld) -> None:
    first = await world.file()
    assert await world.file() == first
    assert await refusal(world.file(warrant_of(sub=BOB))) == "auditor.duplicate"


@pytest.mark.parametrize("identity", ["investigator/raw", "applicant/cbi", "judge/delhi", "carrier/in", "auditor/cbi"])
async def test_nobody_else_inspects(world: AuditorWorld, identity: str) -> None:
    await world.file()
    code = "auditor.agency" if identity == "investigator/raw" else "request.role"
    assert await refusal(world.inspect(who=world.peer(identity))) == code
    assert await refusal(world.peer(identity).ask_raw("GET", "/v1/inspections")) == code


@pytest.mark.parametrize("identity", ["applicant/raw", "investigator/cbi", "carrier/in"])
async def test_nobody_else_files(world: AuditorWorld, identity: str) -> None:
    code = "auditor.agency" if identity == "applicant/raw" else "request.role"
    assert await refusal(world.file(who=world.peer(identity))) == code


async def test_an_auditor_without_pinned_keys_is_not_ready(
    world: AuditorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "READY_SECONDS", 0.0)
    await world.investigator.ask_raw("GET", "/readyz")
    (world.folder / "trust/carriers/in.jwk").unlink()
    assert await refusal(world.investigator.ask_raw("GET", "/readyz")) == "settings.trust"
