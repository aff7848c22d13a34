"""`tiers bench --peer`: a peer and the bare relay in turn, with the same envelopes, sessions and certificates.

Neither the relay nor the carrier is here: the bare relay is what both benches have in common.
"""

import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress

from bench.client import SERVER
from bench.load import Member, Spec
from bench.peers import PEERS
from bench.peers.kit import Place
from bench.results import Result
from bench.run import IN_FLIGHT, SESSIONS
from bench.stage import Yardstick, load, yardstick
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import Child, free_ports, stop
from tiers.wire.encoding import b64u
from tiers.wire.keys.keytree import Master, NodeJson, subscriber_root
from tiers.wire.message.envelope import Channel

CHANNELS = (Channel.ENTERPRISE, Channel.CONSUMER)
_FIRST_PIN = 0x55000000


class Compared(msgspec.Struct, frozen=True):
    """Everything that was measured. `promise` is where a message is when the peer says that it took it.

    `messages` is how many the bare relay got in a run; `ratios` are medians over the repeats, by channel.
    """

    peer: str
    version: str
    promise: str
    cores: int
    load_before: float
    load_after: float
    messages: int
    closed: dict[str, list[Result]]
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True)
class Pair:
    folder: Path
    name: str
    bare: Yardstick
    peer: Child
    port: int
    promise: str
    members: tuple[Member, ...]

    async def measure(self, channel: Channel, messages: int) -> tuple[Result, Result]:
        each, peer = messages // SESSIONS, PEERS[self.name]
        ours, theirs = {"relay": self.bare.child.pid, "store": self.bare.store.pid}, {"relay": self.peer.pid}
        bare = self._spec(channel, port=self.bare.port, each=each, pids=ours)
        other = self._spec(channel, port=self.port, each=max(int(each * peer.share), 1), pids=theirs, peer=self.name)
        return await load(self.folder, bare), await load(self.folder, other)

    def _spec(self, channel: Channel, **more: Any) -> Spec:
        ca = str(self.folder / "tls" / "ca.pem")
        return Spec(ca=ca, channel=channel, members=self.members, in_flight=IN_FLIGHT, **more)


async def compare(progress: Progress, name: str, repeats: int, messages: int) -> Compared:
    """Start both, measure, stop both; raises `Yours` where the peer is not installed."""
    PEERS[name].binary()
    before = os.getloadavg()[0]
    steps = progress.add_task(f"The bare relay and {name}", total=repeats * len(CHANNELS))
    closed: dict[str, list[Result]] = {f"{who}_{one}": [] for one in CHANNELS for who in ("bare", name)}
    with tempfile.TemporaryDirectory(prefix="tiers-bench-") as folder:
        async with paired(Path(folder), name) as pair:
            for number in range(repeats):
                progress.update(steps, description=f"Closed loop, repeat {number + 1} of {repeats}")
                for channel in CHANNELS:
                    bare, peer = await pair.measure(channel, messages)
                    closed[f"bare_{channel}"].append(bare)
                    closed[f"{name}_{channel}"].append(peer)
                    progress.advance(steps)
    return Compared(
        peer=name,
        version=await PEERS[name].version(),
        promise=pair.promise,
        cores=os.cpu_count() or 1,
        load_before=round(before, 2),
        load_after=round(os.getloadavg()[0], 2),
        messages=messages,
        closed=closed,
        ratios=ratios(name, closed),
    )


@asynccontextmanager
async def paired(folder: Path, name: str) -> AsyncIterator[Pair]:
    """Start the bare relay and a peer in `folder`, with one certificate; stop both."""
    tls = folder / "tls"
    Authority.create().issue(SERVER, tls)
    members = tuple(member(f"{_FIRST_PIN + number:08x}") for number in range(SESSIONS))
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        place = Place(folder / name, port, tls, tuple(one.pin for one in members))
        peer, promise = await PEERS[name].started(place)
        stack.push_async_callback(stop, peer)
        bare = await yardstick(folder / "bare", tls)
        stack.push_async_callback(stop, bare.store)
        stack.push_async_callback(stop, bare.child)
        yield Pair(folder, name, bare, peer, port, promise, members)


def ratios(name: str, closed: Mapping[str, list[Result]]) -> dict[str, float]:
    out = {}
    for one in CHANNELS:
        pairs = zip(closed[f"{name}_{one}"], closed[f"bare_{one}"], strict=True)
        out[str(one)] = round(statistics.median(peer.rate / bare.rate for peer, bare in pairs if bare.rate), 3)
    return out


def member(pin: str) -> Member:
    """Make up a session: the bare relay checks no signature, and nobody opens a message."""
    root = subscriber_root(Master(os.urandom(32)), pin)
    return Member(pin, b64u(os.urandom(32)), (NodeJson.of(root),))
