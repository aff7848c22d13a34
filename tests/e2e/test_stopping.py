"""Whoever stops `tiers` gets one line, whenever it is, and no key stays behind; and it runs in any temporary folder."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

TIERS = [sys.executable, "-P", "-c", "from tiers.lab.cli import main; main()"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": str(folder), "COLUMNS": "120"}
    return subprocess.Popen(
        [*TIERS, *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def ended(process: subprocess.Popen[str], folder: Path) -> None:
    """Look at how it ended, and at what it left."""
    _, said = process.communicate(timeout=60)
    assert ("Stopped.\n", 130, []) == (said, process.returncode, list(folder.iterdir()))


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["demo", "up"])
def test_while_the_parties_start(command: str, number: signal.Signals, tmp_path: Path) -> None:
    with started(tmp_path, command) as process:
        while not list(tmp_path.glob("*/*/store")):  # the first folder with a secret in it
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        process.send_signal(number)  # a user is impatient
        ended(process, tmp_path)


@pytest.mark.parametrize("line", ["Seven handsets", "The minute of the warrant", "The attack"])
def test_while_the_story_is_told(line: str, tmp_path: Path) -> None:
    with started(tmp_path, "demo") as process:
        assert any(line in said for said in process.stdout)
        process.send_signal(signal.SIGINT)
        ended(process, tmp_path)


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_classroom_is_up(number: signal.Signals, tmp_path: Path) -> None:
    with started(tmp_path, "up") as process:
        assert any("Ctrl-C stops it" in said for said in process.stdout)
        process.send_signal(number)
        ended(process, tmp_path)


@pytest.mark.parametrize("name", ["with space/quote\"'/percent%25/hash#/question?/star*[x]/new\nline\x1b", "l" * 120])
def test_any_temporary_folder_will_do(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    with started(folder, "up", "--workers", "2") as process:
        said = process.stdout.read() if process.poll() is not None else ""
        assert any("Ctrl-C stops it" in line for line in process.stdout), said + process.stderr.read()
        process.send_signal(signal.SIGTERM)
        ended(process, folder)


def test_output_that_nobody_reads_is_no_disagreement(tmp_path: Path) -> None:
    with started(tmp_path, "demo") as process:
        process.stdout.readline()
        process.stdout.close()
        assert (141, "") == (process.wait(60), process.stderr.read())
    assert [] == list(tmp_path.iterdir())


FULL = "Write to another place: No space left on device.\n"


@pytest.mark.parametrize(
    ("to", "command", "status", "said"),
    [
        ("/dev/full", "requests", 2, FULL),
        ("&-", "requests", 0, ""),
        ("&- 2>&-", "requests", 0, ""),
        ("&- 2>/dev/full", "page", 2, ""),
        ("&- 2>/dev/full", "nonsense", 2, ""),
    ],
)
def test_a_report_that_cannot_be_written_is_no_disagreement(to: str, command: str, status: int, said: str) -> None:
    tiers = ["sh", "-c", f'exec "$@" >{to}', "sh", *TIERS, command]
    done = subprocess.run(tiers, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert (status, said) == (done.returncode, done.stderr)


def test_in_a_folder_that_has_gone_one_is_told_to_go_elsewhere(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    tiers = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *TIERS, "matrix"]
    done = subprocess.run(tiers, cwd=gone, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert (2, "Go to a folder that is still there: this one has gone.\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("OSError(24, 'EMFILE')", "Let a process open more files (ulimit -n): all that it may are open.\n"),
        ("MemoryError()", "Free some memory: there is not enough.\n"),
        ("OSError(13, 'denied', '/there')", "Look at /there: denied.\n"),
    ],
)
def test_what_the_machine_lacks_is_one_line(error: str, said: str) -> None:
    code = (
        "import typer; from tiers.lab.cli.kit import ended; app = typer.Typer();"
        f"app.command()(lambda: (_ for _ in ()).throw({error})); ended(app, 'tiers')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (2, said) == (done.returncode, done.stderr)
