"""What a party keeps on disk: what is no state directory, or no database, is one sentence at the start."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tiers.chassis.database import Database
from tiers.chassis.state import StateDir
from tiers.wire.errors import Yours
from tiers.wire.keys.secret import Secret


def other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE warrants (x)")


@pytest.mark.parametrize("made", [Path.touch, lambda path: path.symlink_to("/nonexistent/x")])
def test_what_is_no_folder_holds_no_state(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "state")
    for path in (tmp_path / "state", tmp_path / "state/below"):
        with pytest.raises(Yours, match=r"state\.unusable: Restore .*state"):
            StateDir(path)


@pytest.mark.parametrize(
    "made",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.name), lambda path: path.symlink_to("nowhere")],
    ids=["folder", "pipe", "loop", "dangling"],
)
def test_what_is_no_file_is_neither_a_key_nor_absent(tmp_path: Path, made: Callable[[Path], None]) -> None:
    state = StateDir(tmp_path / "state")
    made(state.path / "master.key")
    for use in (
        lambda: state.read("master.key"),
        lambda: state.write("master.key", bytes(32)),
        lambda: state.key("master.key", Secret),
        lambda: Database(state.path / "master.key", ""),
    ):
        with pytest.raises(Yours, match=r"state\.unusable: Restore .*/state/master\.key"):
            use()
    assert ["master.key"] == [path.name for path in state.path.iterdir()]


def test_a_key_may_be_linked_from_elsewhere(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    StateDir(tmp_path / "safe").write("key", b"k" * 32)
    (state.path / "master.key").symlink_to("../safe/key")
    assert b"k" * 32 == state.key("master.key", Secret).reveal()


@pytest.mark.parametrize("made", [lambda path: path.write_bytes(os.urandom(4096)), Path.mkdir, other])
def test_what_is_no_database_of_this_party_is_one_sentence(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "court.sqlite3")
    with pytest.raises(Yours, match=r"state\.unusable: Restore .*court\.sqlite3"):
        Database(tmp_path / "court.sqlite3", "CREATE INDEX IF NOT EXISTS unfinished ON warrants (exp);")
