import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.chassis.state import StateDir
from tiers.ledger import cosigning, tree
from tiers.ledger.cosigning import AddCheckpoint, OtherSize, SplitView, Unprovable, parse_request
from tiers.ledger.tree import Edge
from tiers.ledger.witness import KEY, LATEST, refuse_lost_memory
from tiers.wire.errors import Forbidden, Missing, TiersError, TooLarge, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, verify_witnessed
from tiers.wire.log.merkle import TreeHead, leaf_hash


def log_of(*entries: bytes):
    edge, _ = tree.grow(Edge(), [leaf_hash(entry) for entry in entries])
    return tree.hash_reader(lambda level, _n: edge.tails[level])


HONEST = log_of(b"a", b"b", b"c", b"d", b"e")
SPLIT = log_of(b"a", b"b", b"X", b"d", b"e")


@pytest.fixture
def ask(world):
    """Send the witness the tree of the first `new` leaves, proven from `old`."""

    def ask(old: int, new: int, read=HONEST, signer=None, proof=None) -> str:
        note = (signer or world.signer).sign(tree.head(new, read))
        proof = tree.consistency_proof(old, new, read) if proof is None else proof
        return note + world.witness.witness.cosign(AddCheckpoint(old, proof, note).encode())

    return ask


def test_a_log_that_grows_is_cosigned_each_time(ask, world):
    for old, new in ((0, 1), (1, 3), (3, 3), (3, 5)):
        witnessed = verify_witnessed(ask(old, new), world.pinned)
        assert witnessed.checkpoint.head == tree.head(new, HONEST)


def test_the_witness_remembers_across_a_restart(ask, world):
    ask(0, 3)
    again = type(world)(world.folder)
    note = world.signer.sign(tree.head(2, HONEST))
    with pytest.raises(OtherSize, match="size 3"):
        again.witness.witness.cosign(AddCheckpoint(0, (), note).encode())


def test_a_rolled_back_log_is_refused(ask):
    ask(0, 5)
    with pytest.raises(OtherSize, match="size 5"):
        ask(3, 4)
    with pytest.raises(Yours, match=r"^witness\.shrinking"):
        ask(5, 4, proof=())


def test_a_split_view_of_the_same_size_is_refused(ask):
    ask(0, 5)
    with pytest.raises(SplitView):
        ask(5, 5, SPLIT)


def test_a_split_view_that_grew_is_refused_and_both_checkpoints_are_kept_as_evidence(ask, capsys):
    ask(0, 3)
    with pytest.raises(Unprovable):
        ask(3, 5, SPLIT)
    evidence = capsys.readouterr().out
    assert "witness.inconsistent" in evidence
    assert evidence.count("tiers.example/ledger/in\\n") >= 2


def test_a_refusal_changes_nothing(ask):
    ask(0, 3)
    with pytest.raises(Unprovable):
        ask(3, 5, SPLIT)
    ask(3, 5)


def test_a_log_that_nobody_watches_is_unknown(ask):
    with pytest.raises(Missing, match=r"^witness\.unknown_log"):
        ask(0, 1, signer=LogSigner("tiers.example/ledger/xx", SigningKey(b"L" * 32)))


def test_a_stranger_signing_as_the_log_is_forbidden(ask):
    with pytest.raises(Forbidden, match=r"^checkpoint\.unsigned"):
        ask(0, 1, signer=LogSigner("tiers.example/ledger/in", SigningKey(b"Z" * 32)))


@pytest.mark.parametrize("proof", [(b"x" * 32,), (b"x" * 32,) * 63])
def test_a_first_checkpoint_proves_nothing(ask, proof):
    with pytest.raises(Unprovable):
        ask(0, 5, proof=proof)


def test_an_empty_log_is_cosigned_only_as_empty(ask, world):
    ask(0, 0)
    note = world.signer.sign(TreeHead(0, b"r" * 32))
    with pytest.raises(SplitView):
        world.witness.witness.cosign(AddCheckpoint(0, (), note).encode())


def test_a_request_reads_as_the_specification_shows_it():
    body = (
        "old 20852014\n"
        "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
        "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
        "\n"
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— e AAAA\n"
    ).encode()
    request = parse_request(body)
    assert (request.old, len(request.proof), request.note.split("\n")[1]) == (20_852_014, 2, "20852163")
    assert request.encode() == body


@given(st.binary(max_size=200) | st.from_regex(rb"old [0-9]{0,20}\n([A-Za-z0-9+/]{43}=\n){0,3}\n?.{0,9}"))
def test_nothing_but_our_own_error_types_escapes(body):
    with contextlib.suppress(TiersError):
        assert parse_request(body).encode() == body


def test_a_request_over_the_maximum_is_refused():
    with pytest.raises(TooLarge):
        parse_request(b"a" * (cosigning.MAX_REQUEST + 1))


def test_one_witness_is_enough_and_none_is_not(ask, world):
    note = ask(0, 1)
    assert verify_witnessed(note, world.pinned).witnesses == (world.witness_signer.name,)
    with pytest.raises(Yours, match=r"^checkpoint\.bad_policy"):
        PinnedLog(world.signer.key, ())


def test_a_witness_that_kept_its_key_and_lost_its_memory_does_not_start(tmp_path):
    state = StateDir(tmp_path / "w")
    refuse_lost_memory(state)  # the first start
    state.key(KEY, SigningKey)
    refuse_lost_memory(state)  # and any later one
    (state.path / LATEST).unlink()
    with pytest.raises(Yours, match=r"^witness\.memory"):
        refuse_lost_memory(state)
