"""Whom to believe about a log: k of n witnesses, each counted once, whoever they belong to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, WitnessSigner, verify_signed, verify_witnessed
from tiers.wire.log.merkle import TreeHead
from tiers.wire.log.policy import parse_policy, write_policy

LOG = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
W1, W2, W3 = (WitnessSigner(f"tiers.example/witness/w{n}", SigningKey(bytes([n]) * 32)) for n in (1, 2, 3))
THREE = {"w1": W1.key.vkey(), "w2": W2.key.vkey(), "theirs": W3.key.vkey()}
TEXT = write_policy(LOG.key.vkey(), THREE, 2, {"w1": "https://w1:1", "theirs": "https://witness.example"})


def note(*witnesses: WitnessSigner, at: int = 1_764_000_000) -> str:
    signed = verify_signed(LOG.sign(TreeHead(7, b"r" * 32)), LOG.key)
    return signed.note + "".join(one.cosign(signed, at + n) for n, one in enumerate(witnesses))


def test_two_of_three_witnesses_are_enough_and_one_is_not() -> None:
    policy = parse_policy(TEXT)

    assert policy.pinned == PinnedLog(LOG.key, (W1.key, W2.key, W3.key), 2)
    assert policy.urls == {W1.name: "https://w1:1", W3.name: "https://witness.example"}
    for pair in ((W1, W2), (W3, W1), (W1, W2, W3)):
        assert len(verify_witnessed(note(*pair), policy.pinned).witnesses) == len(pair)
    with pytest.raises(Yours, match=r"^checkpoint\.unwitnessed"):
        verify_witnessed(note(W1), policy.pinned)


def test_a_witness_that_signs_twice_counts_once() -> None:
    with pytest.raises(Yours, match=r"^checkpoint\.unwitnessed"):
        verify_witnessed(note(W1, W1, W1), parse_policy(TEXT).pinned)


def test_a_strangers_cosignature_under_a_pinned_name_counts_for_nothing() -> None:
    impostor = WitnessSigner(W2.name, SigningKey(b"x" * 32))
    with pytest.raises(Yours, match=r"^checkpoint\.unwitnessed"):
        verify_witnessed(note(W1, impostor), parse_policy(TEXT).pinned)


TWICE = WitnessSigner("tiers.example/witness/w9", SigningKey(bytes([1]) * 32)).key.vkey()  # the key of w1


@pytest.mark.parametrize(
    "text",
    [
        "",
        write_policy(LOG.key.vkey(), THREE, 0),
        write_policy(LOG.key.vkey(), THREE, 4),
        write_policy(LOG.key.vkey(), {"w1": W1.key.vkey(), "w9": TWICE}, 2),
        write_policy(LOG.key.vkey(), {"w1": W1.key.vkey(), "w9": W1.key.vkey()}, 2),
        TEXT.replace("quorum 2 w1 w2 theirs", "quorum 2 w1 w1"),
        TEXT.replace("quorum 2 w1 w2 theirs", "quorum 2 w1 w7"),
        TEXT + "quorum 1 w1\n",
        TEXT + f"log {LOG.key.vkey()}\n",
        TEXT.replace("witness w2", "witness w1"),
        TEXT + "group any w1\n",
        TEXT.replace("quorum 2", "quorum ²"),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Yours, match=r"^checkpoint\.bad_policy"):
        parse_policy(text)


@given(st.text(max_size=80) | st.lists(st.sampled_from(TEXT.split()), max_size=12).map(" ".join))
def test_no_text_makes_reading_fail(text: str) -> None:
    with pytest.raises(TiersError):
        parse_policy(text)
