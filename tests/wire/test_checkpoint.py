import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import signing as oracle_signing
from tlog_scales import tlog as oracle

from tiers.wire.errors import TiersError, TooLarge, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log import checkpoint
from tiers.wire.log.checkpoint import (
    Checkpoint,
    LoggedLeaf,
    LogKey,
    LogSigner,
    PinnedLog,
    ProofOfLogging,
    SignedCheckpoint,
    WitnessedCheckpoint,
    WitnessKey,
    WitnessSigner,
    b64,
    parse_note,
    unb64,
    verify_logged,
    verify_signed,
    verify_witnessed,
)
from tiers.wire.log.leaf import Leaf, Seal, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, node_hash

LOG = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
W1 = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
W2 = WitnessSigner("tiers.example/witness/w2", SigningKey(b"X" * 32))
PINNED = PinnedLog(LOG.key, (W1.key, W2.key))
HEAD = TreeHead(20_852_163, b"r" * 32)
AT = 1_764_000_000

# The example of C2SP tlog-cosignature; its keys are not published, so only the format is checked.
PUBLIC_EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/\
Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ\
qhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


def cosigned(head: TreeHead = HEAD, *witnesses: WitnessSigner, at: int = AT) -> str:
    note = LOG.sign(head)
    signed = verify_signed(note, LOG.key)
    return note + "".join(witness.cosign(signed, at) for witness in witnesses or (W1,))


def test_a_checkpoint_reads_as_the_specification_shows_it():
    read, signatures = parse_note(PUBLIC_EXAMPLE)
    assert read == Checkpoint(
        "example.com/behind-the-sofa",
        TreeHead(20_852_163, unb64("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "x")),
    )
    assert [name for name, _ in signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]


def test_an_independent_implementation_verifies_signature_and_cosignature():
    theirs = oracle.Checkpoint.from_text(cosigned())
    keys = [oracle_signing.Vkey.from_string(key.vkey()) for key in (LOG.key, W1.key)]
    assert {vkey.name for vkey, _ in oracle_signing.VkeySet(*keys).verify(theirs.signatures, theirs)} == {
        LOG.origin,
        W1.name,
    }


def test_we_verify_the_signature_of_an_independent_implementation():
    signer = oracle_signing.PlainEd25519Signer(LOG.origin, b"L" * 32)
    note = oracle.Checkpoint.make_signed(LOG.origin, HEAD.size, HEAD.root, [signer]).serialize()
    assert verify_signed(note, LogKey.parse(signer.vkey.serialize())).checkpoint.head == HEAD
    assert note == LOG.sign(HEAD)


def test_a_witnessed_checkpoint_says_who_saw_it_and_when():
    note = cosigned(HEAD, W2)
    witnessed = verify_witnessed(note, PINNED)
    assert (witnessed.witnesses, witnessed.witnessed_at, witnessed.note) == ((W2.name,), AT, note)
    assert witnessed.checkpoint == Checkpoint(LOG.origin, HEAD)


@pytest.mark.parametrize(
    "made", [Checkpoint(LOG.origin, HEAD), verify_signed(LOG.sign(HEAD), LOG.key), verify_witnessed(cosigned(), PINNED)]
)
def test_nobody_makes_a_verified_type_without_verifying(made):
    for make in (
        lambda: SignedCheckpoint(made, "", made_by=object()),
        lambda: WitnessedCheckpoint(made, "", "", 0, made_by=None),
        lambda: LoggedLeaf(None, 0, made, None, made_by=None),
    ):
        with pytest.raises(TypeError, match="only verify_"):
            make()


def test_a_verified_checkpoint_is_not_changed_into_another():
    witnessed = verify_witnessed(cosigned(), PINNED)
    with pytest.raises((TypeError, ValueError), match="made_by"):  # Python 3.13 and those before it
        dataclasses.replace(witnessed, note="")
    with pytest.raises(dataclasses.FrozenInstanceError):
        witnessed.note = ""


def test_strangers_signatures_are_ignored():
    stranger = WitnessSigner("tiers.example/witness/w3", SigningKey(b"Z" * 32))
    assert verify_witnessed(cosigned(HEAD, stranger, W1), PINNED).witnesses == (W1.name,)


def test_a_stranger_under_a_pinned_name_counts_for_nothing():
    impostor = WitnessSigner(W1.name, SigningKey(b"Z" * 32))
    with pytest.raises(Yours, match=r"^checkpoint\.unwitnessed"):
        verify_witnessed(cosigned(HEAD, impostor), PINNED)


def test_a_checkpoint_without_a_cosignature_is_not_witnessed():
    with pytest.raises(Yours, match=r"^checkpoint\.unwitnessed"):
        verify_witnessed(LOG.sign(HEAD), PINNED)


def test_a_checkpoint_that_only_a_witness_signed_is_refused():
    lines = cosigned().splitlines(keepends=True)
    with pytest.raises(Yours, match=r"^checkpoint\.unsigned"):
        verify_witnessed("".join(lines[:4] + lines[5:]), PINNED)


def test_another_logs_checkpoint_is_refused():
    other = LogSigner("tiers.example/ledger/xx", LOG.private)
    with pytest.raises(Yours, match=r"^checkpoint\.wrong_origin"):
        verify_signed(other.sign(HEAD), LOG.key)


def test_a_cosignature_for_another_tree_is_refused():
    line = cosigned().splitlines(keepends=True)[-1]
    with pytest.raises(Yours, match=r"^checkpoint\.bad_signature"):
        verify_witnessed(LOG.sign(TreeHead(HEAD.size + 1, HEAD.root)) + line, PINNED)


def test_a_cosignature_with_another_time_is_refused():
    lines = cosigned().splitlines(keepends=True)
    name, blob = lines[-1].split()[1:]
    raw = unb64(blob, "x")
    lines[-1] = f"— {name} {b64(raw[:4] + (AT + 1).to_bytes(8, 'big') + raw[12:])}\n"
    with pytest.raises(Yours, match=r"^checkpoint\.bad_signature"):
        verify_witnessed("".join(lines), PINNED)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda note: note.replace("20852163", "020852163"),
        lambda note: note.replace("20852163", "+20852163"),
        lambda note: note.replace("20852163", str(2**63)),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note.replace("\n\n", "\nextension\n\n"),
        lambda note: note.replace("\n\n", "\n\n\n"),
        lambda note: note.removesuffix("\n"),
        lambda note: note + "\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("— ", "—  "),
        lambda note: note.partition("\n\n")[0] + "\n\n",
        lambda note: "\n" + note.partition("\n")[2],
        lambda note: note.replace("cnI=", "cnJ="),
        lambda note: note.replace("tiers.example", "tiers example"),
        lambda note: note.replace("tiers.example", "tiers+example"),
        lambda note: note.replace("tiers.example", "tïers.example"),
    ],
)
def test_a_checkpoint_has_one_spelling(spelling):
    note = cosigned()
    assert spelling(note) != note
    with pytest.raises(Yours, match=r"^checkpoint\.malformed"):
        verify_witnessed(spelling(note), PINNED)


