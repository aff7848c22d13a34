"""A warrant: two signatures, pinned keys, one spelling. The specification's example is checked too."""

import hashlib
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwk
from jwcrypto import jws as other_jws

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.jose import GeneralJws, PublicJwk, Signature, SigningKey, VerifyKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.warrant import (
    MAX_AFTER_MS,
    MAX_WARRANT,
    MAX_WINDOW_MS,
    MAX_WORD_MS,
    SKEW_MS,
    Claims,
    Service,
    Status,
    StatusStatement,
    apply_for,
    approve,
    check_in_force,
    check_prospective,
    check_standing,
    seal_of,
    sign_status,
    verify_application,
    verify_status,
    verify_warrant,
    verify_word,
)

NOW = 1_764_000_000_000
JTI = "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f"
APPLICANT, JUDGE, STRANGER = (SigningKey(letter * 32) for letter in (b"A", b"J", b"X"))
APPLICANTS = {"applicant/cbi": APPLICANT.public}
JUDGES = {"judge/delhi": JUDGE.public}
SPEC = Path(__file__).parents[2] / "docs/spec/warrant.md"


def said(**changed: object) -> dict[str, object]:
    return {
        "jti": JTI,
        "iss": "in",
        "aud": "in",
        "sub": "2100000a",
        "nbf": NOW // 1000 - 600,
        "exp": NOW // 1000 + 600,
        "window": {"from": NOW - 300_000, "until": NOW + 300_000},
        "services": ["bbm", "email"],
        "delivery": "iri+cc",
        "agency": "cbi",
        "legal_basis": "Indian Telegraph Act 1885, s. 5(2)",
        "liid": "LIID-2013-0001",
        "salt": "c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
        **changed,
    }


def claims(**changed: object) -> Claims:
    return msgspec.convert(said(**changed), Claims)


def word(**changed: object) -> StatusStatement:
    base = StatusStatement(JTI, seal_of(claims()).commit(), Status.SUSPENDED, 3, NOW, NOW + 60_000)
    return msgspec.structs.replace(base, **changed)


def payload_signed(payload: bytes, key: SigningKey = APPLICANT) -> GeneralJws:
    return GeneralJws(b64u(payload), (key.add_signature(payload, {"typ": "warrant+jws", "kid": "applicant/cbi"}),))


def warrant(**changed: object) -> GeneralJws:
    application = verify_application(apply_for(claims(**changed), APPLICANT, "applicant/cbi"), APPLICANTS)
    return approve(application, JUDGE, "judge/delhi")


def verify(jws: GeneralJws, now: int = NOW, judges: dict[str, VerifyKey] | None = None) -> Claims:
    return verify_warrant(jws, APPLICANTS, JUDGES if judges is None else judges, "in", now).claims


def code_of(jws: GeneralJws, now: int = NOW, judges: dict[str, VerifyKey] | None = None) -> str:
    with pytest.raises(TiersError) as refused:
        verify(jws, now, judges)
    return refused.value.code


def with_second(one: Signature) -> GeneralJws:
    good = warrant()
    return GeneralJws(good.payload, (good.signatures[0], one))


def second(key: SigningKey, kid: str, payload: bytes | None = None, typ: str = "warrant+jws") -> GeneralJws:
    signed = unb64u(warrant().payload, "x") if payload is None else payload
    return with_second(key.add_signature(signed, {"typ": typ, "kid": kid}))


def test_a_warrant_with_two_signatures_is_verified() -> None:
    assert verify(warrant()) == claims()


def test_any_jose_library_checks_both_signatures() -> None:
    made = warrant()
    for at, key in enumerate((APPLICANT, JUDGE)):
        one = made.signatures[at]
        flat = {"payload": made.payload, "protected": one.protected, "signature": one.signature}
        token = other_jws.JWS()
        token.allowed_algs = ["EdDSA", "Ed25519"]
        token.deserialize(json.dumps(flat))
        public = jwk.JWK(kty="OKP", crv="Ed25519", x=key.public.jwk().x)
        token.verify(public)
        assert json.loads(token.payload)["jti"] == JTI


