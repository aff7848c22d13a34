"""The nursery: parties forked from it are processes of their own, and share nothing that anybody could want."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tiers.lab.attack.search.catalogue import catalogue
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world import processes
from tiers.lab.world.cast import PARTIES
from tiers.lab.world.forking import Forked, Nursery
from tiers.lab.world.processes import LAUNCHER, Child, base_environ, children_of, nursery, start, stop
from tiers.lab.world.world import World, booted
from tiers.measure.capture.memory import memory
from tiers.measure.capture.processes import tree
from tiers.measure.search.scan import Scanner
from tiers.measure.search.spelling import Known, spell
from tiers.wire.message.envelope import Channel, Service

ROOT = Path(__file__).parents[2]
HELLO = Note("alice", "bob", Channel.CONSUMER, Service.BBM, "The nursery knows nothing of this")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not processes.FORKS, reason="parties are forked on Linux only"),
]
# A program that draws from every source of randomness that we or our libraries use, and says what came.
DRAWS = """
import os, random, secrets, ssl, uuid
import msgspec, uuid_utils
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tiers.wire.message.sealing import HpkePrivateKey
draws = {
    "os": os.urandom(16), "random": random.randbytes(16), "secrets": secrets.token_bytes(16),
    "ssl": ssl.RAND_bytes(16), "uuid4": uuid.uuid4().bytes, "uuid_utils 4": uuid_utils.uuid4().bytes,
    "uuid_utils 7": uuid_utils.uuid7().bytes[9:],
    "ed25519": ed25519.Ed25519PrivateKey.generate().private_bytes_raw(),
    "ec": str(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value).encode(),
}
print(msgspec.json.encode(draws).decode(), flush=True)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with booted(tmp_path_factory.mktemp("nursery") / "w") as world, opened(world) as running:
        yield running


def of_the_nursery() -> Child:
    """The nursery of this session, as a process whose memory can be taken."""
    return Child("nursery", [], {}, Path(), Forked(nursery().process.pid, -1))


def open_files(pid: int) -> set[str]:
    return {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}


def environ_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


async def test_every_party_is_a_process_of_its_own(desk: Desk) -> None:
    world = desk.world
    pids = [child.pid for child in world.children.values()]
    assert len(pids) == len(set(pids))
    assert set(pids) <= set(children_of(nursery().process.pid))
    for name, child in world.children.items():
        assert child.pid == os.getsid(child.pid)
        assert name == Path(f"/proc/{child.pid}/comm").read_text().strip()
        held = open_files(child.pid)
        assert [str(world.log(name))] == [one for one in held if one.startswith(str(world.root / "logs"))]
        assert not [one for one in held if "pidfd" in one or "memfd" in one]


async def test_the_nursery_has_no_thread_and_no_event_loop_and_only_what_the_system_gave_it(desk: Desk) -> None:
    pid = nursery().process.pid
    assert 1 == len(list(Path(f"/proc/{pid}/task").iterdir()))
    assert not [one for one in open_files(pid) if "eventpoll" in one]
    assert not [line for line in environ_of(pid) if line.startswith("TIERS_")]


def keys_of(world: World) -> dict[str, list[bytes]]:
    """What each party alone may hold: its key files, and its password for the store."""
    held = {name: [path.read_bytes() for path in sorted(world.state(name).glob("*.key"))] for name in world.children}
    for name in ("gateway", "carrier"):
        held[name].append(world.children[name].environ["TIERS_STORE_URL"].split(":")[2].split("@")[0].encode())
    return held


