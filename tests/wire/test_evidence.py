"""Log first, act second: a logged warrant is made of its own leaf in a witnessed checkpoint, and of nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.evidence import Evidence, evidence, verify_logged_warrant
from tiers.wire.lawful.warrant import Claims, VerifiedWarrant, apply_for, approve, verify_application, verify_warrant
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, ProofOfLogging, WitnessSigner, b64, verify_signed
from tiers.wire.log.leaf import Leaf, Seal, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash

NOW = 1_764_000_000_000
APPLICANT, JUDGE = SigningKey(b"A" * 32), SigningKey(b"J" * 32)
LOG = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
WITNESS = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
PINNED = PinnedLog(LOG.key, (WITNESS.key,))
SALT = b"s" * 32


def warrant(sub: str = "2100000a") -> VerifiedWarrant:
    claims = msgspec.convert(
        {
            "jti": "0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f", "iss": "in", "aud": "in", "sub": sub,
            "nbf": NOW // 1000 - 600, "exp": NOW // 1000 + 600,
            "window": {"from": NOW - 300_000, "until": NOW + 300_000}, "services": ["bbm"], "delivery": "iri+cc",
            "agency": "cbi", "legal_basis": "s. 5(2)", "liid": "L1",
        },
        Claims,
    )  # fmt: skip
    keys = {"applicant/cbi": APPLICANT.public}
    jws = approve(verify_application(apply_for(claims, APPLICANT, "applicant/cbi"), keys), JUDGE, "judge/delhi")
    return verify_warrant(jws, keys, {"judge/delhi": JUDGE.public}, "in", NOW)


def seal(of: VerifiedWarrant, salt: bytes = SALT) -> Seal:
    return Seal(salt, of.claims.jti, of.digest)


def leaf(commitment: str, kind: str = "warrant.served") -> Leaf:
    said = {
        "type": kind, "ts": NOW, "jurisdiction": "IN", "agency": "cbi", "party": "spiffe://tiers.example/carrier/in",
        "commitment": commitment, "open_after": NOW + 600_000,
    }  # fmt: skip
    return msgspec.convert(said, Leaf)


def logged(one: Leaf, *, log: LogSigner = LOG, witness: WitnessSigner | None = WITNESS) -> ProofOfLogging:
    """Prove `one` as the second of two leaves."""
    first, entry = leaf_hash(b"another"), encode_leaf(one)
    note = log.sign(TreeHead(2, node_hash(first, leaf_hash(entry))))
    if witness is not None:
        note += witness.cosign(verify_signed(note, log.key), NOW // 1000)
    return ProofOfLogging(1, entry.decode(), (b64(first),), note)


GOOD = evidence(logged(leaf(seal(warrant()).commit())), seal(warrant()))


def code_of(shown: Evidence, of: VerifiedWarrant | None = None) -> str:
    with pytest.raises(TiersError) as refused:
        verify_logged_warrant(of or warrant(), shown, PINNED)
    return refused.value.code


def test_a_warrant_that_was_logged_as_served_becomes_a_logged_warrant() -> None:
    done = verify_logged_warrant(warrant(), GOOD, PINNED)
    assert (done.warrant, done.leaf.index, done.leaf.leaf.type) == (warrant(), 1, "warrant.served")


@pytest.mark.parametrize("kind", ["warrant.approved", "warrant.applied", "warrant.suspended"])
def test_another_fact_about_the_same_warrant_is_no_evidence(kind: str) -> None:
    assert code_of(evidence(logged(leaf(seal(warrant()).commit(), kind)), seal(warrant()))) == "evidence.type"


def test_evidence_for_one_warrant_is_none_for_another() -> None:
    assert code_of(GOOD, warrant("2100000b")) == "leaf.wrong_commitment"


def test_a_wrong_salt_opens_nothing() -> None:
    assert code_of(Evidence(GOOD.proof, b64u(b"t" * 32))) == "leaf.wrong_commitment"


@pytest.mark.parametrize("salt", ["", "!", b64u(b"s" * 31), b64u(b"s" * 33), "é"])
def test_what_is_no_salt_has_its_own_code(salt: str) -> None:
    assert code_of(Evidence(GOOD.proof, salt)) == "leaf.seal"


def test_a_checkpoint_that_no_witness_saw_is_no_evidence() -> None:
    proof = logged(leaf(seal(warrant()).commit()), witness=None)
    assert code_of(evidence(proof, seal(warrant()))) == "checkpoint.unwitnessed"


def test_a_strangers_log_is_no_evidence() -> None:
    stranger = LogSigner(LOG.origin, SigningKey(b"X" * 32))
    assert code_of(evidence(logged(leaf(seal(warrant()).commit()), log=stranger), seal(warrant()))) == (
        "checkpoint.unsigned"
    )


def test_a_leaf_that_the_checkpoint_does_not_hold_is_no_evidence() -> None:
    other = encode_leaf(leaf(seal(warrant()).commit()).__class__(**{**_members(), "ts": NOW + 1})).decode()
    assert code_of(Evidence(msgspec.structs.replace(GOOD.proof, leaf=other), GOOD.salt)) == "merkle.not_included"


def _members() -> dict[str, object]:
    return msgspec.structs.asdict(leaf(seal(warrant()).commit()))


def test_evidence_shows_no_salt() -> None:
    assert repr(GOOD) == "<Evidence 1>"


@given(
    index=st.integers(0, 2**53 - 1),
    entry=st.text(max_size=300),
    path=st.lists(st.sampled_from([*GOOD.proof.proof, b64(b"x" * 32)]), max_size=4).map(tuple),
    note=st.one_of(st.text(max_size=300), st.just(GOOD.proof.checkpoint)),
    salt=st.one_of(st.text(max_size=60), st.just(GOOD.salt)),
)
def test_no_evidence_makes_checking_fail(index: int, entry: str, path: tuple[str, ...], note: str, salt: str) -> None:
    with pytest.raises(TiersError):
        verify_logged_warrant(warrant(), Evidence(ProofOfLogging(index, entry, path, note), salt), PINNED)