def test_every_length_has_a_maximum():
    line = cosigned().splitlines(keepends=True)[-1]
    with pytest.raises(TooLarge, match=r"^checkpoint\.too_large"):
        parse_note(LOG.sign(HEAD) + line * checkpoint.MAX_SIGNATURES)
    with pytest.raises(TooLarge, match=r"^checkpoint\.too_large"):
        parse_note("a" * (checkpoint.MAX_NOTE + 1))
    with pytest.raises(Yours, match=r"^checkpoint\.malformed"):
        parse_note("a" * (checkpoint.MAX_NAME + 1) + LOG.sign(HEAD))


def test_verifier_keys_read_back_and_do_not_pass_for_each_other():
    assert LogKey.parse(LOG.key.vkey()) == LOG.key
    assert WitnessKey.parse(W1.key.vkey()) == W1.key
    for kind, vkey in ((LogKey, W1.key.vkey()), (WitnessKey, LOG.key.vkey())):
        with pytest.raises(Yours, match=r"^checkpoint\.bad_vkey"):
            kind.parse(vkey)


@given(st.text(max_size=200) | st.from_regex(r"[a-z./]{1,9}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", fullmatch=True))
def test_no_text_makes_a_verifier_key_but_one(text):
    with pytest.raises(Yours, match=r"^checkpoint\.bad_vkey"):
        LogKey.parse(text)


@given(note=st.text(max_size=300) | st.text(alphabet="a0=—+\n ", max_size=60))
def test_no_text_verifies_and_nothing_but_our_own_error_types_escapes(note):
    with pytest.raises(TiersError):
        verify_witnessed(note, PINNED)


@given(st.data())
def test_a_note_with_any_character_changed_does_not_verify_as_another_tree(data):
    note = cosigned()
    at = data.draw(st.integers(0, len(note) - 1))
    changed = note[:at] + data.draw(st.characters(codec="utf-8")) + note[at + 1 :]
    with contextlib.suppress(TiersError):
        assert verify_witnessed(changed, PINNED).checkpoint.head == HEAD


def test_keys_never_show_themselves():
    assert (b"L" * 32).hex() not in repr(LOG)
    assert repr(LOG.private) == "<SigningKey>"


SEAL = Seal(b"s" * 32, "jti-1", b"d" * 32)
LEAF = Leaf(
    type="warrant.served",
    ts=1,
    jurisdiction="IN",
    agency="cbi",
    party="spiffe://tiers.example/carrier/in",
    commitment=SEAL.commit(),
    open_after=2,
)
ENTRY = encode_leaf(LEAF)
SIBLING = leaf_hash(b"another")
PROOF = ProofOfLogging(
    index=0,
    leaf=ENTRY.decode(),
    proof=(b64(SIBLING),),
    checkpoint=cosigned(TreeHead(2, node_hash(leaf_hash(ENTRY), SIBLING))),
)


def replaced(**members):
    whole = {name: getattr(PROOF, name) for name in PROOF.__struct_fields__}
    return ProofOfLogging(**whole | members)


def test_a_logged_leaf_is_what_the_proof_proves():
    logged = verify_logged(PROOF, PINNED)
    assert (logged.leaf, logged.index, logged.proof) == (LEAF, 0, PROOF)
    assert logged.checkpoint.witnesses == (W1.name,)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"index": 1}, "merkle.not_included"),
        ({"index": 2}, "merkle.not_included"),
        ({"proof": ()}, "merkle.not_included"),
        ({"proof": (b64(SIBLING),) * 2}, "merkle.not_included"),
        ({"proof": ("AA==",)}, "merkle.malformed"),
        ({"proof": ("*",)}, "merkle.malformed"),
        ({"leaf": ENTRY.decode().replace("cbi", "ncb")}, "merkle.not_included"),
        ({"leaf": ENTRY.decode() + " "}, "leaf.not_canonical"),
        ({"leaf": "\udc00"}, "leaf.malformed"),
        ({"checkpoint": LOG.sign(HEAD)}, "checkpoint.unwitnessed"),
        ({"checkpoint": cosigned(HEAD)}, "merkle.not_included"),
    ],
)
def test_a_log_that_lies_about_a_leaf_is_caught(members, code):
    with pytest.raises(TiersError) as caught:
        verify_logged(replaced(**members), PINNED)
    assert caught.value.code == code
