"""What a user waits for: a world's boot, first message, story, attack and end, its CPU and memory.

Beside it a Prosody and a Synapse, each with two accounts. One after the other in this process, so that all are measured
on the same machine in the same minutes.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bench.client import SERVER
from bench.load import Spec, prepared
from bench.peers import PEERS
from bench.peers.kit import Place
from bench.peers.run import member
from bench.results import Measured, machine, used
from tiers.lab.classroom.desk import Note, opened
from tiers.lab.classroom.story import play
from tiers.lab.matrix.matrix import measure as attack
from tiers.lab.systems.synapse import synapse
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports, nursery, stop
from tiers.lab.world.world import booted
from tiers.measure.capture.processes import tree
from tiers.wire.message.envelope import Channel, Service

PEER = "prosody"
_PINS = ("2100000a", "2100000b")


class Felt(Measured, frozen=True):
    """Medians: seconds by phase, seconds of CPU, and MiB of memory (PSS), of `ours` and of each peer."""

    repeats: int
    ours: dict[str, float]
    peers: dict[str, dict[str, float]]


class Watch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._began = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now

    def first_message(self) -> None:
        self.laps["first message"] = time.monotonic() - self._began


async def measure(progress: Progress, repeats: int) -> Felt:
    """Measure; raises `Yours` where Prosody is not installed."""
    PEERS[PEER].binary()
    runs = {"ours": _world, PEER: _prosody, "synapse": _synapse}
    before, steps = os.getloadavg()[0], progress.add_task("A world and others", total=len(runs) * repeats)
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory(prefix="tiers-bench-") as folder:
                measured[name].append(await run(Path(folder)))
            progress.advance(steps)
    at = machine(before)
    medians = {name: _medians(each) for name, each in measured.items()}
    return Felt(*at, repeats, medians.pop("ours"), medians)


async def _world(folder: Path) -> dict[str, float]:
    watch, spent = Watch(), _spent()
    async with booted(folder / "world") as world:
        watch.lap("boot")
        async with opened(world) as desk:
            await desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "The first message of all"))
            await desk.received("bob")
            watch.first_message()
            watch.lap("handsets")
            story = await play(desk, lambda _title, _sentence: None)
            watch.lap("story")
            parties = [*(one.pid for one in world.children.values()), *(one.pid for one in world.store.children)]
            watch.laps["MiB"] = _pss([*parties, nursery().process.pid])
            before = time.monotonic()
            await attack(desk, story)
            watch.laps["attack"] = time.monotonic() - before
            watch.laps["CPU"] = _spent() - spent + sum(used(pid).cpu for pid in parties)
        ending = time.monotonic()
    watch.laps["end"] = time.monotonic() - ending
    watch.laps["pytest with our plugin unused"] = _pytest(folder) - _pytest(folder, "-p", "no:tiers")
    return watch.laps


def _spent() -> float:
    """Return the seconds of CPU of this process and of those of its children that have ended, as the search has."""
    return sum(sum(resource.getrusage(whose)[:2]) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _pytest(folder: Path, *more: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "pytest", "--version", *more], cwd=folder, capture_output=True, check=True)
    return time.monotonic() - began


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
        watch.first_message()
        watch.laps |= {"MiB": _pss([child.pid]), "CPU": used(child.pid).cpu}
    finally:
        ending = time.monotonic()
        await stop(child)
    watch.laps["end"] = time.monotonic() - ending
    return watch.laps


async def _synapse(folder: Path) -> dict[str, float]:
    watch = Watch()
    with synapse(folder / "synapse") as server:
        watch.lap("boot")
        _one_message(server.url + "/_matrix/client/v3")
        watch.first_message()
        pids = tree(server.pid)
        watch.laps |= {"MiB": _pss(pids), "CPU": sum(used(pid).cpu for pid in pids)}
        ending = time.monotonic()
    watch.laps["end"] = time.monotonic() - ending
    return watch.laps


def _one_message(url: str) -> None:
    """Register two people, and wait until what one says in a room is what the other hears (Matrix, client API)."""

    def ask(method: str, path: str, token: str = "", body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    auth = {"type": "m.login.dummy"}
    alice, bob = (
        ask("POST", "/register", body={"username": name, "password": "a long word", "auth": auth})
        for name in ("alice", "bob")
    )
    room = ask("POST", "/createRoom", alice["access_token"], {"invite": [bob["user_id"]]})["room_id"]
    ask("POST", f"/join/{room}", bob["access_token"], {})
    said = {"msgtype": "m.text", "body": "The first message of all"}
    ask("PUT", f"/rooms/{room}/send/m.room.message/1", alice["access_token"], said)
    heard = ask("GET", "/sync?timeout=10000", bob["access_token"])["rooms"]["join"][room]["timeline"]["events"]
    assert said["body"] in [event["content"].get("body") for event in heard]


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


def _pss(pids: Iterable[int]) -> float:
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
