"""Captures: what is held is found, and a capture that is empty or partial is an error, never a clean result."""

import asyncio
import os
import sqlite3
import sys
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiers.measure.capture import memory as capturing
from tiers.measure.capture.files import answers, files, folder
from tiers.measure.capture.memory import MEASURES_MEMORY, memory
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Scanner, Source
from tiers.measure.search.spelling import Known, spell

LINUX = pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only")


@dataclass(frozen=True)
class Child:
    name: str
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self.process.pid


FACT = ("cek", "bbm")
# Holds a key that it was told, in a large object, then waits to be ended.
HOLDER = """
import sys
held = [bytes.fromhex(sys.stdin.readline())] + [bytes(1000) for _ in range(2000)]
print("ready", flush=True)
sys.stdin.readline()
"""


def finds(source: Source, raw: bytes) -> bool:
    return bool(Scanner(spell(Known(FACT, raw))).scan(source).facts)


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[tuple[Child, bytes]]:
    """Run a process that holds 32 bytes that nobody else has."""
    raw, pipe = os.urandom(32), asyncio.subprocess.PIPE
    command = [sys.executable, "-c", HOLDER]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(raw.hex().encode() + b"\n")
    assert await process.stdout.readline() == b"ready\n"
    yield Child("holder", process), raw
    if process.returncode is None:
        process.kill()
    await process.wait()


@LINUX
async def test_a_key_in_the_memory_of_a_process_is_found(holder: tuple[Child, bytes]) -> None:
    child, raw = holder
    source = memory("memory:holder", child)
    assert finds(source, raw)
    assert not finds(source, os.urandom(32))
    assert source.name == "memory:holder"
    (place, *_) = Scanner(spell(Known(FACT, raw))).scan(source).facts[FACT]
    with Path(f"/proc/{child.pid}/mem").open("rb", buffering=0) as file:
        file.seek(place.offset)
        found = file.read(32)
    assert place.how != "raw" or found == raw


@LINUX
async def test_a_process_that_has_ended_is_no_empty_capture(holder: tuple[Child, bytes]) -> None:
    child, _ = holder
    child.process.kill()
    await child.process.wait()
    with pytest.raises(NotWhole):
        memory("memory:holder", child)


@LINUX
async def test_a_capture_that_is_too_small_to_be_a_process_is_an_error(
    holder: tuple[Child, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capturing, "_SMALLEST", 1 << 40)
    with pytest.raises(NotWhole):
        memory("memory:holder", holder[0])


@LINUX
async def test_a_region_that_cannot_be_read_is_an_error(
    holder: tuple[Child, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = capturing._regions
    hole = capturing._Region(4096, 8192, "hole")
    monkeypatch.setattr(capturing, "_regions", lambda who, pid: [*real(who, pid), hole])
    monkeypatch.setattr(capturing, "_present", lambda _pid, region: [(region.start, region.start + 4096)])
    with pytest.raises(NotWhole, match="1 regions"):
        memory("memory:holder", holder[0])


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(NotWhole):
        folder("state:carrier", tmp_path)
    with pytest.raises(NotWhole):
        folder("state:carrier", tmp_path / "missing")
    with pytest.raises(NotWhole):
        files("keys:carrier", [tmp_path / "missing"])
    with pytest.raises(NotWhole):
        answers("answers:court", [])


def test_one_missing_file_among_others_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_bytes(b"x" * 32)
    with pytest.raises(NotWhole, match=r"signing\.key"):
        files("keys:carrier", [tmp_path / "master.key", tmp_path / "signing.key"])


def test_a_folder_is_read_to_the_bottom(tmp_path: Path) -> None:
    raw = os.urandom(32)
    (tmp_path / "tile" / "0").mkdir(parents=True)
    (tmp_path / "tile" / "0" / "deep").write_bytes(raw)
    assert finds(folder("state:ledger", tmp_path), raw)


def test_a_log_that_is_a_link_is_read_where_it_leads_and_a_folder_has_attributes_too(tmp_path: Path) -> None:
    raw, other = os.urandom(32), os.urandom(32)
    (tmp_path / "elsewhere").write_bytes(b"said: " + raw)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "current.log").symlink_to(tmp_path / "elsewhere")
    assert finds(folder("log", tmp_path / "logs"), raw)
    assert finds(files("log", [tmp_path / "logs" / "current.log"]), raw)
    try:
        os.setxattr(tmp_path / "logs", "user.note", other)
    except (OSError, AttributeError):
        pytest.skip("this file system has no attributes")
    assert finds(folder("log", tmp_path / "logs"), other)
    os.setxattr(tmp_path / "logs", "user.packed", zlib.compress(b"said: " + b"x" * 99 + raw[::-1], wbits=-15))
    assert finds(folder("log", tmp_path / "logs"), raw[::-1])


def test_a_key_of_which_each_answer_has_a_part_is_found() -> None:
    raw = os.urandom(32)
    assert finds(answers("answers:court", [(f"part {at}", raw[at : at + 4]) for at in range(0, 32, 4)]), raw)


def test_a_long_value_of_a_database_is_found_in_one_piece(tmp_path: Path) -> None:
    raw = os.urandom(40_000)
    with sqlite3.connect(tmp_path / "some[1].db") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute('CREATE TABLE "all ""grants""" (ts INTEGER, jwe BLOB, said TEXT)')
        db.execute("""INSERT INTO "all ""grants\""" VALUES (1, ?, 'hello there, all of you')""", (raw,))
        db.execute("""INSERT INTO "all ""grants\""" VALUES (2, '', CAST(x'ff' AS TEXT))""")
    db.close()
    source = folder("state:auditor", tmp_path)
    assert finds(source, raw[20_000:20_032])
    assert [chunk.place for chunk in source.chunks if chunk.data == raw] == [
        'state:auditor, some[1].db, all "grants", row 0'
    ]
    assert finds(source, b"hello there, all of you")


def test_a_key_in_pieces_in_the_rows_of_a_database_is_found(tmp_path: Path) -> None:
    raw, other = os.urandom(32), os.urandom(32).hex()
    with sqlite3.connect(tmp_path / "some.db") as db:
        db.execute("CREATE TABLE bytes (at INTEGER, byte INTEGER)")
        db.executemany("INSERT INTO bytes VALUES (?, ?)", enumerate(raw))
        db.execute("CREATE TABLE words (at INTEGER, word TEXT)")
        db.executemany("INSERT INTO words VALUES (?, ?)", [(at, other[at : at + 8]) for at in range(0, 64, 8)])
    db.close()
    source = folder("state:auditor", tmp_path)
    assert finds(source, raw)
    assert finds(source, bytes.fromhex(other))


def test_a_database_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_bytes(b"SQLite format 3\0 and nothing more")
    with pytest.raises(NotWhole):
        folder("state:auditor", tmp_path)
