"""Log first, act second: a logged warrant is made of its own leaf in a witnessed checkpoint, and of nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError
from tiers.wire.identity import parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.evidence import verify_logged_warrant
from tiers.wire.lawful.warrant import (
    SKEW_MS,
    Claims,
    VerifiedWarrant,
    apply_for,
    approve,
    seal_of,
    verify_application,
    verify_warrant,
)
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, ProofOfLogging, WitnessSigner, b64, verify_signed
from tiers.wire.log.leaf import Author, Leaf, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash

NOW = 1_764_000_000_000
APPLICANT, JUDGE = SigningKey(b"A" * 32), SigningKey(b"J" * 32)
LOG = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
WITNESS = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
PINNED = PinnedLog(LOG.key, (WITNESS.key,))
CARRIER = Author(parse_identity("carrier/in"), "IN")


def warrant(**changed: object) -> VerifiedWarrant:
    claims = msgspec.convert(
        {
            "jti": "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f", "iss": "in", "aud": "in", "sub": "2100000a",
            "nbf": NOW // 1000 - 600, "exp": NOW // 1000 + 600,
            "window": {"from": NOW - 300_000, "until": NOW + 300_000}, "services": ["bbm"], "delivery": "iri+cc",
            "agency": "cbi", "legal_basis": "s. 5(2)", "liid": "L1", "salt": "s" * 42 + "w", **changed,
        },
        Claims,
    )  # fmt: skip
    keys = {"applicant/cbi": APPLICANT.public}
    jws = approve(verify_application(apply_for(claims, APPLICANT, "applicant/cbi"), keys), JUDGE, "judge/delhi")
    return verify_warrant(jws, keys, {"judge/delhi": JUDGE.public}, "in", NOW)


def leaf(kind: str = "warrant.served", ts: int = NOW, open_after: int = NOW + 600_000) -> Leaf:
    return CARRIER.leaf(kind, ts, "cbi", seal_of(warrant().claims).commit(), open_after=open_after)


def logged(one: Leaf, *, log: LogSigner = LOG, witness: WitnessSigner | None = WITNESS) -> ProofOfLogging:
    """Prove `one` as the second of two leaves."""
    first, entry = leaf_hash(b"another"), encode_leaf(one)
    note = log.sign(TreeHead(2, node_hash(first, leaf_hash(entry))))
    if witness is not None:
        note += witness.cosign(verify_signed(note, log.key), NOW // 1000)
    return ProofOfLogging(1, entry.decode(), (b64(first),), note)


GOOD = logged(leaf())


def code_of(shown: ProofOfLogging, of: VerifiedWarrant | None = None) -> str:
    with pytest.raises(TiersError) as refused:
        verify_logged_warrant(of or warrant(), shown, PINNED)
    return refused.value.code


def test_a_warrant_that_was_logged_as_served_becomes_a_logged_warrant() -> None:
    done = verify_logged_warrant(warrant(), GOOD, PINNED)
    assert (done.warrant, done.leaf.index, done.leaf.leaf.type) == (warrant(), 1, "warrant.served")


@pytest.mark.parametrize("kind", ["warrant.approved", "warrant.applied", "warrant.suspended"])
def test_another_fact_about_the_same_warrant_is_no_evidence(kind: str) -> None:
    assert code_of(logged(leaf(kind))) == "evidence.type"


@pytest.mark.parametrize("other", [{"sub": "2100000b"}, {"salt": "t" * 42 + "w"}], ids=["target", "salt"])
def test_evidence_for_one_warrant_is_none_for_another(other: dict[str, str]) -> None:
    assert code_of(GOOD, warrant(**other)) == "leaf.wrong_commitment"


def test_a_warrant_that_was_served_after_its_window_began_is_no_warrant() -> None:
    verify_logged_warrant(warrant(), logged(leaf(ts=NOW - 300_000 + SKEW_MS)), PINNED)
    assert code_of(logged(leaf(ts=NOW - 300_000 + SKEW_MS + 1))) == "warrant.past"


@pytest.mark.parametrize("off", [-1, 1, 10**12])
def test_a_seal_is_opened_on_the_day_on_which_the_warrant_expires(off: int) -> None:
    assert code_of(logged(leaf(open_after=NOW + 600_000 + off))) == "evidence.open_after"


def test_a_checkpoint_that_no_witness_saw_is_no_evidence() -> None:
    assert code_of(logged(leaf(), witness=None)) == "checkpoint.unwitnessed"


def test_a_strangers_log_is_no_evidence() -> None:
    assert code_of(logged(leaf(), log=LogSigner(LOG.origin, SigningKey(b"X" * 32)))) == "checkpoint.unsigned"


def test_a_leaf_that_the_checkpoint_does_not_hold_is_no_evidence() -> None:
    other = encode_leaf(leaf(ts=NOW + 1)).decode()
    assert code_of(msgspec.structs.replace(GOOD, leaf=other)) == "merkle.not_included"


@given(
    index=st.integers(0, 2**53 - 1),
    entry=st.text(max_size=300),
    path=st.lists(st.sampled_from([*GOOD.proof, b64(b"x" * 32)]), max_size=4).map(tuple),
    note=st.one_of(st.text(max_size=300), st.just(GOOD.checkpoint)),
)
def test_no_evidence_makes_checking_fail(index: int, entry: str, path: tuple[str, ...], note: str) -> None:
    with pytest.raises(TiersError):
        verify_logged_warrant(warrant(), ProofOfLogging(index, entry, path, note), PINNED)