@pytest.mark.parametrize(
    ("jws", "code"),
    [
        (GeneralJws(warrant().payload, ()), "warrant.signatures"),
        (GeneralJws(warrant().payload, warrant().signatures[:1]), "warrant.signatures"),
        (GeneralJws(warrant().payload, (*warrant().signatures, warrant().signatures[1])), "warrant.signatures"),
        (GeneralJws(warrant().payload, warrant().signatures[::-1]), "warrant.applicant"),
        (with_second(warrant().signatures[0]), "warrant.same_signature"),
        (second(STRANGER, "judge/delhi"), "warrant.judge"),
        (second(JUDGE, "judge/mumbai"), "warrant.judge"),
        (second(JUDGE, "judge/delhi", b"{}"), "warrant.judge"),
        (second(JUDGE, "judge/delhi", typ="warrant-status+jws"), "warrant.judge"),
        (warrant(aud="uk"), "warrant.carrier"),
        (GeneralJws(b64u(msgspec.json.encode(claims(sub="2100000b"))), warrant().signatures), "warrant.applicant"),
    ],
    ids=[
        "none", "one", "three", "swapped", "the same twice", "forged judge", "unknown judge", "judge signed another",
        "statement for a warrant", "wrong carrier", "wrong subject",
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_warrant_has_its_own_code(jws: GeneralJws, code: str) -> None:
    assert code_of(jws) == code


def test_an_applicant_is_not_the_judge_even_where_both_names_are_pinned() -> None:
    both = {"judge/delhi": APPLICANT.public, "applicant/cbi": APPLICANT.public}
    assert code_of(second(APPLICANT, "judge/delhi"), judges=both) == "warrant.four_eyes"
    assert code_of(with_second(warrant().signatures[0]), judges=both) == "warrant.same_signature"


def test_an_applicant_does_not_approve_for_herself() -> None:
    application = verify_application(apply_for(claims(), APPLICANT, "applicant/cbi"), APPLICANTS)
    with pytest.raises(TiersError) as refused:
        approve(application, APPLICANT, "judge/delhi")
    assert refused.value.code == "warrant.four_eyes"


@pytest.mark.parametrize(
    ("now", "code"),
    [(NOW - 600_001, "warrant.not_yet"), (NOW + 600_000, "warrant.expired"), (NOW + 10**12, "warrant.expired")],
)
def test_a_warrant_holds_between_its_dates_only(now: int, code: str) -> None:
    assert code_of(warrant(), now) == code


def test_a_warrant_holds_on_its_first_and_its_last_millisecond() -> None:
    assert [verify(warrant(), now).jti for now in (NOW - 600_000, NOW + 599_999)] == [JTI, JTI]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"window": {"from": NOW, "until": NOW}}, "warrant.window"),
        ({"window": {"from": NOW, "until": NOW - EPOCH_MS}}, "warrant.window"),
        ({"window": {"from": NOW + 1, "until": NOW + 1 + EPOCH_MS}}, "warrant.window"),
        ({"window": {"from": NOW, "until": NOW + MAX_WINDOW_MS + EPOCH_MS}, "exp": 2**40}, "warrant.window"),
        ({"window": {"from": 0, "until": EPOCH_MS}, "nbf": 0}, "keytree.epoch"),
        ({"nbf": NOW // 1000}, "warrant.dates"),
        ({"exp": NOW // 1000}, "warrant.dates"),
        ({"exp": (NOW + 300_000 + MAX_AFTER_MS) // 1000 + 1}, "warrant.dates"),
        ({"services": ["bbm", "bbm"]}, "warrant.services"),
    ],
)
def test_claims_that_make_no_sense_have_their_own_code(changed: dict[str, object], code: str) -> None:
    with pytest.raises(TiersError) as refused:
        verify_application(apply_for(claims(**changed), APPLICANT, "applicant/cbi"), APPLICANTS)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "changed",
    [
        {"jti": "1"}, {"jti": JTI.upper()}, {"sub": "alice"}, {"sub": "2100000A"}, {"services": []},
        {"services": ["sms"]}, {"delivery": "all"}, {"agency": "CBI"}, {"agency": "1cbi"}, {"agency": ""},
        {"legal_basis": ""}, {"legal_basis": "x" * 201}, {"liid": ""}, {"liid": "x" * 26}, {"liid": "a b"},
        {"liid": "LIID\n"}, {"nbf": 1.5}, {"window": {"from": NOW}}, {"extra": 1}, {"sub": "2100000a\n"},
        {"salt": "s" * 42}, {"salt": "s" * 44}, {"salt": ""}, {"salt": "c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHR"},
    ],
    ids=lambda changed: str(changed)[:40],
)  # fmt: skip
def test_claims_outside_the_grammar_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(TiersError) as refused:
        verify_application(payload_signed(json.dumps(said(**changed), separators=(",", ":")).encode()), APPLICANTS)
    assert refused.value.code == "warrant.malformed"


@pytest.mark.parametrize("name", list(said()))
def test_every_claim_is_required(name: str) -> None:
    less = {key: value for key, value in said().items() if key != name}
    with pytest.raises(TiersError) as refused:
        verify_application(payload_signed(json.dumps(less, separators=(",", ":")).encode()), APPLICANTS)
    assert refused.value.code == "warrant.malformed"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(said()).encode(),
        json.dumps(dict(reversed(said().items())), separators=(",", ":")).encode(),
        msgspec.json.encode(claims()).replace(b'"sub":"2100000a"', b'"sub":"2100000b","sub":"2100000a"'),
        msgspec.json.encode(claims()).replace(b"2100000a", b"\\u0032100000a"),
    ],
    ids=["spaces", "another order", "a member twice", "an escape"],
)
def test_claims_have_one_spelling(payload: bytes) -> None:
    with pytest.raises(TiersError) as refused:
        verify_application(payload_signed(payload), APPLICANTS)
    assert refused.value.code == "warrant.spelling"


def test_a_warrant_covers_its_own_minutes_and_services_only() -> None:
    verified = verify_warrant(warrant(services=["bbm"]), APPLICANTS, JUDGES, "in", NOW)
    edges = [NOW - 300_001, NOW - 300_000, NOW + 299_999, NOW + 300_000]
    assert [verified.covers(ts, Service.BBM) for ts in edges] == [False, True, True, False]
    assert not verified.covers(NOW, Service.EMAIL)


def test_a_warrant_over_the_maximum_is_refused_before_anything_is_checked() -> None:
    assert code_of(GeneralJws("A" * MAX_WARRANT, warrant().signatures)) == "warrant.too_large"


def test_in_force_returns_the_claims() -> None:
    assert check_in_force(claims(), NOW) == claims()


def test_a_statement_is_the_judges_word() -> None:
    assert verify_status(sign_status(word(), JUDGE, "judge/delhi"), JUDGES) == word()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (sign_status(word(), STRANGER, "judge/delhi"), "warrant.judge"),
        (sign_status(word(), JUDGE, "judge/mumbai"), "warrant.judge"),
        (JUDGE.sign_compact({"typ": "warrant+jws", "kid": "judge/delhi"}, b"{}"), "warrant.judge"),
        (JUDGE.sign_compact({"typ": "warrant-status+jws", "kid": "judge/delhi"}, b"{}"), "warrant.malformed"),
        (sign_status(word(serial=0), JUDGE, "judge/delhi"), "warrant.malformed"),
        ("", "warrant.judge"),
        ("a.b.c", "warrant.judge"),
    ],
)
def test_what_is_no_statement_of_a_judge_is_refused(token: str, code: str) -> None:
    with pytest.raises(TiersError) as refused:
        verify_status(token, JUDGES)
    assert refused.value.code == code


