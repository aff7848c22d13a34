import json
from typing import get_args

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from kits.seals import UnopenedSeal, unopened_seals
from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError, TooLarge, Yours
from tiers.wire.identity import Role
from tiers.wire.log.leaf import (
    MAX_LEAF,
    MUST_GIVE_REASON,
    MUST_OPEN,
    WRITERS,
    Leaf,
    LeafType,
    Seal,
    encode_leaf,
    parse_leaf,
    verify_opening,
    verify_sealed,
)

NOW = 1_764_000_000_000
SEAL = Seal(b"s" * 32, "0198a0f2-0000-7000-8000-000000000001", b"d" * 32)
OTHER = Seal(b"t" * 32, SEAL.jti, SEAL.digest)
CARRIER = "spiffe://tiers.example/carrier/in"


def served(**members) -> Leaf:
    basis = {
        "type": "warrant.served",
        "ts": NOW,
        "jurisdiction": "IN",
        "agency": "cbi",
        "party": CARRIER,
        "commitment": SEAL.commit(),
        "open_after": NOW + 1_000,
    }
    return Leaf(**{name: value for name, value in (basis | members).items() if value is not None})


def opened(seal: Seal = SEAL, index: int = 0, ts: int = NOW + 1_000, **members) -> Leaf:
    basis = {"type": "seal.opened", "ts": ts, "commitment": seal.commit(), "opens": seal.opening(index)}
    return served(open_after=None, **basis | members)


def members_for(kind: str) -> dict:
    return {
        "type": kind,
        "open_after": NOW if kind in MUST_OPEN else None,
        "detail": "warrant.expired" if kind in MUST_GIVE_REASON else None,
        "count": 3 if kind == "loss.recorded" else None,
        "opens": SEAL.opening(0) if kind == "seal.opened" else None,
        "terms": SEAL.commit() if kind == "grant.released" else None,
    }


def test_every_leaf_type_has_its_writers_and_no_customer_approves_a_warrant():
    assert set(WRITERS) == set(get_args(LeafType))
    assert WRITERS["warrant.approved"] == {Role.COURT}
    assert {kind for kind, roles in WRITERS.items() if Role.CUSTOMER in roles} == {"order.answered"}
    assert {kind for kind, roles in WRITERS.items() if Role.AUDITOR in roles} == {"warrant.refused"}


def test_a_refusal_may_say_how_many_it_stands_for():
    assert parse_leaf(encode_leaf(served(**members_for("task.refused") | {"count": 225}))).count == 225


@pytest.mark.parametrize("kind", get_args(LeafType))
def test_every_leaf_type_reads_back_as_written(kind):
    leaf = served(**members_for(kind))
    assert parse_leaf(encode_leaf(leaf)) == leaf


def test_a_leaf_is_canonical_json_and_names_no_target():
    assert encode_leaf(served()).decode() == (
        '{"agency":"cbi","commitment":"' + SEAL.commit() + '","jurisdiction":"IN","open_after":1764000001000,'
        '"party":"spiffe://tiers.example/carrier/in","ts":1764000000000,"type":"warrant.served"}'
    )


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("warrant.served", {"open_after": None}),
        ("warrant.approved", {"open_after": None}),
        ("task.activated", {"open_after": NOW}),
        ("warrant.refused", {"detail": None}),
        ("grant.refused", {"detail": None}),
        ("loss.recorded", {"count": None}),
        ("task.activated", {"count": 1}),
        ("grant.released", {"terms": None}),
        ("grant.refused", {"terms": SEAL.commit()}),
        ("seal.opened", {"opens": None}),
        ("warrant.served", {"opens": SEAL.opening(0)}),
    ],
)
def test_members_belong_to_their_types(kind, members):
    with pytest.raises(Yours, match=r"^leaf\.members"):
        served(**members_for(kind) | members)


@pytest.mark.parametrize(
    "members",
    [
        {"detail": "12ab34cd"},
        {"detail": "pin.12ab34cd"},
        {"detail": "the target noticed"},
        {"detail": "x" * 65},
        {"agency": "The CBI"},
        {"jurisdiction": "in"},
        {"party": "spiffe://elsewhere.example/carrier/in"},
        {"commitment": "short"},
        {"ts": -1},
        {"ts": 2**53},
        {"type": "target.named", "open_after": None},
    ],
)
def test_no_free_text_and_no_number_of_a_subscriber_fits_into_a_leaf(members):
    with pytest.raises(Yours, match=r"^leaf\.malformed"):
        encode_leaf(served(**members))


