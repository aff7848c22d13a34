"""What a user waits for: a world's boot, first message, story, attack and end, its CPU and memory. A Prosody beside.

Everything runs in this process one after the other, so that both are measured on the same machine in the same minutes.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.progress import Progress

from bench.client import SERVER
from bench.load import Spec, prepared
from bench.peers import PEERS
from bench.peers.kit import Place
from bench.peers.run import member
from bench.results import used
from tiers.lab.classroom.desk import Note, opened
from tiers.lab.classroom.story import play
from tiers.lab.matrix.matrix import measure as attack
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports, nursery, stop
from tiers.lab.world.world import booted
from tiers.wire.message.envelope import Channel, Service

PEER = "prosody"
_PINS = ("2100000a", "2100000b")


class Felt(msgspec.Struct, frozen=True):
    """Medians: seconds by phase, seconds of CPU, and MiB of memory (PSS), of `ours` and of the peer."""

    repeats: int
    cores: int
    load_before: float
    load_after: float
    ours: dict[str, float]
    peer: dict[str, float]


class Watch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._began = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now

    def since_start(self, name: str) -> None:
        self.laps[name] = time.monotonic() - self._began


async def measure(progress: Progress, repeats: int) -> Felt:
    """Measure; raises `Yours` where the peer is not installed."""
    PEERS[PEER].binary()
    before, steps = os.getloadavg()[0], progress.add_task("A world, and a Prosody", total=2 * repeats)
    ours, peer = list[dict[str, float]](), list[dict[str, float]]()
    for _ in range(repeats):
        for runs, run in ((ours, _world), (peer, _prosody)):
            with tempfile.TemporaryDirectory(prefix="tiers-bench-") as folder:
                runs.append(await run(Path(folder)))
            progress.advance(steps)
    after = os.getloadavg()[0]
    return Felt(repeats, os.cpu_count() or 1, round(before, 2), round(after, 2), _medians(ours), _medians(peer))


async def _world(folder: Path) -> dict[str, float]:
    watch, spent = Watch(), _own()
    async with booted(folder / "world") as world:
        watch.lap("boot")
        async with opened(world) as desk:
            await desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "The first message of all"))
            await desk.received("bob")
            watch.since_start("first message")
            watch.lap("handsets")
            story = await play(desk, lambda _title, _sentence: None)
            watch.lap("story")
            parties = [*(one.pid for one in world.children.values()), *(one.pid for one in world.store.children)]
            watch.laps["MiB"] = _pss([*parties, nursery().process.pid])
            before = time.monotonic()
            await attack(desk, story)
            watch.laps["attack"] = time.monotonic() - before
            watch.laps["CPU"] = _own() - spent + sum(used(pid).cpu for pid in parties)
        ending = time.monotonic()
    watch.laps["end"] = time.monotonic() - ending
    return watch.laps


async def _prosody(folder: Path) -> dict[str, float]:
    tls, (port,) = folder / "tls", free_ports(1)
    Authority.create().issue(SERVER, tls)
    watch = Watch()
    child, _promise = await PEERS[PEER].started(Place(folder / PEER, port, tls, _PINS))
    try:
        watch.lap("boot")
        ca, members = str(tls / "ca.pem"), tuple(map(member, _PINS))
        about = Spec(
            port=port, ca=ca, channel=Channel.ENTERPRISE, members=members, each=1, in_flight=1, pids={}, peer=PEER
        )
        await prepared(about).run()
        watch.since_start("first message")
        watch.laps |= {"MiB": _pss([child.pid]), "CPU": used(child.pid).cpu}
    finally:
        ending = time.monotonic()
        await stop(child)
    watch.laps["end"] = time.monotonic() - ending
    return watch.laps


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _pss(pids: Iterable[int]) -> float:
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