BOTH = {"judge/delhi": JUDGE.public, "judge/mumbai": STRANGER.public}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (sign_status(word(jti="0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e10"), JUDGE, "judge/delhi"), "warrant.statement"),
        (
            sign_status(word(commitment=seal_of(claims(sub="2100000b")).commit()), JUDGE, "judge/delhi"),
            "warrant.statement",
        ),
        (sign_status(word(), STRANGER, "judge/mumbai"), "warrant.judge"),
    ],
    ids=["of another jti", "on another warrant of this jti", "of another court's judge, who is pinned too"],
)
def test_a_word_is_of_the_warrants_own_judge_on_this_very_warrant(token: str, code: str) -> None:
    assert word() == verify_word(sign_status(word(), JUDGE, "judge/delhi"), warrant(), claims(), BOTH)
    with pytest.raises(TiersError) as refused:
        verify_word(token, warrant(), claims(), BOTH)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("changed", "now", "code"),
    [
        ({}, NOW, None),
        ({}, NOW + 59_999, None),
        ({}, NOW + 60_000, "warrant.stale"),
        ({}, NOW - SKEW_MS, None),
        ({}, NOW - SKEW_MS - 1, "warrant.stale"),
        ({"until": NOW + 90 * MAX_WORD_MS}, NOW + MAX_WORD_MS - 1, None),
        ({"until": NOW + 90 * MAX_WORD_MS}, NOW + MAX_WORD_MS, "warrant.stale"),
        ({"status": Status.SUSPENDED}, NOW, "warrant.suspended"),
        ({"status": Status.CANCELLED}, NOW, "warrant.cancelled"),
        ({"status": Status.EXPIRED}, NOW, "warrant.expired"),
        ({"status": Status.AWAITING_APPROVAL}, NOW, "warrant.unapproved"),
        ({"status": Status.REJECTED}, NOW, "warrant.unapproved"),
    ],
)
def test_a_word_holds_for_as_long_as_it_says_and_a_day_at_most(changed: dict, now: int, code: str | None) -> None:
    said = word(**{"status": Status.APPROVED} | changed)
    if code is None:
        assert said == check_standing(said, now)
        return
    with pytest.raises(TiersError) as refused:
        check_standing(said, now)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (NOW - 300_000, None),
        (NOW - 300_000 + SKEW_MS, None),
        (NOW - 300_000 + SKEW_MS + 1, "warrant.past"),
        (NOW + 80 * 24 * 3_600_000, "warrant.past"),
        (NOW - 10**10, None),
    ],
)
def test_a_warrant_is_prospective(at: int, code: str | None) -> None:
    if code is None:
        assert claims() == check_prospective(claims(), at)
        return
    with pytest.raises(TiersError) as refused:
        check_prospective(claims(), at)
    assert refused.value.code == code


