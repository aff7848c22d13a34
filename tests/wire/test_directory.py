import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.api.enterprise import Lookup
from tiers.wire.enterprise.directory import (
    BES_TYP,
    ENTRY_TYP,
    PARTNER_TYP,
    BesKey,
    Entry,
    Partner,
    root_kid,
    sign_statement,
    verify_bes_key,
    verify_entry,
    verify_lookup,
    verify_partner,
)
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.sealing import HpkePrivateKey

ACME, GLOBEX, PIN, NOW = "S50000001", "S50000002", "a11ce001", 1_764_000_000_000
ROOT, THEIRS = SigningKey(b"R" * 32), SigningKey(b"G" * 32)
HPKE, SIGN = HpkePrivateKey(b"H" * 32).public.jwk(), SigningKey(b"D" * 32).public.jwk()
ENTRY, BES, PARTNER = (
    Entry(ACME, PIN, 1, HPKE, SIGN, NOW),
    BesKey(ACME, 1, HPKE, NOW),
    Partner(GLOBEX, THEIRS.public.jwk()),
)
KINDS = [(ENTRY_TYP, ENTRY, verify_entry), (BES_TYP, BES, verify_bes_key), (PARTNER_TYP, PARTNER, verify_partner)]


@pytest.mark.parametrize(("typ", "statement", "verify"), KINDS)
def test_what_the_root_signed_is_believed(typ, statement, verify):
    assert verify(sign_statement(ROOT, ACME, typ, statement), ACME, ROOT.public) == statement


@pytest.mark.parametrize(("typ", "statement", "verify"), KINDS)
def test_what_another_root_signed_is_not(typ, statement, verify):
    with pytest.raises(Yours, match=r"^directory\.signature"):
        verify(sign_statement(THEIRS, ACME, typ, statement), ACME, ROOT.public)
    with pytest.raises(Yours, match=r"^directory\.root"):
        verify(sign_statement(ROOT, GLOBEX, typ, statement), ACME, ROOT.public)


@pytest.mark.parametrize(("typ", "statement", "verify"), KINDS)
@pytest.mark.parametrize("other", [ENTRY_TYP, BES_TYP, PARTNER_TYP, "request+jws", "message+jws"])
def test_a_statement_of_one_kind_is_never_read_as_another(typ, statement, verify, other):
    token = sign_statement(ROOT, ACME, other, statement)
    if other == typ:
        assert verify(token, ACME, ROOT.public) == statement
        return
    with pytest.raises(Yours, match=r"^directory\.signature"):
        verify(token, ACME, ROOT.public)


def test_a_root_speaks_for_its_own_org_only():
    for typ, statement, verify in KINDS[:2]:
        foreign = msgspec.structs.replace(statement, org=GLOBEX)
        with pytest.raises(Yours, match=r"^directory\.org"):
            verify(sign_statement(ROOT, ACME, typ, foreign), ACME, ROOT.public)


def test_a_partners_employee_is_reached_through_two_signatures_and_no_other_way():
    word = sign_statement(ROOT, ACME, PARTNER_TYP, PARTNER)
    entry = sign_statement(THEIRS, GLOBEX, ENTRY_TYP, msgspec.structs.replace(ENTRY, org=GLOBEX))
    bes = sign_statement(THEIRS, GLOBEX, BES_TYP, msgspec.structs.replace(BES, org=GLOBEX))

    found, server = verify_lookup(Lookup(entry, bes, word), PIN, ACME, ROOT.public)

    assert (found.org, server.org) == (GLOBEX, GLOBEX)
    for wrong in (
        Lookup(entry, bes),
        Lookup(entry, sign_statement(ROOT, ACME, BES_TYP, BES), word),
        Lookup(entry, bes, sign_statement(THEIRS, GLOBEX, PARTNER_TYP, PARTNER)),
    ):
        with pytest.raises(Yours, match=r"^directory\."):
            verify_lookup(wrong, PIN, ACME, ROOT.public)


def test_a_directory_that_answers_with_another_employee_is_caught():
    answer = Lookup(sign_statement(ROOT, ACME, ENTRY_TYP, ENTRY), sign_statement(ROOT, ACME, BES_TYP, BES))
    assert verify_lookup(answer, PIN, ACME, ROOT.public) == (ENTRY, BES)
    with pytest.raises(Yours, match=r"^directory\.pin"):
        verify_lookup(answer, "a11ce002", ACME, ROOT.public)


@pytest.mark.parametrize(("typ", "statement", "verify"), KINDS)
@given(data=st.data())
def test_a_changed_character_anywhere_is_caught(typ, statement, verify, data):
    token = sign_statement(ROOT, ACME, typ, statement)
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.sampled_from("ABCxyz019-_.=!é").filter(lambda one: one != token[at]))
    with pytest.raises(TiersError):
        verify(token[:at] + put + token[at + 1 :], ACME, ROOT.public)


@pytest.mark.parametrize("verify", [verify for _, _, verify in KINDS])
@given(token=st.text() | st.lists(st.text(), min_size=3, max_size=3).map(".".join))
def test_nothing_but_our_own_errors_escapes_from_a_token(verify, token):
    with pytest.raises(Yours, match=r"^directory\."):
        verify(token, ACME, ROOT.public)


@pytest.mark.parametrize(("typ", "verify"), [(typ, verify) for typ, _, verify in KINDS])
@given(
    payload=st.binary(max_size=300)
    | st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=6).map(msgspec.json.encode)
)
def test_nothing_but_our_own_errors_escapes_from_what_a_root_signed(typ, verify, payload):
    token = ROOT.sign_compact({"typ": typ, "kid": root_kid(ACME)}, payload)
    with pytest.raises(Yours, match=r"^directory\."):
        verify(token, ACME, ROOT.public)
