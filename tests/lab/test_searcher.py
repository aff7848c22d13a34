"""What was captured is searched beside the lab's own work, in a fork or in a thread, or it is said that it was not."""

import asyncio
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tiers.lab.attack.search import searcher
from tiers.lab.attack.search.searcher import Searcher
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Scanner, Source
from tiers.measure.search.spelling import Known, spell

KEY = os.urandom(32)
forked = pytest.mark.skipif(not searcher.FORKS, reason="forked on Linux only")


def spelled() -> Scanner:
    return Scanner(spell(Known(("cek", "bbm"), KEY)))


def holding(name: str, *data: bytes) -> Source:
    return Source(name, tuple(Chunk(name, 0, one) for one in data), packed=False)


@pytest.fixture(params=[pytest.param(True, marks=forked, id="fork"), pytest.param(False, id="thread")])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searcher, "FORKS", request.param)


@pytest.mark.usefixtures("_either")
async def test_each_capture_is_answered_for_however_large_it_is() -> None:
    rest = os.urandom(1 << 22)
    with closing(Searcher(spelled)) as search:
        looks = [
            search.look([holding("a", rest, KEY), holding("b", rest)]),
            search.look([holding("c", KEY.hex().encode())]),
        ]
        (one, other), (third,) = await asyncio.gather(*looks)
        assert await search.look([]) == []
    assert [list(found.facts) for found in (one, other, third)] == [[("cek", "bbm")], [], [("cek", "bbm")]]
    assert (one.name, one.size) == ("a", len(rest) + 32)


@forked
@pytest.mark.parametrize("under_way", [False, True])
async def test_the_search_is_two_other_processes_and_gone_when_it_is_closed(tmp_path: Path, *, under_way: bool) -> None:
    where = tmp_path / "who"
    with closing(Searcher(lambda: (where.write_text(str(os.getpid())), spelled())[1])) as search:
        await search.look([])
        first = int(where.read_text())
        second = int(Path(f"/proc/{first}/task/{first}/children").read_text())
        assert os.getpid() not in {first, second}
        gone = [os.pidfd_open(pid) for pid in (first, second)]
        if under_way:
            search.look([holding("a", os.urandom(1 << 20))] * 200)
            await asyncio.sleep(0)
    for child in gone:
        assert (await asyncio.to_thread(select.select, [child], [], [], 60))[0] == [child]
        os.close(child)
    assert not Path(f"/proc/{first}").exists()


def killed() -> Scanner:
    os.kill(os.getpid(), signal.SIGKILL)
    return spelled()


def mistaken() -> Scanner:
    raise KeyError("what went wrong")


@pytest.mark.usefixtures("_either")
async def test_what_goes_wrong_is_said_and_the_capture_is_not_whole(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Searcher(mistaken)) as search:
        for _ in range(2):
            with pytest.raises(NotWhole, match="has ended"):
                await search.look([holding("a", bytes(1 << 20))])
    assert "what went wrong" in capfd.readouterr().err


@forked
async def test_without_an_answer_the_capture_is_not_whole() -> None:
    with closing(Searcher(killed)) as search, pytest.raises(NotWhole, match="has ended"):
        await search.look([])


@pytest.fixture
def never(tmp_path: Path) -> Iterator[Callable[[], Scanner]]:
    """What spells for ever."""
    os.mkfifo(path := tmp_path / "go on")
    yield lambda: (path.read_text(), spelled())[1]
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.usefixtures("_either")
async def test_a_search_that_nobody_waits_for_any_more_is_ended(never: Callable[[], Scanner]) -> None:
    with closing(Searcher(never)) as search:
        looks = [search.look([holding("a", bytes(1 << 20))]) for _ in range(2)]
        await asyncio.sleep(0)
    assert [True, True] == [
        isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*looks, return_exceptions=True)
    ]


@forked
async def test_who_is_hung_up_on_meanwhile_sees_it(never: Callable[[], Scanner]) -> None:
    ours, theirs = socket.socketpair()
    with closing(Searcher(never)), theirs:
        ours.close()
        assert await asyncio.to_thread(theirs.recv, 1) == b""
