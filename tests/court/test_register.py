"""The court's decisions, without a court: every legal step, and every other one refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.court import APPLICANT, JTI, JUDGE, MINUTE, NOW, claims_json
from tiers.court.register import (
    TRANSITIONS,
    Decision,
    Place,
    Record,
    Transition,
    Verb,
    apply,
    decide,
    due,
    leaf_for,
    opening_for,
    signed,
    status_at,
    step,
    word_on,
)
from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.keys.jose import GeneralJws, Signature, SigningKey
from tiers.wire.lawful.warrant import (
    SKEW_MS,
    Claims,
    Status,
    apply_for,
    seal_of,
    verify_application,
    verify_status,
    verify_warrant,
)
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Author, encode_leaf, verify_sealed

HOUR = 60 * MINUTE

PLACE = Place(
    Author(parse_identity("court/in"), "IN"), parse_identity("carrier/in"), parse_identity("judge/delhi"), HOUR
)
CBI = parse_identity("applicant/cbi")
KEYS = {"applicant/cbi": APPLICANT.public, "applicant/delhi": SigningKey(b"D" * 32).public}
EXPIRY = NOW + 600_000

LEGAL = {
    (Status.AWAITING_APPROVAL, Verb.APPROVAL): Status.APPROVED,
    (Status.AWAITING_APPROVAL, Verb.REJECTION): Status.REJECTED,
    (Status.AWAITING_APPROVAL, Verb.EXPIRY): Status.EXPIRED,
    (Status.APPROVED, Verb.SUSPENSION): Status.SUSPENDED,
    (Status.APPROVED, Verb.CANCELLATION): Status.CANCELLED,
    (Status.APPROVED, Verb.EXPIRY): Status.EXPIRED,
    (Status.SUSPENDED, Verb.RESUMPTION): Status.APPROVED,
    (Status.SUSPENDED, Verb.CANCELLATION): Status.CANCELLED,
    (Status.SUSPENDED, Verb.EXPIRY): Status.EXPIRED,
}
ALL = [(status, verb) for status in Status for verb in Verb]


def application(key: SigningKey = APPLICANT, kid: str = "applicant/cbi", **changed: object) -> GeneralJws:
    return apply_for(msgspec.convert(claims_json(**changed), Claims), key, kid)


def record(status: Status = Status.AWAITING_APPROVAL, jws: GeneralJws | None = None, **changed: object) -> Record:
    taken = verify_application(jws or application(), KEYS)
    return Record(taken.claims, taken.jws, status, **changed)


def long_running() -> GeneralJws:
    """An application for the longest window that there is."""
    until = NOW + 90 * 24 * HOUR
    return application(window={"from": NOW, "until": until}, exp=until // 1000)


def decision(verb: Verb, judge: str = "judge/delhi", reason: str = "Not shown to be necessary.") -> Decision:
    return Decision(verb, parse_identity(judge), reason)


@pytest.mark.parametrize(("status", "verb"), sorted(LEGAL))
def test_every_legal_step_leads_where_the_standard_says(status: Status, verb: Verb) -> None:
    assert step(status, verb).after is LEGAL[status, verb]


@pytest.mark.parametrize(("status", "verb"), sorted(set(ALL) - set(LEGAL)))
def test_every_other_step_is_refused(status: Status, verb: Verb) -> None:
    with pytest.raises(TiersError) as refused:
        step(status, verb)
    assert (refused.value.code, refused.value.status) == ("court.transition", 409)


def test_the_table_has_one_row_for_each_legal_step_and_no_other() -> None:
    assert sorted((row.before, row.verb) for row in TRANSITIONS) == sorted(LEGAL)


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.before}-{row.verb}")
def test_every_step_has_a_leaf_that_the_log_takes(row: Transition) -> None:
    leaf = leaf_for(record(row.before), row.leaf, PLACE, NOW)
    assert encode_leaf(leaf)
    assert leaf.type == row.leaf


def test_the_carrier_is_told_of_what_begins_or_ends_an_interception_and_of_nothing_else() -> None:
    told = {row.verb for row in TRANSITIONS if row.tell_carrier}
    assert told == {Verb.APPROVAL, Verb.SUSPENSION, Verb.RESUMPTION, Verb.CANCELLATION}


@pytest.mark.parametrize("status", [Status.AWAITING_APPROVAL, Status.APPROVED, Status.SUSPENDED])
def test_a_warrant_expires_by_the_clock_on_the_millisecond(status: Status) -> None:
    assert status_at(record(status), EXPIRY - 1) is status
    assert status_at(record(status), EXPIRY) is Status.EXPIRED


@pytest.mark.parametrize("status", [Status.REJECTED, Status.CANCELLED, Status.EXPIRED])
def test_what_has_ended_does_not_end_again(status: Status) -> None:
    assert status_at(record(status), EXPIRY) is status


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.EXPIRY])
def test_nothing_is_decided_about_an_expired_warrant(verb: Verb) -> None:
    with pytest.raises(TiersError) as refused:
        decide(record(Status.APPROVED), decision(verb), PLACE, EXPIRY)
    assert refused.value.code == "court.transition"


def test_only_the_configured_judge_decides() -> None:
    with pytest.raises(TiersError) as refused:
        decide(record(), decision(Verb.APPROVAL, "judge/mumbai"), PLACE, NOW)
    assert refused.value.code == "court.judge"


def test_a_judge_does_not_decide_on_her_own_application() -> None:
    own = application(SigningKey(b"D" * 32), "applicant/delhi", agency="delhi")
    with pytest.raises(TiersError) as refused:
        decide(record(jws=own), decision(Verb.APPROVAL), PLACE, NOW)
    assert refused.value.code == "warrant.four_eyes"


def test_one_key_does_not_sign_twice_whatever_names_it_bears() -> None:
    with pytest.raises(TiersError) as refused:
        signed(record(), decision(Verb.APPROVAL), KEYS, APPLICANT, NOW)
    assert refused.value.code == "warrant.four_eyes"


def test_an_applicant_who_is_pinned_no_longer_gets_no_approval() -> None:
    with pytest.raises(TiersError) as refused:
        signed(record(), decision(Verb.APPROVAL), {}, JUDGE, NOW)
    assert refused.value.code == "warrant.applicant"


def test_an_approved_application_is_a_warrant_that_anybody_can_check() -> None:
    jws = signed(record(), decision(Verb.APPROVAL), KEYS, JUDGE, NOW)
    warrant = verify_warrant(jws, KEYS, {"judge/delhi": JUDGE.public}, "in", NOW)
    assert warrant.claims.jti == JTI
    assert seal_of(warrant.claims) == record().seal


@pytest.mark.parametrize("verb", [Verb.REJECTION, Verb.SUSPENSION, Verb.RESUMPTION, Verb.CANCELLATION])
def test_only_an_approval_adds_a_signature(verb: Verb) -> None:
    assert signed(record(), decision(verb), KEYS, JUDGE, NOW) == record().jws


def test_a_rejection_gives_its_reason() -> None:
    with pytest.raises(TiersError) as refused:
        decide(record(), decision(Verb.REJECTION, reason=""), PLACE, NOW)
    assert refused.value.code == "court.reason"


@pytest.mark.parametrize(
    ("jws", "caller", "now", "code"),
    [
        (application(), "applicant/raw", NOW, "court.applicant"),
        (application(agency="raw"), "applicant/cbi", NOW, "court.applicant"),
        (application(SigningKey(b"X" * 32)), "applicant/cbi", NOW, "warrant.applicant"),
        (application(kid="applicant/nobody"), "applicant/cbi", NOW, "warrant.applicant"),
        (application(iss="uk"), "applicant/cbi", NOW, "court.jurisdiction"),
        (application(aud="uk"), "applicant/cbi", NOW, "warrant.carrier"),
        (application(), "applicant/cbi", EXPIRY, "warrant.past"),
        (application(), "applicant/cbi", NOW + SKEW_MS, "warrant.past"),
        (long_running(), "applicant/cbi", NOW + SKEW_MS + 1, "warrant.past"),
        (long_running(), "applicant/cbi", NOW + 80 * 24 * HOUR, "warrant.past"),
        (application(window={"from": NOW, "until": NOW}), "applicant/cbi", NOW, "warrant.window"),
        (application(window={"from": NOW + 1, "until": NOW + MINUTE}), "applicant/cbi", NOW, "warrant.window"),
        (application(exp=NOW // 1000), "applicant/cbi", NOW, "warrant.dates"),
        (application(services=["bbm", "bbm"]), "applicant/cbi", NOW, "warrant.services"),
    ],
)
def test_what_is_wrong_with_an_application_has_its_own_code(jws: GeneralJws, caller: str, now: int, code: str) -> None:
    with pytest.raises(TiersError) as refused:
        apply(jws, KEYS, parse_identity(caller), PLACE, now)
    assert refused.value.code == code


def test_a_good_application_is_taken() -> None:
    assert apply(application(), KEYS, CBI, PLACE, NOW).claims.jti == JTI
    assert apply(long_running(), KEYS, CBI, PLACE, NOW + SKEW_MS).claims.jti == JTI


def test_a_judge_signs_no_window_that_has_begun() -> None:
    waiting = record(jws=long_running())
    assert signed(waiting, decision(Verb.APPROVAL), KEYS, JUDGE, NOW + SKEW_MS)
    with pytest.raises(TiersError) as refused:
        signed(waiting, decision(Verb.APPROVAL), KEYS, JUDGE, NOW + SKEW_MS + 1)
    assert refused.value.code == "warrant.past"


def test_a_seal_opens_only_after_the_warrant_has_expired() -> None:
    approved = record(Status.EXPIRED, approved=ProofOfLogging(7, "", (), ""))
    with pytest.raises(TiersError) as refused:
        opening_for(approved, PLACE, EXPIRY - 1)
    assert refused.value.code == "court.sealed"
    opened = opening_for(approved, PLACE, EXPIRY)
    assert opened.opens is not None
    assert (opened.opens.index, opened.opens.jti) == (7, JTI)


def test_only_an_approval_promises_to_be_opened() -> None:
    dated = {row.leaf for row in TRANSITIONS if leaf_for(record(), row.leaf, PLACE, NOW).open_after is not None}
    assert dated == {"warrant.approved"}


def test_what_was_never_approved_stays_sealed() -> None:
    with pytest.raises(TiersError) as refused:
        opening_for(record(Status.EXPIRED), PLACE, EXPIRY)
    assert refused.value.code == "court.sealed"


def test_all_leaves_of_a_warrant_commit_to_it_and_name_nobody() -> None:
    leaf = leaf_for(record(), "warrant.approved", PLACE, NOW)
    assert verify_sealed(leaf, record().seal) == leaf
    assert claims_json()["sub"] not in encode_leaf(leaf).decode()


def test_a_statement_bears_the_next_number_and_the_judges_signature() -> None:
    token = word_on(record(serial=4), Status.SUSPENDED, PLACE, JUDGE, NOW)
    said = verify_status(token, {"judge/delhi": JUDGE.public})
    assert (said.jti, said.status, said.serial, said.at) == (JTI, Status.SUSPENDED, 5, NOW)
    assert said.commitment == record().seal.commit()


def test_a_word_that_a_warrant_stands_holds_for_a_while_and_never_beyond_the_warrant() -> None:
    def until(jws: GeneralJws, status: Status) -> int:
        token = word_on(record(jws=jws), status, PLACE, JUDGE, NOW)
        return verify_status(token, {"judge/delhi": JUDGE.public}).until

    assert until(long_running(), Status.APPROVED) == NOW + HOUR
    assert until(application(), Status.APPROVED) == EXPIRY
    assert until(long_running(), Status.CANCELLED) == NOW + 90 * 24 * HOUR


@pytest.mark.parametrize("status", list(Status))
def test_a_court_speaks_again_for_what_stands_after_a_quarter_of_the_time(status: Status) -> None:
    waiting = record(status, jws=long_running(), said=NOW)
    stands = status is Status.APPROVED
    assert [False, stands] == [due(waiting, PLACE, NOW + at) for at in (HOUR // 4 - 1, HOUR // 4)]
    assert not due(record(status, said=NOW), PLACE, EXPIRY)
    assert stands == due(waiting, PLACE, NOW - 1)  # said by a clock that was ahead: nobody takes it now


texts = st.text(max_size=60)
signatures = st.lists(st.builds(Signature, protected=texts, signature=texts), max_size=3).map(tuple)
payloads = st.one_of(texts, st.binary(max_size=80).map(b64u))
callers = st.sampled_from([CBI, parse_identity("judge/delhi"), Identity(Role.APPLICANT, "delhi")])


@given(jws=st.builds(GeneralJws, payload=payloads, signatures=signatures), caller=callers, now=st.integers())
def test_nothing_but_our_own_errors_escapes_an_application(jws: GeneralJws, caller: Identity, now: int) -> None:
    with pytest.raises(TiersError):
        apply(jws, KEYS, caller, PLACE, now)


@given(
    changed=st.fixed_dictionaries(
        {},
        optional={
            "nbf": st.integers(),
            "exp": st.integers(),
            "window": st.fixed_dictionaries({"from": st.integers(), "until": st.integers()}),
            "legal_basis": st.text(min_size=1, max_size=200),
        },
    ),
    now=st.integers(min_value=0, max_value=2**50),
)
def test_a_signed_application_with_any_dates_is_taken_or_refused(changed: dict[str, object], now: int) -> None:
    try:
        jws = application(**changed)
    except (msgspec.ValidationError, OverflowError):
        return
    try:
        taken = apply(jws, KEYS, CBI, PLACE, now)
    except TiersError:
        return
    assert taken.claims.nbf * 1000 <= taken.claims.window.start < taken.claims.window.until


@given(
    status=st.sampled_from(Status),
    verb=st.sampled_from(Verb),
    judge=st.sampled_from(["judge/delhi", "judge/mumbai", "applicant/cbi"]),
    reason=texts,
    now=st.integers(),
)
def test_a_decision_is_a_legal_step_or_one_of_our_errors(
    status: Status, verb: Verb, judge: str, reason: str, now: int
) -> None:
    try:
        taken = decide(record(status), decision(verb, judge, reason), PLACE, now)
    except TiersError:
        return
    assert LEGAL[taken.before, verb] is taken.after
    assert judge == "judge/delhi"
