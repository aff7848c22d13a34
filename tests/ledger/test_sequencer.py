import asyncio
import os
import shutil

import pytest
from prometheus_client import CollectorRegistry
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

from ledger.conftest import DirectWitness
from tiers.ledger import app as app_module
from tiers.ledger import store as store_module
from tiers.ledger.app import Ledger
from tiers.ledger.tree import parse_tile_path
from tiers.wire.errors import Ours, TooMany, Yours
from tiers.wire.identity import parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import PinnedLog, WitnessSigner, verify_logged
from tiers.wire.log.leaf import encode_leaf


def test_an_entry_is_answered_with_its_proof_in_a_witnessed_checkpoint(world, entry):
    (proof,) = world.log(entry())
    logged = verify_logged(proof, world.pinned)
    assert (logged.index, logged.checkpoint.note) == (0, world.store.checkpoint())


def test_entries_of_one_turn_share_a_checkpoint_and_a_cosignature(world, entry):
    proofs = world.log(*(entry(n) for n in range(300)))
    assert {proof.checkpoint for proof in proofs} == {world.store.checkpoint()}
    assert world.witness.asked == 1
    assert [verify_logged(proof, world.pinned).index for proof in proofs] == list(range(300))


def test_the_same_leaf_twice_is_one_entry(world, entry):
    first, second = world.log(entry(), entry())
    assert first == second
    (third,) = world.log(entry())
    assert (third, world.store.size, world.witness.asked) == (first, 1, 1)


@pytest.mark.parametrize("down", ["before", "after"])
def test_while_the_witness_is_down_nobody_is_answered_and_the_retry_finds_the_entry(world, entry, down):
    world.log(entry(0))
    world.witness.down = down
    for _ in range(2):
        with pytest.raises(Ours, match=r"^ledger\.unwitnessed"):
            world.log(entry(1))
    assert world.store.checkpoint().split("\n")[1] == "1"
    world.witness.down = None
    (proof,) = world.log(entry(1))
    assert (verify_logged(proof, world.pinned).index, world.store.size) == (1, 2)


def test_a_ledger_killed_before_it_published_goes_on_where_the_witness_is(world, entry):
    world.log(entry(0))
    world.witness.down = "after"
    with pytest.raises(Ours):
        world.log(entry(1), entry(2))
    world.witness.down = None
    world.start()
    (proof,) = world.log(entry(3))
    assert (verify_logged(proof, world.pinned).index, world.store.size) == (3, 4)


def test_a_log_restored_from_an_old_backup_is_caught_and_answers_nobody(world, entry):
    world.log(entry(0))
    shutil.copytree(world.log_folder, world.folder / "backup")
    world.log(entry(1), entry(2))
    shutil.rmtree(world.log_folder)
    shutil.copytree(world.folder / "backup", world.log_folder)
    world.start()
    with pytest.raises(Ours, match=r"^ledger\.rolled_back"):
        world.log(entry(3))
    with pytest.raises(Ours):  # longer than the witness has seen by now, and another log
        world.log(*(entry(n) for n in range(10, 15)))
    assert world.store.checkpoint().split("\n")[1] == "1"


def test_a_full_disk_is_our_fault_and_the_next_append_works(world, entry, monkeypatch):
    def full(_handle: int) -> None:
        raise OSError(28, os.strerror(28))

    world.log(entry(0))
    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(Ours, match=r"^ledger\.failed"):
        world.log(entry(1))
    monkeypatch.undo()
    (proof,) = world.log(entry(1))
    assert verify_logged(proof, world.pinned).index == 1


def test_a_caller_that_went_away_does_not_stop_the_others(world, entry):
    async def run():
        gone = asyncio.ensure_future(world.sequencer.add(entry(0)))
        stays = asyncio.ensure_future(world.sequencer.add(entry(1)))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert verify_logged(asyncio.run(run()), world.pinned).index == 1


def test_a_retry_is_answered_however_late_and_a_new_leaf_is_not_dated_back(world, entry):
    clock = [1_764_000_000_000]
    ledger = Ledger(world.store, world.sequencer, lambda: clock[0], CollectorRegistry())
    carrier = parse_identity("carrier/in")

    first = asyncio.run(ledger.log(carrier, entry(0)))
    clock[0] += 86_400_000
    assert asyncio.run(ledger.log(carrier, entry(0))) == first
    with pytest.raises(Yours, match=r"^leaf\.clock"):
        asyncio.run(ledger.log(carrier, entry(1)))


