"""Faults for a running world, and the checker that says what came of them.

A `Wire` stands between two parties. It passes bytes on, and can fail in both ways in which a request fails:
`LOSE_REQUEST` (nothing reached the other side) and `LOSE_ANSWER` (it was done, and the one who asked never hears).
"""

import asyncio
import os
import resource
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from pathlib import Path

import pytest

from kits.store import restarted
from tiers.device.client import Device
from tiers.device.store import Message
from tiers.lab.classroom.desk import Desk
from tiers.lab.world.cast import APPLICANT, party
from tiers.lab.world.processes import LAUNCHER, Child, base_environ, start_party, stop
from tiers.lab.world.world import World
from tiers.wire.api.carrier import Product, Served, ServeWarrant
from tiers.wire.api.court import Entry
from tiers.wire.encoding import unb64u
from tiers.wire.errors import Conflict, Ours, Yours
from tiers.wire.identity import parse_identity
from tiers.wire.lawful.x2x3 import X3, Decoder
from tiers.wire.message.envelope import Channel, Envelope, Service, parse_envelope

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SENDS = {Channel.CONSUMER: 300, Channel.ENTERPRISE: 100}
"""Messages to a fault; an enterprise one asks the key server five times."""
AT_ONCE = 32
STRACE = shutil.which("strace")

MISDATED = {"envelope.misdated", "admission.epoch"}
"""Refusals of a message that was sealed before the clock jumped: it is sealed again."""


class Mode(Enum):
    """What a wire does with what it is given."""

    PASS = auto()
    FREEZE = auto()
    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()


class Wire:
    """Forwards connections, TCP or unix, to where they were going."""

    def __init__(self, to: int | str) -> None:
        self._to = to
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.mode = Mode.PASS
        self.lost = asyncio.Event()
        self.port = 0

    async def start(self, path: str = "") -> "Wire":
        """Listen at a unix socket, or on a free port."""
        if path:
            self._server = await asyncio.start_unix_server(self._connected, path)
        else:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    def turn(self, mode: Mode) -> None:
        """Do this from now on."""
        self.mode = mode
        if mode is Mode.FREEZE:
            self._passing.clear()
        else:
            self._passing.set()

    async def fail(self, mode: Mode) -> None:
        """Lose what comes next in one direction, then cut: whoever waits for it will not get it any more."""
        self.lost.clear()
        self.turn(mode)
        await self.lost.wait()
        await asyncio.sleep(0.1)  # for more to get lost
        self.turn(Mode.PASS)
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        self.turn(Mode.PASS)
        self.cut()

    async def _connected(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far, to_far = await self._dial()
            self._open |= {to_near, to_far}
            try:
                ways = (self._copy(near, to_far, Mode.LOSE_REQUEST), self._copy(far, to_near, Mode.LOSE_ANSWER))
                await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
            finally:
                to_far.transport.abort()
                self._open -= {to_near, to_far}
        to_near.transport.abort()

    async def _dial(self) -> Streams:
        if isinstance(self._to, str):
            return await asyncio.open_unix_connection(self._to)
        return await asyncio.open_connection("127.0.0.1", self._to)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, losing: Mode) -> None:
        with suppress(OSError):
            while chunk := await source.read(65_536):
                await self._passing.wait()
                if self.mode is losing:
                    self.lost.set()
                    continue
                sink.write(chunk)
                await sink.drain()


async def rewire(world: World, name: str, **settings: str) -> None:
    """Start a party again with other settings."""
    one = party(name)
    await stop(world.children[name])
    command = [*LAUNCHER, str(world.clock.path), one.program]
    environ = base_environ() | world.settings(one) | {f"TIERS_{key.upper()}": value for key, value in settings.items()}
    world.children[name] = await start_party(name, command, environ, world.log(name))


@dataclass(slots=True)
class Run:
    """Messages from one handset to another, sent again with the same `mid` until they are accepted."""

    desk: Desk
    sender: str
    to: str
    accepted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    received: list[Message] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, channel: Channel, count: int, at_once: int) -> None:
        """Send `count` messages, `at_once` of them on the way."""

        async def worker(first: int) -> None:
            device = self.desk.devices[self.sender]
            receiver = self.desk.devices[self.to].ring.pin
            for number in range(first, count, at_once):
                await self._until_accepted(device, partial(_sealed, device, channel, receiver, number))

        await asyncio.gather(*(worker(first) for first in range(at_once)))

    async def _until_accepted(self, device: Device, again: Callable[[], Awaitable[Envelope]]) -> None:
        envelope: Envelope | None = None
        while True:
            try:
                envelope = envelope or await again()
                await device.submit(envelope)
            except Yours as error:
                if error.code not in MISDATED:
                    raise
                self.refused[error.code] += 1
                envelope = None
                continue
            except Ours as error:
                self.refused[error.code] += 1
                await device.online()
                await asyncio.sleep(0.05)  # "try again in a second", says the relay; a test has less patience
                continue
            async with self._changed:
                self.accepted.append(envelope.header.mid)
                self._changed.notify_all()
            return

    async def reach(self, count: int) -> None:
        """Wait until so many are accepted."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.accepted) >= count)

    async def receive(self, count: int) -> None:
        """Take what reaches the receiver's user."""
        while len(self.received) < count:
            self.received.append(await self.desk.received(self.to))


