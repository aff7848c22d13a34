"""`tiers bench --peer`: a peer and the bare relay in turn, with the same envelopes, sessions and certificates.

Neither the relay nor the carrier is here: the bare relay is what both benches have in common.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from rich.progress import Progress

from bench.client import SERVER
from bench.load import Member, Spec
from bench.peers import PEERS
from bench.peers.kit import Place
from bench.results import Measured, Result, machine, share
from bench.run import IN_FLIGHT, SESSIONS
from bench.stage import load, yardstick
from tiers.lab.world.clock import Clock
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports, stop
from tiers.wire.encoding import b64u
from tiers.wire.keys.keytree import Master, NodeJson, subscriber_root
from tiers.wire.message.envelope import Channel

CHANNELS = (Channel.ENTERPRISE, Channel.CONSUMER)
_FIRST_PIN = 0x55000000


class Compared(Measured, frozen=True):
    """Everything that was measured. `promise` is where a message is when the peer says that it took it.

    `messages` is how many the bare relay got in a run; `ratios` are medians over the repeats, by channel.
    """

    peer: str
    version: str
    promise: str
    messages: int
    closed: dict[str, list[Result]]
    ratios: dict[str, float]


async def compare(progress: Progress, name: str, repeats: int, messages: int) -> Compared:
    """Start both in one folder, with one certificate, measure, stop both; raises `Yours` without the peer's package."""
    peer, before, (port,) = PEERS[name], os.getloadavg()[0], free_ports(1)
    peer.binary()
    steps = progress.add_task(f"The bare relay and {name}", total=repeats * len(CHANNELS))
    closed: dict[str, list[Result]] = {f"{who}_{one}": [] for one in CHANNELS for who in ("bare", name)}
    members = tuple(member(f"{_FIRST_PIN + number:08x}") for number in range(SESSIONS))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiers-bench-")))
        tls, each = folder / "tls", messages // SESSIONS
        Authority.create().issue(SERVER, tls)
        Clock.start(folder / "clock")
        child, promise = await peer.started(Place(folder / name, port, tls, tuple(one.pin for one in members)))
        stack.push_async_callback(stop, child)
        bare = await stack.enter_async_context(yardstick(folder / "bare", tls))
        about = {"ca": str(tls / "ca.pem"), "members": members, "in_flight": IN_FLIGHT}
        ours = {"port": bare.port, "pids": bare.pids, "each": each}
        theirs = {"port": port, "pids": {"relay": child.pid}, "each": max(int(each * peer.share), 1), "peer": name}
        for number in range(repeats):
            progress.update(steps, description=f"Closed loop, repeat {number + 1} of {repeats}")
            for channel in CHANNELS:
                for who, how in (("bare", ours), (name, theirs)):
                    spec = Spec(channel=channel, **about, **how)  # type: ignore[arg-type]  # a spec's members, mixed
                    closed[f"{who}_{channel}"].append(await load(folder, spec))
                progress.advance(steps)
    at, version = machine(before), await peer.version()
    return Compared(*at, name, version, promise, messages, closed, ratios(name, closed))


def ratios(name: str, closed: Mapping[str, list[Result]]) -> dict[str, float]:
    return {str(one): share(closed[f"{name}_{one}"], closed[f"bare_{one}"]) for one in CHANNELS}


def member(pin: str) -> Member:
    """Make up a session: the bare relay checks no signature, and nobody opens a message."""
    root = subscriber_root(Master(os.urandom(32)), pin)
    return Member(pin, b64u(os.urandom(32)), (NodeJson.of(root),))
