"""Takes the captures that the vantage points are made of, in the order in which a world allows it.

    1  memory, files, logs, taps: at one moment, before anybody asks anything
    2  the answers to the relay, which may hand in what was sent this minute (interview.py)
    3  two minutes later: the answers to everybody else who can ask while the warrants are in force
    4  by then: handsets whose mailboxes have drained, and whose users have deleted everything
    5  after the warrants have expired: the answers to the same agency

The classroom clock moves, about an hour in all: a world is captured last.
"""

import asyncio
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from tiers.device.client import Device
from tiers.device.keyring import EPOCH_SLACK
from tiers.device.store import HandsetStore
from tiers.lab.attack.capture.interview import other_agency_folder
from tiers.lab.attack.search.shapes import JWE
from tiers.lab.attack.vantages import CIPHERTEXT
from tiers.lab.classroom.desk import Desk, Sent
from tiers.lab.world.folders import PASSING, TOP
from tiers.lab.world.processes import FORKS, Child, nursery
from tiers.lab.world.world import World
from tiers.measure.capture.files import files, folder
from tiers.measure.capture.memory import MEASURES_MEMORY, Process, each
from tiers.measure.capture.places import around, left
from tiers.measure.capture.processes import listening, said_by, tree
from tiers.measure.errors import NotWhole
from tiers.measure.search.scan import Chunk, Source
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.message.envelope import format_envelope

DRAIN_MINUTES = EPOCH_SLACK + 1
"""After so many minutes a drained handset has erased the last minute in which something was sent."""
_DRAIN_SECONDS = 6.0
_OTHERS = (TOP, PASSING, "pytest-of-", "measure-")
_KEY_FILES = {"carrier": ("master.key", "signing.key", "register.key", "global.key"), "auditor": ("hpke.key",)}


def at_once(desk: Desk, sent: Iterable[Sent], wanted: Iterable[str]) -> Iterator[Source]:
    """Capture everything that is there without asking (1). What this machine cannot measure is left out."""
    names = sorted(set(wanted))
    memory = {name: _children(desk.world, name.partition(":")[2]) for name in names if name.startswith("memory:")}
    if MEASURES_MEMORY and memory:
        families = {name: children for name, children in memory.items() if children}
        yield from each(families, Process("nursery", nursery().process.pid) if FORKS else None)
    for name in names:
        if name not in memory and (source := _take(desk.world, sent, name)) is not None:
            yield source


def _take(world: World, sent: Iterable[Sent], name: str) -> Source | None:  # noqa: PLR0911 - a table
    kind, _, who = name.partition(":")
    match kind:
        case "log":
            return files(name, [world.log(who)]) if who != "store" or world.store.children else None
        case "state":
            return folder(name, world.state(who))
        case "keys":
            return _keys(world, name, who)
        case "tap":
            links = world.ports if who == "parties" else (who,)
            return files(name, [world.root / "taps" / f"{link}.bin" for link in links])
        case "handset":
            return folder(name, world.root / "handsets" / who)
        case "store":
            return folder(name, world.store.folder) if world.store.folder else None
        case "left":
            return _left(world) if MEASURES_MEMORY else None
        case "ciphertext":
            return _ciphertext(world, sent)
    raise ValueError(f"no capture is called {name}")


def _children(world: World, name: str) -> tuple[Child, ...]:
    return world.store.children if name == "store" else (world.children[name],)


def _keys(world: World, name: str, who: str) -> Source:
    if who in _KEY_FILES:
        paths = (world.state(who) / file for file in _KEY_FILES[who])
        return files(name, [path for path in paths if path.exists()])
    return folder(name, other_agency_folder(world))


def _left(world: World) -> Source:
    """Take what lies about since the world was booted; the folders of other worlds are their own affair."""
    others = {path for path in world.before.keys() | around(Path.cwd()).keys() if path.name.startswith(_OTHERS)}
    besides = [world.root, *(path for path in others if path.is_dir())]
    pids = [pid for child in world.children.values() for pid in tree(child.pid)]
    strange = [one for one in listening(pids) if one.port not in world.ports.values()]
    seen = Chunk("left, looked through", 0, f"{len(pids)} processes".encode())
    said = (chunk for one in strange for chunk in said_by(one))
    return Source("left", (seen, *left("left", [Path.cwd()], world.before, besides), *said))


def _ciphertext(world: World, sent: Iterable[Sent]) -> Source:
    """Take every envelope that the store ever accepted; from a store that is not ours, what left the handsets."""
    if world.store.folder is None:
        whole = [Chunk(f"envelope {one.mid}", 0, format_envelope(one.envelope)) for one in sent]
    else:
        store = folder(CIPHERTEXT, world.store.folder)
        whole = [piece for chunk in store.chunks for piece in JWE.cut(chunk)]
    if not whole:
        raise NotWhole("the store holds no envelope")
    return Source(CIPHERTEXT, tuple(whole))


async def drained(desk: Desk, names: Iterable[str], last: int) -> None:
    """Turn the clock until nothing can arrive for the minute `last`, and wait until these handsets have erased it (4).

    A handset that does not erase it in time is captured as it is: what it still opens shows in the cells.
    """
    behind = last + DRAIN_MINUTES - epoch_of(desk.world.clock.now())
    if behind > 0:
        desk.world.clock.turn(behind)
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while any(_holds(desk.devices[name], last) for name in names):
                await asyncio.sleep(0.02)


def _holds(device: Device, epoch: int) -> bool:
    keys = device.ring.consumer
    return keys is not None and any(node.at.covers(epoch) for node in keys.nodes)


def seized(desk: Desk, name: str) -> Source:
    """Seize a handset whose user has deleted all messages: on a copy, for the story's people keep theirs."""
    root = desk.world.root
    copy = root / "seized" / name
    shutil.rmtree(copy, ignore_errors=True)  # it may have been seized before
    shutil.copytree(root / "handsets" / name, copy)
    with closing(HandsetStore(copy)) as store:
        for message in store.messages():
            store.delete(message.mid)
    return folder(f"seized:{name}", Path(copy))