async def _sealed(device: Device, channel: Channel, to: str, number: int) -> Envelope:
    return await device.seal(channel, Service.BBM, to, f"message {number}".encode())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found. All of the numbers are of messages, and good ones are zero."""

    lost: int
    twice: int
    unreadable: int
    uncopied: int
    copied_twice: int

    @property
    def spotless(self) -> bool:
        """Whether every promise was kept."""
        return self == Verdict(0, 0, 0, 0, 0)


async def check(run: Run, jti: str) -> Verdict:
    """Compare what senders were told with what the receiver's user got and what the mediation holds."""
    told, got = set(run.accepted), Counter(message.mid for message in run.received)
    extra = run.desk.devices[run.to].received.qsize()
    copies, recorded = await copied(run.desk, jti, told)
    return Verdict(
        lost=len(told - set(got)),
        twice=sum(count - 1 for count in got.values()) + extra,
        unreadable=sum(message.content is None for message in run.received),
        uncopied=max(len(told - set(copies)) - recorded, 0),
        copied_twice=sum(count - 1 for count in copies.values()),
    )


ENDS = {Channel.CONSUMER: ("alice", "bob"), Channel.ENTERPRISE: ("priya", "quentin")}


async def through(desk: Desk, fault: Callable[[], Awaitable[None]], channel: Channel = Channel.CONSUMER) -> Run:
    """Send from a target of this channel to somebody else, with the fault in the middle of it."""
    run = Run(desk, *ENDS[channel])
    async with asyncio.TaskGroup() as group:
        group.create_task(run.send(channel, SENDS[channel], AT_ONCE))
        group.create_task(run.receive(SENDS[channel]))
        await run.reach(SENDS[channel] // 3)
        await fault()
    return run


async def copied(desk: Desk, jti: str, wanted: set[str]) -> tuple[Counter[str], int]:
    """Return how often each mid stands in the product of a warrant, and how many losses are recorded.

    Waits until all that is wanted is there, a loss is recorded in its place, or a minute has passed.
    """
    until, mids, recorded = asyncio.get_running_loop().time() + 60, Counter[str](), 0
    while True:
        with suppress(Ours):  # a store that has just been there again
            mids, recorded = await _product(desk, jti)
        if len(wanted - set(mids)) <= recorded or asyncio.get_running_loop().time() > until:
            return mids, recorded
        await asyncio.sleep(0.2)


_READ: dict[str, tuple[int, Counter[str]]] = {}
"""How much of a warrant's product was read, and how often each mid stands there: it only grows."""


async def _product(desk: Desk, jti: str) -> tuple[Counter[str], int]:
    peer = desk.as_(parse_identity("auditor/cbi")).peer("carrier")
    after, mids = _READ.get(jti, (0, Counter[str]()))
    while True:
        page = await peer.ask("GET", f"/v1/warrants/{jti}/product?after={after}", Product)
        assert after <= page.total
        pdus = [pdu for text in page.pdus for pdu in Decoder().feed(unb64u(text, "test.pdu"))]
        mids.update(parse_envelope(pdu.payload).header.mid for pdu in pdus if isinstance(pdu, X3))
        after += len(page.pdus)
        _READ[jti] = after, mids
        if after >= page.total:
            return mids.copy(), page.lost


def child(world: World, name: str) -> Child:
    """Return a party's process, or the store's: `store` is the only one or a cluster's first, `store 1` its second."""
    what, _, number = name.partition(" ")
    return world.store.children[int(number or 0)] if what == "store" else world.children[name]


async def kill(world: World, *names: str) -> None:
    """Kill processes with SIGKILL and start them again in this order, set as they were, on what they left on disk."""
    await asyncio.gather(*(stop(child(world, name), signal.SIGKILL) for name in names))
    for name in names:
        dead = child(world, name)
        if name.startswith("store"):
            world.store = await restarted(world.store)
        else:
            world.children[name] = await start_party(name, dead.command, dead.environ, world.log(name))


async def serve_again(desk: Desk, jti: str) -> None:
    """Serve an approved warrant on the carrier until it stands."""
    entry = await desk.as_(APPLICANT).peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)
    carrier = desk.as_(APPLICANT).peer("carrier")
    while True:
        try:
            await carrier.ask("POST", "/v1/warrants", Served, ServeWarrant(entry.warrant))
        except Ours:
            await asyncio.sleep(0.05)
            continue
        except Conflict as error:  # the carrier has finished by itself what it had begun
            if error.code != "warrant.already_served":
                raise
        return


def freeze(world: World, name: str) -> None:
    """Stop a process where it stands."""
    os.kill(child(world, name).pid, signal.SIGSTOP)


def thaw(world: World, name: str) -> None:
    """Let it go on."""
    os.kill(child(world, name).pid, signal.SIGCONT)


def fill_disk(world: World) -> None:
    """Let no file of the store grow any more: to the store, the disk is full."""
    folder = min(_folder(world).rglob("appendonlydir"))  # a cluster's first node has the first
    size = max(path.stat().st_size for path in folder.iterdir())
    resource.prlimit(child(world, "store").pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@asynccontextmanager
async def fsync_is(world: World, changed: str) -> AsyncIterator[None]:
    """Change every fsync of the store, in strace's words; skips where no process may be traced."""
    if STRACE is None:
        pytest.skip("strace is missing: apt-get install strace")
    what = ["--trace=fdatasync", f"--inject=fdatasync:{changed}", "--output=/dev/null"]
    pid = str(child(world, "store").pid)
    tracer = await asyncio.create_subprocess_exec(STRACE, "-f", "-p", pid, *what, stderr=asyncio.subprocess.PIPE)
    assert tracer.stderr is not None
    said = await tracer.stderr.readline()
    if b"attached" not in said:
        pytest.skip(f"no process may be traced here: {said.decode().strip()}")
    try:
        yield
    finally:
        if tracer.returncode is None:
            tracer.terminate()
        await tracer.wait()


def _folder(world: World) -> Path:
    assert world.store.folder is not None
    return world.store.folder
