"""A device's proof is one request, to one party: whoever sees it can do nothing with it anywhere else, or again."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.proof import GOOD_FOR_MS, Proofs, Request, sign_request

NOW = 1_764_000_000_000
PIN, KEY = "2100000a", SigningKey(b"k" * 32)
COURT = Identity(Role.COURT, "in")
ASKED = Request("POST", "/v1/subscribers", b"{}")


def verify(proofs: Proofs, authorization: str, request: Request = ASKED, now: int = NOW) -> str:
    return proofs.verify(authorization, PIN, KEY.public, request, now)


def code_of(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except TiersError as error:
        return error.code
    return None


def fresh(party: Identity = COURT, since: int = NOW) -> Proofs:
    return Proofs(party, since)


@pytest.mark.parametrize("party", ["carrier/in", "court/uk", "gateway/1", "customer/S50000001"])
def test_a_proof_for_one_party_is_none_for_another(party: str) -> None:
    proof = sign_request(KEY, PIN, COURT, ASKED, NOW)

    assert "request.proof" == code_of(lambda: verify(fresh(parse_identity(party)), proof))
    assert PIN == verify(fresh(), proof)


@pytest.mark.parametrize(
    "other",
    [
        Request("PUT", ASKED.path, ASKED.body),
        Request("POST", "/v1/messages", ASKED.body),
        Request("POST", ASKED.path, b""),
    ],
    ids=["method", "path", "body"],
)
def test_a_proof_is_for_one_request(other: Request) -> None:
    assert "request.proof" == code_of(lambda: verify(fresh(), sign_request(KEY, PIN, COURT, ASKED, NOW), other))


@given(st.integers(-2 * GOOD_FOR_MS, 2 * GOOD_FOR_MS), st.integers(0, 3 * GOOD_FOR_MS))
def test_a_proof_is_good_at_most_once_whenever_it_comes_back(first: int, later: int) -> None:
    proofs, proof = fresh(since=0), sign_request(KEY, PIN, COURT, ASKED, NOW)
    taken = [code_of(lambda at=at: verify(proofs, proof, now=at)) for at in (NOW + first, NOW + first + later)]

    assert [code for code in taken if code is None] in ([], [None])


def test_what_is_forgotten_holds_no_more() -> None:
    proofs = fresh()
    proof = sign_request(KEY, PIN, COURT, ASKED, NOW)
    verify(proofs, proof)
    later = NOW + 4 * GOOD_FOR_MS
    verify(proofs, sign_request(KEY, PIN, COURT, ASKED, later), now=later)

    assert 1 == len(proofs._seen)
    assert "request.stale" == code_of(lambda: verify(proofs, proof, now=later))


def test_a_party_that_has_started_again_takes_nothing_from_before() -> None:
    proof = sign_request(KEY, PIN, COURT, ASKED, NOW)

    assert "request.restarted" == code_of(lambda: verify(fresh(since=NOW + 1), proof, now=NOW + 1))


def test_a_party_whose_clock_was_ahead_when_it_started_serves_as_soon_as_the_clock_has_come_back() -> None:
    proof = sign_request(KEY, PIN, COURT, ASKED, NOW)

    assert PIN == verify(fresh(since=NOW + 3_600_000), proof)
