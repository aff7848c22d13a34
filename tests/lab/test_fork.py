"""What is done in a fork of this process comes back, or it is said that it did not."""

import asyncio
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tiers.lab.attack.fork import in_fork
from tiers.measure.errors import NotWhole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only memory is looked through so, on Linux only")


async def test_the_answer_is_of_another_process_that_knows_what_this_one_knew() -> None:
    known = {("cek", "bbm"): os.urandom(32)}
    held = threading.Event()
    thread = threading.Thread(target=held.wait)
    thread.start()
    first = in_fork(lambda: (os.getpid(), dict(known)))
    known.clear()
    pid, said = await first
    held.set()
    thread.join()
    assert pid != os.getpid()
    assert list(said) == [("cek", "bbm")]
    assert not Path(f"/proc/{pid}").exists()


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mistaken() -> None:
    raise KeyError("what went wrong")


@pytest.mark.parametrize(("work", "said"), [(killed, ""), (mistaken, "what went wrong")])
async def test_without_an_answer_the_capture_is_not_whole(
    work: Callable[[], None], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotWhole, match="has ended"):
        await in_fork(work)
    assert said in capfd.readouterr().err


async def test_work_that_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "who")
    task = in_fork(lambda: (path.write_text(str(os.getpid())), time.sleep(600)))
    child = os.pidfd_open(int(await asyncio.to_thread(path.read_text)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await asyncio.to_thread(select.select, [child], [], [], 60))[0] == [child]
    os.close(child)


async def test_who_is_hung_up_on_meanwhile_sees_it(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "go on")
    ours, theirs = socket.socketpair()
    task = in_fork(path.read_text)
    ours.close()
    assert await asyncio.to_thread(theirs.recv, 1) == b""
    theirs.close()
    path.write_text("done")
    assert await task == "done"
