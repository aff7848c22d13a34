"""What a process holds beside plain memory: children, environment, files without a name, pipes, lists, other ports."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiers.measure.capture import memory as capturing
from tiers.measure.capture.memory import MEASURES_MEMORY, Process, memory, own, pages_of
from tiers.measure.capture.places import around, folders_in, left
from tiers.measure.capture.processes import listening, said_by, tree, unnamed
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
        (
            "child = subprocess.Popen(['sleep', '60'], env={'PATH': os.environ['PATH'], 'K': key.hex()})\n"
            "while not open(f'/proc/{child.pid}/environ').read(): pass  # it is born before it has one"
        ),
        "environment of",
    ),
    "a child's memory": (CHILD, "child"),
    "a deleted file": (
        "held = tempfile.TemporaryFile(); held.write(key); held.flush()",
        "held open by",
    ),
    "a memfd": ("held = os.memfd_create('x'); os.write(held, key)", "/memfd:x"),
    "names of threads": (THREADS, "names of the threads of"),
    "a socket that nobody reads": ("held = socket.socketpair(); held[0].send(key)", "unread by"),
    "a datagram that nobody reads": (
        "held = socket.socket(type=2); held.bind(('', 0)); socket.socket(type=2).sendto(key, held.getsockname())",
        "unread by",
    ),
    "the folder where it runs": ("os.mkdir(key.hex()); os.chdir(key.hex())", "cwd of"),
    "a pipe": ("held = os.pipe(); os.write(held[1], key)", "a pipe of"),
}


@contextmanager
def holding(raw: bytes, put: str, cwd: Path | None = None) -> Iterator[Process]:
    command = [sys.executable, "-c", PUT.format(put=put)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, cwd=cwd)
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
def test_a_key_is_found_where_a_process_put_it(how: str, tmp_path: Path) -> None:
    put, place = PLACES[how]
    raw = os.urandom(32)
    with holding(raw, put, tmp_path) as process:
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
    whole = Source("one", (Chunk("one", 1 << 20, b"".join(pages)),), packed=False)
    other = Source(
        "shared", (Chunk("shared", 1 << 20, b"".join([*pages[:3], os.urandom(4096), *pages[4:]])),), packed=False
    )
    for shared in (other, whole):
        new = Source("one", tuple(own(whole.chunks, pages_of(shared.chunks))), packed=False, beside=shared)
        for place in found(new, raw).facts[FACT]:
            assert 0 <= place.offset - ((1 << 20) + 3 * 4096 - 16) < 16  # a key may begin with blanks
    small = sum(len(chunk.data) for chunk in own(whole.chunks, pages_of(other.chunks)))
    assert small < 2 * 4096


SOCKETS = {
    "a port": "socket.create_server(('127.0.0.1', 0))",
    "a port of another address": "socket.create_server(('127.0.0.9', 0))",
    "a port of IPv6": "socket.create_server(('::1', 0), family=socket.AF_INET6)",
    "a Unix socket": "bound('near.sock')",
    "an abstract socket": "bound('\\0near')",
    "a port of UDP": "bound(('127.0.0.1', 0), socket.AF_INET, socket.SOCK_DGRAM)",
}
ANSWER = """
def bound(where, family=socket.AF_UNIX, kind=socket.SOCK_STREAM):
    one = socket.socket(family, kind)
    one.bind(where)
    if kind == socket.SOCK_STREAM: one.listen()
    return one
def answer(said):
    if held.type == socket.SOCK_DGRAM: held.sendto(said, held.recvfrom(100)[1])
    else: held.accept()[0].sendall(said)
    os._exit
held = {held}
threading.Thread(target=answer, args=(key.hex().encode(),), daemon=True).start()
"""


@pytest.mark.parametrize("how", SOCKETS)
def test_a_socket_that_nobody_named_is_asked(how: str, tmp_path: Path) -> None:
    raw = os.urandom(32)
    with holding(raw, ANSWER.format(held=SOCKETS[how]), tmp_path) as process:
        (address,) = listening(tree(process.pid))
        assert found(Source("said", tuple(said_by(address))), raw).facts


def test_the_name_of_a_socket_is_looked_at() -> None:
    raw = os.urandom(32)
    with holding(raw, ANSWER.format(held="bound('\\0' + key.hex())")) as process:
        (address,) = listening(tree(process.pid))
        assert found(Source("said", tuple(said_by(address))), raw).facts


def test_looking_into_a_socket_leaves_what_is_in_it() -> None:
    raw = os.urandom(32)
    one, other = socket.socketpair()
    with one, other:
        one.send(raw)
        source = Source("own", tuple(unnamed("us", os.getpid())))
        assert found(source, raw).facts
        assert other.recv(100) == raw


def test_new_files_are_taken_and_old_ones_are_not(tmp_path: Path) -> None:
    raw, old = os.urandom(32), os.urandom(32)
    (tmp_path / "old").write_bytes(old)
    before = around(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "deep").write_bytes(raw)
    (tmp_path / "known").write_bytes(old)
    source = Source("left", tuple(left("left", [tmp_path], before, [tmp_path / "known", tmp_path.parent])))
    assert not found(source, raw).facts
    source = Source("left", tuple(left("left", [tmp_path], before, [tmp_path / "known"])))
    assert found(source, raw).facts
    assert not found(source, old).facts


def test_a_file_in_a_folder_that_was_there_is_taken_if_it_is_new_or_was_written_since(tmp_path: Path) -> None:
    raw = os.urandom(32)
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "old").write_bytes(b"old")
    folders = folders_in(tmp_path)
    before = around(*folders)
    (tmp_path / "data" / "deep" / "old").write_bytes(b"old, and " + raw)
    assert found(Source("left", tuple(left("left", folders, before, []))), raw).facts


def test_what_is_left_below_a_folder_of_others_is_taken_whatever_its_kind_and_time(tmp_path: Path) -> None:
    raws = [os.urandom(32) for _ in range(3)]
    (tmp_path / "cache" / "app").mkdir(parents=True)
    (tmp_path / "cache" / "old").write_bytes(b"old")
    about, before = (tmp_path / "cache" / "old").stat(), around(tmp_path)
    (tmp_path / "cache" / "new").write_bytes(raws[0])
    (tmp_path / "cache" / raws[1].hex()).mkdir()
    (tmp_path / "cache" / "old").write_bytes(raws[2])
    os.utime(tmp_path / "cache" / "old", ns=(about.st_atime_ns, about.st_mtime_ns))
    source = Source("left", tuple(left("left", [tmp_path], before, [])))
    assert [True] * 3 == [bool(found(source, raw).facts) for raw in raws]


def test_of_a_very_large_file_the_beginning_is_taken(tmp_path: Path) -> None:
    raw, before = os.urandom(32), around(tmp_path)
    with (tmp_path / "core").open("wb") as file:
        file.write(raw)
        file.truncate(1 << 27)
    (chunk,) = [one for one in left("left", [tmp_path], before, []) if one.data.startswith(raw)]
    assert 1 << 26 == len(chunk.data)


def test_a_process_alone_is_taken_without_its_children() -> None:
    with holding(os.urandom(32), "child = subprocess.Popen(['sleep', '60'])") as process:
        assert len(tree(process.pid)) == 2
        assert not [chunk for chunk in memory("one", process, pids=[process.pid]).chunks if "child" in chunk.place]