def test_a_party_that_logs_without_end_is_told_to_wait_and_nobody_else_is(world, entry, leaf, monkeypatch):
    monkeypatch.setattr(app_module, "MAX_A_MINUTE", 3)
    clock = [1_764_000_000_000]
    ledger = Ledger(world.store, world.sequencer, lambda: clock[0], CollectorRegistry())

    def logs(who, entry):
        return asyncio.run(ledger.log(parse_identity(who), entry))

    for n in range(3):
        logs("carrier/in", entry(n))
    with pytest.raises(TooMany, match=r"^leaf\.quota"):
        logs("carrier/in", entry(3))
    assert 0 == logs("carrier/in", entry(0)).index, "what stands in the log is proven again"
    uk = encode_leaf(leaf(party="spiffe://tiers.example/carrier/uk"))
    assert [3, 4] == [logs("carrier/uk", uk).index, logs("carrier/in", encode_leaf(leaf())).index]
    clock[0] += 60_000
    assert 5 == logs("carrier/in", entry(3)).index


def test_what_the_witness_answers_is_checked_before_it_is_published(world, entry, monkeypatch):
    async def nonsense(_request) -> str:
        return f"— {world.witness_signer.name} AAAA\n"

    world.log(entry(0))
    monkeypatch.setattr(world.witness, "add_checkpoint", nonsense)
    with pytest.raises(Ours):
        world.log(entry(1))
    assert world.store.checkpoint().split("\n")[1] == "1"


def test_an_independent_reader_follows_the_files(world, entry):
    world.log(*(entry(n) for n in range(700)))
    world.log(entry(700))
    reader = TilesReader(LocalBackend(world.log_folder))
    checkpoint = reader.get_checkpoint()
    checkpoint.verify(Vkey.from_string(world.signer.key.vkey()))
    assert reader.calculate_root_hash() == checkpoint.root_hash == world.store.head().root
    assert [reader.get_entry(n) for n in (0, 255, 256, 700)] == [entry(n) for n in (0, 255, 256, 700)]
    for path in world.log_folder.glob("tile/*/*"):
        if path.is_file():
            name = parse_tile_path(str(path.relative_to(world.log_folder / "tile")))
            assert world.store.tile(name) == path.read_bytes()


def with_three_witnesses(world) -> list[DirectWitness]:
    """Give the log two more witnesses, of whom two must sign."""
    signers = [WitnessSigner(f"tiers.example/witness/w{n}", SigningKey(bytes([n]) * 32)) for n in (2, 3)]
    world.pinned = PinnedLog(world.signer.key, (world.witness_signer.key, *(one.key for one in signers)), 2)
    world.others = [world.another_witness(one) for one in signers]
    return [world.witness, *world.others]


def test_two_of_three_witnesses_are_enough_whichever_is_down(world, entry):
    witnesses = with_three_witnesses(world)
    for n, dead in enumerate([None, *witnesses]):
        for one in witnesses:
            one.down = "before" if one is dead else None
        (proof,) = world.log(entry(n))
        assert len(verify_logged(proof, world.pinned).checkpoint.witnesses) >= 2


def test_one_of_three_witnesses_is_not_enough_and_the_retry_finds_the_leaf(world, entry):
    witnesses = with_three_witnesses(world)
    for one in witnesses[:2]:
        one.down = "before"
    with pytest.raises(Ours, match=r"^ledger\.unwitnessed"):
        world.log(entry(0))
    witnesses[0].down = None
    (proof,) = world.log(entry(0))
    assert proof.index == 0


def test_a_witness_that_answers_with_anothers_line_counts_for_nothing(world, entry, monkeypatch):
    first, second, third = with_three_witnesses(world)
    third.down = "before"
    monkeypatch.setattr(second, "add_checkpoint", first.add_checkpoint)
    with pytest.raises(Ours, match=r"^ledger\."):
        world.log(entry(0))


def test_a_witness_that_adds_strangers_lines_or_answers_twice_spoils_nobody_elses(world, entry, monkeypatch):
    first, *others = with_three_witnesses(world)
    cosign = first.add_checkpoint
    stranger = "".join(f"— stranger.example/{n} {'A' * 100}\n" for n in range(14))

    async def twice_and_more(request) -> str:
        return 2 * await cosign(request) + stranger

    monkeypatch.setattr(first, "add_checkpoint", twice_and_more)
    for n, other in enumerate(others):
        for one in others:
            one.down = None if one is other else "before"
        (proof,) = world.log(entry(n))
        assert 2 == len(verify_logged(proof, world.pinned).checkpoint.witnesses)
        assert "stranger" not in proof.checkpoint
    other.down = "before"
    with pytest.raises(Ours, match=r"^ledger\."):  # however often it answers, it counts once
        world.log(entry(9))
