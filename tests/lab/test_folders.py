"""Where worlds live: nobody else's folder is trusted, and no folder outlives whoever lived in it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from tiers.lab.cli import acts
from tiers.lab.page.control import CONTROL, Control, leave_control
from tiers.lab.world import folders
from tiers.wire.errors import Yours

LIVES = """\
from tiers.lab.world import folders
with folders.held("x") as folder:
    (folder / "a.key").touch()
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"intercept-tiers-{os.getuid()}"


def test_a_folder_is_private_and_goes_with_what_is_in_it(top: Path) -> None:
    with suppress(ZeroDivisionError), folders.fresh() as folder:
        assert (0o700, 0o700) == (folder.stat().st_mode & 0o777, top.stat().st_mode & 0o777)
        (folder / "master.key").touch()
        raise ZeroDivisionError
    assert not top.exists()


def test_two_do_not_live_in_one_folder() -> None:
    with folders.held("x") as folder:
        with pytest.raises(Yours, match=r"lab\.running"), folders.held("x"):
            pass
        assert folder == folders.inhabited("x")
    assert folders.inhabited("x") is None


def test_what_a_killed_process_left_goes_at_the_next_start(tmp_path: Path) -> None:
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", LIVES], env=environ, stdin=-1, stdout=-1, text=True) as child:
        left = Path(child.stdout.readline().strip())
        assert left == folders.inhabited("x")
        with folders.fresh():
            assert (left / "a.key").exists()
        child.send_signal(signal.SIGKILL)
    assert (left / "a.key").exists()
    assert folders.inhabited("x") is None
    with folders.fresh():
        assert not left.exists()


@pytest.mark.parametrize("made", ["open", "link", "file"])
def test_somebody_elses_folder_gets_nothing(top: Path, tmp_path: Path, made: str) -> None:
    if made == "open":
        top.mkdir()
        top.chmod(0o777)
    elif made == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        top.symlink_to("theirs")
    else:
        top.touch()
    with pytest.raises(Yours, match=r"lab\.folder: Remove .*intercept-tiers"), folders.fresh():
        pass
    assert [] == [*(tmp_path / "theirs").glob("*")]
    with pytest.raises(Yours, match=r"lab\.down"):
        acts.asked("invite", {})


def test_a_temporary_folder_whose_name_is_no_text_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "\udcff"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    with pytest.raises(Yours, match=r"lab\.folder: Set TMPDIR"), folders.fresh():
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder that is somebody else's")
def test_a_folder_of_another_user_gets_nothing(top: Path) -> None:
    top.mkdir(mode=0o700)
    os.chown(top, 12345, 12345)
    with pytest.raises(Yours, match=r"lab\.folder"), folders.fresh():
        pass


@pytest.mark.parametrize("left", [b"", b"{}", b"\xff", b'{"url":"http://127.0.0.1:9","token":"t","page":"p"}'])
def test_a_stale_control_file_is_a_classroom_that_is_down(left: bytes) -> None:
    with folders.held(folders.HOME) as folder:
        (folder / CONTROL).write_bytes(left)
        with pytest.raises(Yours, match=r"lab\.down: Run `tiers up` in another terminal first"):
            acts.asked("invite", {})


@pytest.mark.parametrize("made", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_neither_waited_for_nor_a_traceback(top: Path, made: Callable[[Path], None]) -> None:
    with folders.held(folders.HOME) as folder:
        made(folder / CONTROL)
        with pytest.raises(Yours, match=r"lab\.down"):
            acts.asked("invite", {})
    top.mkdir(mode=0o700, exist_ok=True)
    made(top / f"{folders.HOME}.lock")
    with pytest.raises(Yours, match=r"lab\.down"):
        acts.asked("invite", {})
    with pytest.raises(Yours, match=r"lab\.folder: Remove .*\.lock"), folders.held(folders.HOME):
        pass


@pytest.mark.parametrize(("status", "said"), [(200, "<html>"), (404, '{"detail":"Not Found"}'), (500, ""), (502, "")])
async def test_another_program_on_the_port_is_a_classroom_that_is_down_or_has_failed(status: int, said: str) -> None:
    async def _page(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=said)

    app = web.Application()
    app.router.add_post("/api/invite", _page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with folders.held(folders.HOME) as folder:
        leave_control(folder, Control(f"http://127.0.0.1:{port}", "t", "p"))
        assert 0o600 == (folder / CONTROL).stat().st_mode & 0o777
        with pytest.raises(Yours, match=r"lab\.failed" if status == acts.FAILED else r"lab\.down"):
            await acts.ask(Control(f"http://127.0.0.1:{port}", "t", "p"), "invite", {})
    await runner.cleanup()


def test_a_socket_lies_in_a_short_folder_where_its_own_is_long(tmp_path: Path) -> None:
    assert Path("/tmp/x/s.sock") == folders.socket_path(Path("/tmp/x"), "s.sock")
    short = folders.socket_path(tmp_path / ("l" * 100), "s.sock")
    assert len(os.fsencode(short)) <= folders.SOCKET_BYTES
    assert 0o700 == short.parent.stat().st_mode & 0o777
