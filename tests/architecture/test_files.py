"""A file that others read is replaced whole: nobody opens one to write over it, whoever may be reading it."""

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiers.chassis.state import StateDir, read_folder, replace_file

ROOT = Path(__file__).parents[2]
IN_PLACE = {
    "services/chassis/state.py": 1,  # `replace_file` itself, under another name
    "services/lab/faults/planting.py": 1,  # what a leak leaves behind
    "services/lab/faults/relay.py": 1,  # appends
    "services/lab/cli/kit.py": 1,  # nothing, in the place of an output that cannot be written
    "services/lab/cli/lesson.py": 3,  # a saved lesson and its sheets, a person's own files
    "services/lab/exercises/hard.py": 1,  # what a student measured, for himself
    "services/lab/systems/kit.py": 3,  # what servers are configured by, before they start
    "services/lab/systems/mail.py": 3,  # the same, and the folders of mail programs that live for seconds
    "services/lab/systems/matrix.py": 1,  # a paper
    "services/lab/systems/omemo.py": 2,  # what a device keeps, as in slixmpp-omemo's example
    "services/lab/systems/xmpp.py": 1,  # the same as kit.py
    "services/measure/program.py": 1,  # what a program of somebody else's says
}
LONGEST = 200_000


def writes(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that open a file for writing where it lies, or make one that is empty first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            modes = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            opens = name == "open" and any(mode[:1] in {"w", "x"} for mode in modes if len(mode) <= 3)
            raw = name == "open" and "O_WRONLY" in ast.dump(node)
            if opens or raw or name in {"write_text", "write_bytes"}:
                yield node


def test_no_program_writes_a_file_where_it_lies() -> None:
    found = {}
    for path in [
        *(ROOT / "gateway").rglob("*.py"),
        *(ROOT / "services").rglob("*.py"),
        *(ROOT / "deploy").rglob("*.py"),
    ]:
        if calls := list(writes(ast.parse(path.read_text(encoding="utf-8")))):
            found[str(path.relative_to(ROOT))] = len(calls)
    assert found == IN_PLACE


@pytest.mark.parametrize("source", ["p.write_text('')", "p.open('w')", "open(p, 'wb')", "os.open(p, os.O_WRONLY)"])
def test_a_write_in_place_is_seen(source: str) -> None:
    assert 1 == len(list(writes(ast.parse(source))))


@pytest.mark.parametrize("how", ["state", "pin"])
def test_whoever_reads_a_folder_while_it_is_written_meets_whole_files_only(how: str, tmp_path: Path) -> None:
    contents = [bytes([byte]) * (LONGEST - byte) for byte in (65, 66)]
    write = (
        StateDir(tmp_path / "d").write
        if how == "state"
        else lambda name, data: replace_file(tmp_path / "d" / name, data)
    )
    write("a/key.jwk", contents[0])
    over = threading.Event()

    def keep_writing() -> None:
        for number in range(100):
            write("a/key.jwk", contents[number % 2])
        over.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    seen = []
    while not over.is_set():
        seen.append(read_folder(tmp_path / "d"))
    writer.join()
    assert seen
    assert all(one in [{"a/key.jwk": content} for content in contents] for one in seen)