async def test_a_secret_of_one_party_is_never_in_anothers_memory_through_the_nursery(desk: Desk) -> None:
    world = desk.world
    sent = await desk.send(HELLO)
    await desk.received("bob")
    for name in ("witness", "court"):  # born after all others had read their keys and settings
        await stop(world.children[name])
        await world.launch(name)

    owned = {(name, str(number)): raw for name, keys in keys_of(world).items() for number, raw in enumerate(keys)}
    assert {name for name, _number in owned} == set(world.children)
    needles = [needle for fact, raw in owned.items() for needle in spell(Known(fact, raw))]
    scanner = Scanner(needles)
    for name, child in world.children.items():
        found = {owner for owner, _number in scanner.scan(memory(name, child)).facts}
        assert {name} == found, "its own are there, and nobody else's"

    everything = Scanner([*catalogue(desk, {"hello": sent}, ()).needles(), *needles])
    found = everything.scan(memory("nursery", child := of_the_nursery(), pids=[child.pid])).facts
    assert {} == {fact: where for fact, where in found.items() if fact[0] != "mark"}  # marks are no secrets


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    """A nursery whose children also find modules in `tmp_path`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "clock").write_bytes(bytes(8))
    own = Nursery(base_environ())
    yield own
    own.close()


async def test_forked_parties_do_not_share_randomness(elsewhere: Nursery, tmp_path: Path) -> None:
    (tmp_path / "draws.py").write_text(DRAWS)

    async def drawn(number: int) -> dict[str, str]:
        with (tmp_path / f"{number}").open("w+b") as output:
            child = await elsewhere.fork(
                "draws", [str(tmp_path / "clock"), "draws"], elsewhere.environ, output.fileno()
            )
            assert 0 == await child.wait()
            output.seek(0)
            return msgspec.json.decode(output.read(), type=dict[str, str])

    several = await asyncio.gather(*map(drawn, range(4)))
    for source in several[0]:
        assert 4 == len({draws[source] for draws in several}), source


async def test_a_nursery_that_was_killed_takes_its_children_along_and_is_replaced(
    elsewhere: Nursery, tmp_path: Path
) -> None:
    (tmp_path / "waits.py").write_text("import time\ntime.sleep(1000)\n")
    with (tmp_path / "log").open("ab") as log:
        order = ("waits", [str(tmp_path / "clock"), "waits"], elsewhere.environ, log.fileno())
        child = await elsewhere.fork(*order)
        assert child.returncode is None
        elsewhere.process.kill()
        assert 0 > await child.wait()
        again = await elsewhere.fork(*order)
        again.kill()
        assert -signal.SIGKILL == await again.wait()


async def test_exit_codes_and_signals_arrive_in_any_event_loop(elsewhere: Nursery, tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("raise SystemExit(7)\n")
    with (tmp_path / "log").open("ab") as log:
        child = await elsewhere.fork("ends", [str(tmp_path / "clock"), "ends"], elsewhere.environ, log.fileno())
    codes = await asyncio.gather(child.wait(), child.wait(), asyncio.to_thread(lambda: asyncio.run(child.wait())))
    assert [7, 7, 7] == codes


DAEMON = """
import os, time
reader, writer = os.pipe()
if not os.fork():
    os.setsid()
    if left := os.fork():
        os.write(writer, str(left).encode())
        os._exit(0)
    time.sleep(1000)
os.wait()
with open(os.environ["FIFO"], "wb") as fifo:
    fifo.write(os.read(reader, 100))
time.sleep(1000)
"""


async def test_what_a_party_leaves_behind_in_a_session_of_its_own_is_captured_with_it(
    elsewhere: Nursery, tmp_path: Path
) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    os.mkfifo(tmp_path / "fifo")
    environ = {**elsewhere.environ, "FIFO": str(tmp_path / "fifo")}
    with (tmp_path / "log").open("ab") as log:
        child = await elsewhere.fork("daemon", [str(tmp_path / "clock"), "daemon"], environ, log.fileno())
    left = int(await asyncio.to_thread((tmp_path / "fifo").read_text))
    assert left in tree(child.pid)
    os.kill(left, signal.SIGKILL)


WITH_A_WORLD = """
import asyncio, sys
from pathlib import Path
from tiers.lab.world import processes
from tiers.lab.world.cast import PARTIES
from tiers.lab.world.world import booted
processes.FORKS = sys.argv[2] == "fork"

async def main():
    async with booted(Path(sys.argv[1])) as world:
        print(*(child.pid for child in (*world.children.values(), *world.store.children)), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["fork", "exec"])
async def test_whoever_kills_the_owner_ends_nursery_and_parties_and_no_module_lying_about_is_loaded(
    how: str, tmp_path: Path
) -> None:
    (tmp_path / "structlog.py").write_text("raise SystemExit('a module of the working folder')\n")
    command = [sys.executable, "-P", "-c", WITH_A_WORLD, str(tmp_path / "w"), how]
    pipe = asyncio.subprocess.PIPE
    owner = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=pipe, start_new_session=True)
    assert owner.stdout is not None
    pids = [int(pid) for pid in (await owner.stdout.readline()).split()] + children_of(owner.pid)
    assert len(pids) > len(PARTIES)
    owner.kill()
    await owner.wait()
    async with asyncio.timeout(20):
        while any(map(runs, pids)):  # noqa: ASYNC110 - they are nobody's children any more
            await asyncio.sleep(0.02)


async def test_where_fork_is_no_good_every_party_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FORKS", False)
    async with booted(tmp_path / "w") as world, opened(world) as desk:
        assert {os.getpid()} == {parent_of(child.pid) for child in world.children.values()}
        sent = await desk.send(HELLO)
        assert sent.mid == (await desk.received("bob")).mid


def runs(pid: int) -> bool:
    """Whether a process is there, and not only what is left of it until somebody asks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_an_environment_that_works_at_exec_only_is_executed(tmp_path: Path) -> None:
    (tmp_path / "clock").write_bytes(bytes(8))
    command = [*LAUNCHER, str(tmp_path / "clock"), "this"]
    environs = base_environ(), base_environ() | {"PYTHONHASHSEED": "1"}
    both = [await start("this", command, environ, tmp_path / "log") for environ in environs]
    await asyncio.gather(*(child.process.wait() for child in both))
    assert [False, True] == [isinstance(child.process, asyncio.subprocess.Process) for child in both]
