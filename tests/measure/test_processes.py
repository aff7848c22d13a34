"""What a process holds beside plain memory: children, environment, files without a name, pipes, lists, other ports."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiers.measure.capture import memory as capturing
from tiers.measure.capture.memory import MEASURES_MEMORY, Process, alone, memory, pages_of, unlike
from tiers.measure.capture.places import around, left
from tiers.measure.capture.processes import listening, said_by, tree
from tiers.measure.search.scan import Chunk, Found, Scanner, Source
from tiers.measure.search.spelling import Known, spell

pytestmark = pytest.mark.skipif(not MEASURES_MEMORY, reason="processes are measured on Linux only")
FACT = ("key",)
# The key comes by standard input, is put somewhere, and forgotten.
PUT = """
import ctypes, os, socket, subprocess, sys, tempfile, threading
key = bytes.fromhex(sys.stdin.readline())
{put}
del key
print("ready", flush=True)
sys.stdin.readline()
"""
CHILD = """
child = subprocess.Popen([sys.executable, "-c", "k = bytes.fromhex(input()); print(1, flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(key.hex().encode() + b"\\n")
child.stdin.flush()
child.stdout.readline()
"""
THREADS = """
ready = threading.Semaphore(0)
def named(part):
    ctypes.CDLL(None).prctl(15, part.encode(), 0, 0, 0)  # PR_SET_NAME
    ready.release()
    threading.Event().wait()
for at in range(0, 60, 15):
    threading.Thread(target=named, args=(key.hex()[at:at + 15],), daemon=True).start()
    ready.acquire()
"""
PLACES = {
    "a list of integers": ("held = list(key)", "a list of integers"),
    "a tuple of integers": ("held = tuple(key)", "a list of integers"),
    "an array of words": ("import array; held = array.array('I', key)", "memory of"),
    "a number": ("held = int.from_bytes(key, 'big')", "memory of"),
    "two halves": ("held = [key[:16], bytearray(key[16:])]", "memory of"),
    "a child's environment": (
        "child = subprocess.Popen(['sleep', '60'], env={'PATH': os.environ['PATH'], 'K': key.hex()})",
        "environment of",
    ),
    "a child's memory": (CHILD, "child"),
    "a deleted file": (
        "held = tempfile.TemporaryFile(); held.write(key); held.flush()",
        "held open by",
    ),
    "a memfd": ("held = os.memfd_create('x'); os.write(held, key)", "/memfd:x"),
    "names of threads": (THREADS, "names of the threads of"),
    "a pipe": ("held = os.pipe(); os.write(held[1], key)", "a pipe of"),
}


@contextmanager
def holding(raw: bytes, put: str) -> Iterator[Process]:
    command = [sys.executable, "-c", PUT.format(put=put)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(raw.hex().encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"ready\n"
    try:
        yield Process("holder", process.pid)
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def found(source: Source, raw: bytes) -> Found:
    return Scanner(spell(Known(FACT, raw))).scan(source)


@pytest.mark.parametrize("how", PLACES)
def test_a_key_is_found_where_a_process_put_it(how: str) -> None:
    put, place = PLACES[how]
    raw = os.urandom(32)
    with holding(raw, put) as process:
        source = memory("memory:holder", process)
        near = Source("near", tuple(chunk for chunk in source.chunks if place in chunk.place))
        assert found(near, raw).facts, how
        assert not found(source, os.urandom(32)).facts


def test_a_child_that_has_hardly_begun_is_no_partial_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "_SMALLEST", 1 << 21)  # more than `sleep` has, and less than an interpreter
    raw = os.urandom(32)
    with holding(raw, PLACES["a child's environment"][0]) as process:
        assert found(memory("memory:holder", process), raw).facts


def test_looking_into_a_pipe_leaves_what_is_in_it() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"still here")
    memory("memory:me", Process("me", os.getpid()))
    assert os.read(reader, 100) == b"still here"
    os.close(reader)
    os.close(writer)


def test_what_two_processes_have_in_common_is_looked_through_once_and_not_lost() -> None:
    raw = os.urandom(32)
    pages = [os.urandom(4096) for _ in range(6)]
    pages[2] = pages[2][:-16] + raw[:16]
    pages[3] = raw[16:] + pages[3][16:]
    whole = Source("one", (Chunk("one", 1 << 20, b"".join(pages)),))
    other = Source("shared", (Chunk("shared", 1 << 20, b"".join([*pages[:3], os.urandom(4096), *pages[4:]])),))
    for shared in (other, whole):
        own = Source("one", tuple(unlike(whole.chunks, pages_of(shared))), beside=shared)
        assert found(own, raw).facts
    small = sum(len(chunk.data) for chunk in unlike(whole.chunks, pages_of(other)))
    assert small < 2 * 4096


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("::1", "AF_INET6")])
def test_a_port_that_nobody_named_is_asked(host: str, family: str) -> None:
    raw = os.urandom(32)
    serve = (
        f"held = socket.create_server(('{host}', 0), family=socket.{family}); said = key.hex().encode();"
        " threading.Thread(target=lambda: held.accept()[0].sendall(said) or os._exit, daemon=True).start()"
    )
    with holding(raw, serve) as process:
        (port,) = listening(tree(process.pid))
        assert found(Source("said", tuple(said_by(port))), raw).facts


def test_new_files_are_taken_and_old_ones_are_not(tmp_path: Path) -> None:
    raw, old = os.urandom(32), os.urandom(32)
    (tmp_path / "old").write_bytes(old)
    before = around(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "deep").write_bytes(raw)
    (tmp_path / "known").write_bytes(old)
    source = Source("left", tuple(left("left", tmp_path, before, [tmp_path / "known", tmp_path.parent])))
    assert not found(source, raw).facts
    source = Source("left", tuple(left("left", tmp_path, before, [tmp_path / "known"])))
    assert found(source, raw).facts
    assert not found(source, old).facts


def test_a_process_alone_is_taken_without_its_children() -> None:
    with holding(os.urandom(32), "child = subprocess.Popen(['sleep', '60'])") as process:
        assert len(tree(process.pid)) == 2
        assert not [chunk for chunk in alone("one", process).chunks if "child" in chunk.place]