def test_an_open_seal_does_not_name_the_target_to_who_guesses() -> None:
    opened, guesses = seal_of(claims()).opening(0), [claims(sub=f"21000{n:03x}") for n in range(4096)]
    shown = {opened.salt, opened.digest, opened.jti, seal_of(claims()).commit()}

    assert claims().salt not in shown
    # The public knows every claim but PIN and salt: it tries every PIN with every value that it has been shown.
    for guess in guesses:
        for salt in shown - {opened.jti}:
            assert opened.digest != b64u(seal_of(msgspec.structs.replace(guess, salt=salt)).digest)
    assert opened.digest == b64u(
        hashlib.sha256(msgspec.json.encode(claims())).digest()
    )  # who has the warrant can check


def test_the_example_of_the_specification_is_a_warrant() -> None:
    blocks = re.findall(r"```json\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)
    example, applicant, judge, payload = (json.loads(block) for block in blocks[:4])
    key = [VerifyKey.from_jwk(msgspec.convert(one, PublicJwk)) for one in (applicant, judge)]
    jws = msgspec.convert(example, GeneralJws)
    verified = verify_warrant(jws, {"applicant/cbi": key[0]}, {"judge/delhi": key[1]}, "in", NOW)
    assert json.loads(msgspec.json.encode(verified.claims)) == payload
    assert jws == warrant()


texts = st.text(max_size=80)
signatures = st.lists(
    st.one_of(st.builds(Signature, protected=texts, signature=texts), st.sampled_from(warrant().signatures)), max_size=3
).map(tuple)
payloads = st.one_of(texts, st.binary(max_size=120).map(b64u), st.just(warrant().payload))


@given(jws=st.builds(GeneralJws, payload=payloads, signatures=signatures), now=st.integers())
def test_nothing_but_a_warrant_passes_and_nothing_but_our_errors_escapes(jws: GeneralJws, now: int) -> None:
    try:
        assert verify(jws, now) == claims()
    except TiersError:
        return
    assert jws == warrant()


@given(payload=st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.integers() | texts, st.lists).map(str)))
def test_no_signed_payload_makes_reading_fail(payload: bytes | str) -> None:
    raw = payload.encode() if isinstance(payload, str) else payload
    with pytest.raises(TiersError):
        verify_application(payload_signed(raw), APPLICANTS)


@given(
    changed=st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(st.none(), st.integers(), texts, st.lists(texts, max_size=3), st.floats(), st.booleans())
            for name in said()
        },
    )
)
def test_no_claim_of_any_type_makes_reading_fail(changed: dict[str, object]) -> None:
    payload = json.dumps(said(**changed), separators=(",", ":")).encode()
    try:
        verify_application(payload_signed(payload), APPLICANTS)
    except TiersError:
        return


@given(token=st.one_of(texts, st.tuples(texts, texts, texts).map(".".join)))
def test_no_token_makes_a_statement_fail(token: str) -> None:
    with pytest.raises(TiersError):
        verify_status(token, JUDGES)
