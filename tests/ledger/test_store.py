import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tiers.ledger.store import JOURNAL, Files, Store
from tiers.ledger.tree import TileName
from tiers.wire.errors import Ours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner
from tiers.wire.log.merkle import leaf_hash, verify_consistency, verify_inclusion

ENTRIES = [b"entry %d" % number for number in range(600)]
BATCHES = [ENTRIES[0:3], ENTRIES[3:255], ENTRIES[255:256], ENTRIES[256:258], ENTRIES[258:590], ENTRIES[590:600]]
SIGNER = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))


class Crash(OSError):
    """The machine stops here."""


class FailingFiles(Files):
    """Stops at write number `at`: before it (lost), in the middle of it (torn), or after it (done, unanswered)."""

    def __init__(self, path: Path, at: int, how: str) -> None:
        super().__init__(path)
        self.left, self.how, self.writes = at, how, 0

    def _step(self, write, torn) -> None:
        self.writes += 1
        self.left -= 1
        if self.left > 0:
            write()
            return
        if self.left == 0 and self.how == "torn":
            torn()
        elif self.left == 0 and self.how == "done":
            write()
        raise Crash  # and at every later write: it is off

    def append(self, name, data) -> None:
        self._step(lambda: super(FailingFiles, self).append(name, data), lambda: self._tear(name, data))

    def write(self, name, data) -> None:
        self._step(lambda: super(FailingFiles, self).write(name, data), lambda: None)  # a rename is not torn

    def write_derived(self, name, data) -> None:
        # Not waited for, so after a power cut the name may stand over an empty file.
        super_write = super().write_derived
        self._step(lambda: super_write(name, data), lambda: super_write(name, b""))

    def drop(self, folder) -> None:
        self._step(lambda: super(FailingFiles, self).drop(folder), lambda: None)

    def _tear(self, name, data) -> None:
        super().append(name, data[: len(data) // 2 + 3])


def run(files: Files, answered: list[bytes]) -> None:
    """Start a log, append and publish all batches; `answered` gets the entries that were answered for."""
    store = Store(files)
    for batch in BATCHES:
        store.append(batch)
        store.publish(SIGNER.sign(store.head()))
        answered += batch


def writes_of_a_whole_run(folder: Path) -> int:
    files = FailingFiles(folder, 10**9, "lost")
    run(files, [])
    return files.writes


def good_store(folder: Path) -> Store:
    store = Store(Files(folder))
    store.append(ENTRIES)
    return store


@pytest.mark.parametrize("how", ["lost", "torn", "done"])
def test_killed_at_any_write_the_next_start_has_every_answered_entry_and_the_same_tree(tmp_path, how):
    expected = good_store(tmp_path / "good")
    total = writes_of_a_whole_run(tmp_path / "count")
    assert total > 30
    for at in range(1, total + 1):
        folder = tmp_path / f"{how}{at}"
        answered: list[bytes] = []
        with pytest.raises(Crash):
            run(FailingFiles(folder, at, how), answered)
        again = Store(Files(folder))
        assert [again.entry(index) for index in range(len(answered))] == answered
        assert again.append(ENTRIES) == list(range(600))
        assert again.head() == expected.head()
        assert disk(folder) == disk(tmp_path / "good")


def disk(folder: Path) -> dict[str, bytes]:
    """Everything that must be the same however the log came about: the journal, full tiles, and partial ones of now."""
    store = Store(Files(folder))
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "checkpoint" and not _older(path, store)
    }


def _older(path: Path, store: Store) -> bool:
    """Partial tiles of older sizes stay until the tile is full."""
    if not path.parent.name.endswith(".p"):
        return False
    level = path.parent.parent.name
    return int(path.name) != (store.size >> (0 if level == "entries" else 8 * int(level))) % 256


def test_a_failed_append_is_found_by_the_retry_if_it_reached_the_disk_and_made_good_if_it_did_not(tmp_path):
    for how, stands in (("lost", 3), ("torn", 4), ("done", 5)):
        files = FailingFiles(tmp_path / how, 10**9, how)
        store = Store(files)
        store.append(ENTRIES[:3])
        files.left = 1
        with pytest.raises(Crash):
            store.append(ENTRIES[3:5])
        files.left = 10**9
        assert Store(Files(tmp_path / how)).size == stands
        assert store.append(ENTRIES[3:6]) == [3, 4, 5]
        assert store.head() == good_head(tmp_path / f"good-{how}", ENTRIES[:6])
        assert Store(Files(tmp_path / how)).head() == store.head()


def test_a_record_whose_bytes_never_reached_the_disk_is_not_taken_for_an_entry(tmp_path):
    store = Store(Files(tmp_path / "log"))
    store.append(ENTRIES[:2])
    journal = tmp_path / "log" / JOURNAL
    raw = journal.read_bytes()
    journal.write_bytes(raw[: -len(ENTRIES[1])] + bytes(len(ENTRIES[1])))  # the length came through, the rest is zeros
    again = Store(Files(tmp_path / "log"))
    assert (again.size, again.append(ENTRIES[:2])) == (1, [0, 1])


def good_head(folder: Path, entries):
    store = Store(Files(folder))
    store.append(entries)
    return store.head()


def test_the_same_bytes_have_one_index_for_ever(tmp_path):
    store = Store(Files(tmp_path / "log"))
    assert store.append([b"a", b"b", b"a"]) == [0, 1, 0]
    assert store.append(ENTRIES) == list(range(2, 602))
    assert Store(Files(tmp_path / "log")).append([b"b", ENTRIES[599], b"c"]) == [1, 601, 602]


def test_a_batch_costs_one_fsync(tmp_path, monkeypatch):
    store = Store(Files(tmp_path / "log"))
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    store.append(ENTRIES[:100])
    assert len(synced) == 1


def test_proofs_come_from_tiles_and_verify_across_a_restart(tmp_path):
    good_store(tmp_path / "log")
    store = Store(Files(tmp_path / "log"))
    head, old = store.head(), store.head(300)
    for index in (0, 255, 256, 511, 512, 599):
        proof = store.inclusion_proof(index, 600)
        assert verify_inclusion(leaf_hash(ENTRIES[index]), index, head, proof) == leaf_hash(ENTRIES[index])
    assert verify_consistency(old, head, store.consistency_proof(300, 600)) == head


def test_entries_are_read_back_from_full_bundles_and_from_the_journal(tmp_path):
    store = good_store(tmp_path / "log")
    assert [store.entry(index) for index in (-1, 0, 255, 256, 599, 600)] == [
        None,
        ENTRIES[0],
        ENTRIES[255],
        ENTRIES[256],
        ENTRIES[599],
        None,
    ]


def test_partial_tiles_go_when_the_full_one_is_there(tmp_path):
    store = Store(Files(tmp_path / "log"))
    store.append(ENTRIES[:255])
    partial = tmp_path / "log" / "tile" / "0" / "000.p"
    assert len((partial / "255").read_bytes()) == 255 * 32
    store.append(ENTRIES[255:256])
    assert not partial.exists()
    assert len((tmp_path / "log" / "tile" / "0" / "000").read_bytes()) == 256 * 32


def test_any_width_of_a_tile_is_served_while_it_grows_and_after(tmp_path):
    store = Store(Files(tmp_path / "log"))
    store.append(ENTRIES[:3])
    two, bundle = store.tile(TileName(0, 0, 2)), store.tile(TileName(None, 0, 2))
    assert two == leaf_hash(ENTRIES[0]) + leaf_hash(ENTRIES[1])
    assert bundle == b"\x00\x07entry 0\x00\x07entry 1"
    assert [store.tile(TileName(level, 0, 4)) for level in (None, 0, 1, 63)] == [None] * 4
    store.append(ENTRIES)
    assert (store.tile(TileName(0, 0, 2)), store.tile(TileName(None, 0, 2))) == (two, bundle)
    assert store.tile(TileName(None, 3)) is None
    assert len(store.tile(TileName(1, 0, 2)) or b"") == 64


def test_a_log_that_lost_what_it_published_does_not_start(tmp_path):
    store = good_store(tmp_path / "log")
    store.publish(SIGNER.sign(store.head()))
    journal = tmp_path / "log" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-1])
    with pytest.raises(Ours, match=r"^ledger\.damaged"):
        Store(Files(tmp_path / "log"))