@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: text + " ",
        lambda text: text.replace(":", ": ", 1),
        lambda text: text.replace("cbi", "\\u0063bi"),
        lambda text: text.replace('"IN"', '"IN","detail":null'),
        lambda text: text.replace("1764000000000", "1764000000000.0"),
        lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":")),
        lambda text: text[:-1] + ',"ts":1764000000000}',
    ],
)
def test_a_leaf_has_one_spelling(spelling):
    text = spelling(encode_leaf(served()).decode())
    with pytest.raises(Yours, match=r"^leaf\.(not_canonical|malformed)"):
        parse_leaf(text.encode())


def test_an_unknown_member_is_refused():
    with pytest.raises(Yours, match=r"^leaf\.malformed"):
        parse_leaf(encode_leaf(served()).replace(b'"ts"', b'"sub":"12ab34cd","ts"'))


def test_a_leaf_over_the_maximum_is_refused_before_it_is_read():
    with pytest.raises(TooLarge, match=r"^leaf\.too_large"):
        parse_leaf(b"{" * (MAX_LEAF + 1))


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_nothing_but_our_own_error_types_escapes(entry):
    with pytest.raises(TiersError):
        parse_leaf(entry)


LEAVES = st.fixed_dictionaries({
    "type": st.sampled_from(get_args(LeafType)),
    "ts": st.integers(0, 2**53 - 1),
    "jurisdiction": st.sampled_from(["IN", "GR"]),
    "agency": st.sampled_from(["cbi", "unknown"]),
    "party": st.just(CARRIER),
    "commitment": st.binary(min_size=32, max_size=32).map(b64u),
})  # fmt: skip


@given(LEAVES)
def test_canonical_form_is_that_of_rfc_8785(members):
    leaf = served(**members_for(members["type"]) | members)
    entry = encode_leaf(leaf)
    assert entry == rfc8785.dumps(msgspec.json.decode(msgspec.json.encode(leaf)))
    assert parse_leaf(entry) == leaf


def test_a_commitment_is_that_of_the_specification_and_salted():
    assert SEAL.commit() == "F_N83yAP9qpivgQyExz0VaK8hH-KCif-XNPMHnHX1n0"
    assert OTHER.commit() != SEAL.commit()


def test_a_seal_does_not_show_what_it_hides():
    assert repr(SEAL) == "<Seal>"


@pytest.mark.parametrize(
    ("salt", "jti", "digest"),
    [(b"s" * 31, "j", b"d" * 32), (b"s" * 32, "j", b"d" * 31), (b"s" * 32, "", b"d" * 32), (b"s" * 32, "ü", b"d" * 32)],
)
def test_a_seal_of_another_shape_is_refused(salt, jti, digest):
    with pytest.raises(Yours, match=r"^leaf\.seal"):
        Seal(salt, jti, digest)


def test_a_leaf_verifies_only_with_the_seal_of_its_own_warrant():
    assert verify_sealed(served(), SEAL) == served()
    for wrong in (OTHER, Seal(SEAL.salt, "jti-2", SEAL.digest), Seal(SEAL.salt, SEAL.jti, b"e" * 32)):
        with pytest.raises(Yours, match=r"^leaf\.wrong_commitment"):
            verify_sealed(served(), wrong)


def test_an_opening_shows_what_was_sealed():
    assert verify_opening(opened(), served()) == SEAL


@pytest.mark.parametrize(
    ("opening", "sealed", "code"),
    [
        (opened(ts=NOW + 999), served(), "leaf.sealed_until"),
        (opened(OTHER), served(), "leaf.wrong_commitment"),
        (opened(commitment=OTHER.commit()), served(), "leaf.wrong_commitment"),
        (opened(opens=OTHER.opening(0)), served(), "leaf.wrong_commitment"),
        (opened(), served(**members_for("task.activated")), "leaf.not_sealed"),
        (served(), served(), "leaf.not_sealed"),
    ],
)
def test_an_opening_that_opens_nothing_is_refused(opening, sealed, code):
    with pytest.raises(Yours) as caught:
        verify_opening(opening, sealed)
    assert caught.value.code == code


def test_a_seal_past_its_date_is_reported_until_it_is_opened():
    late = UnopenedSeal(0, CARRIER, NOW + 1_000)
    assert unopened_seals([served()], NOW + 999) == ()
    assert unopened_seals([served()], NOW + 1_000) == (late,)
    assert unopened_seals([served(), opened()], NOW + 1_000) == ()


def test_one_opening_breaks_every_seal_with_the_same_commitment():
    approved = served(type="warrant.approved")
    assert unopened_seals([approved, served(), opened(index=1)], NOW + 1_000) == ()


@pytest.mark.parametrize("bad", [opened(OTHER), opened(index=7), opened(index=1), opened(ts=NOW)])
def test_an_opening_that_does_not_verify_opens_nothing(bad):
    assert [late.index for late in unopened_seals([served(), bad], NOW + 1_000)] == [0]