def test_a_log_whose_published_entry_was_changed_on_disk_does_not_start(tmp_path):
    store = good_store(tmp_path / "log")
    store.publish(SIGNER.sign(store.head()))
    tile = tmp_path / "log" / "tile" / "0" / "000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(Ours, match=r"^ledger\.damaged"):
        Store(Files(tmp_path / "log"))


@pytest.mark.parametrize("n", [0, 1])
def test_a_full_bundle_that_was_changed_on_disk_is_named_and_nothing_starts(tmp_path, n):
    """Its tile still says what the log published: only hashing the entries again shows it."""
    good_store(tmp_path / "log")
    bundle = tmp_path / "log" / TileName(None, n).path()
    bundle.write_bytes(bundle.read_bytes().replace(b"entry", b"ENTRY", 1))
    with pytest.raises(Ours, match=rf"^ledger\.damaged: Restore tile/entries/00{n} "):
        Store(Files(tmp_path / "log"))


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda _raw: b""])
def test_a_full_bundle_that_is_no_bundle_any_more_is_named(tmp_path, damage):
    good_store(tmp_path / "log")
    bundle = tmp_path / "log" / "tile" / "entries" / "000"
    bundle.write_bytes(damage(bundle.read_bytes()))
    with pytest.raises(Ours, match=r"^ledger\.damaged: Restore tile/entries/000 "):
        Store(Files(tmp_path / "log"))


def test_a_missing_full_tile_is_named(tmp_path):
    good_store(tmp_path / "log")
    (tmp_path / "log" / "tile" / "0" / "001").unlink()
    with pytest.raises(Ours, match=r"tile/0/001"):
        Store(Files(tmp_path / "log"))


WRITER = """
import sys
from pathlib import Path
from tiers.ledger.store import Files, Store
store = Store(Files(Path(sys.argv[1])))
for number in range(store.size, 10**6):
    store.append([b"entry %d" % number])
    print(number, flush=True)
"""


def test_a_process_killed_while_it_appends_loses_nothing_that_it_answered_for(tmp_path):
    folder = tmp_path / "log"
    answered = -1
    for round_of in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as writer:
            for line in writer.stdout:
                answered = int(line)
                if answered >= 90 * (round_of + 1):
                    writer.send_signal(signal.SIGKILL)
                    break
            answered = max([answered, *(int(line) for line in writer.stdout if line.endswith(b"\n"))])
        store = Store(Files(folder))
        assert store.size > answered
        assert [store.entry(index) for index in range(store.size)] == [b"entry %d" % n for n in range(store.size)]
