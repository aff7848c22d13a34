"""Kill any process at any moment: nothing accepted is lost, nothing reaches the user twice."""

import asyncio
import signal
from pathlib import Path

import pytest

from kits.store import restarted
from tiers.device.client import Device
from tiers.lab.classroom.desk import opened
from tiers.lab.world.processes import stop
from tiers.lab.world.world import World, booted
from tiers.wire.errors import Ours
from tiers.wire.message.envelope import Channel, Envelope, Service

pytestmark = pytest.mark.e2e

SENDS = 2000
AT_ONCE = 64


class Progress:
    """What has been accepted so far; wakes whoever waits for a number of them."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self._changed = asyncio.Condition()

    async def add(self, mid: str) -> None:
        async with self._changed:
            self.accepted.append(mid)
            self._changed.notify_all()

    async def reach(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.accepted) >= count)


async def _send_until_accepted(device: Device, envelope: Envelope, progress: Progress) -> None:
    while True:
        try:
            await device.submit(envelope)
        except Ours:
            await device.online()
            continue
        await progress.add(envelope.header.mid)
        return


async def _send_all(device: Device, to: str, progress: Progress) -> None:
    async def worker(share: range) -> None:
        for number in share:
            envelope = await device.seal(Channel.CONSUMER, Service.BBM, to, f"message {number}".encode())
            await _send_until_accepted(device, envelope, progress)

    await asyncio.gather(*(worker(range(first, SENDS, AT_ONCE)) for first in range(AT_ONCE)))


async def _kill_gateway(world: World) -> None:
    await stop(world.children["gateway"], signal.SIGKILL)
    await world.launch("gateway")


async def _kill_store(world: World) -> None:
    for child in world.store.children:
        await stop(child, signal.SIGKILL)
    world.store = await restarted(world.store)


async def test_every_accepted_message_arrives_once_though_relay_and_store_are_killed(tmp_path: Path) -> None:
    async with booted(tmp_path / "w") as world, opened(world) as desk:
        progress = Progress()
        sending = asyncio.create_task(_send_all(desk.devices["alice"], desk.devices["bob"].ring.pin, progress))

        await progress.reach(SENDS // 4)
        await _kill_gateway(world)
        await progress.reach(SENDS // 2)
        await _kill_store(world)
        await progress.reach(3 * SENDS // 4)
        await _kill_gateway(world)
        await sending

        got = [await desk.received("bob") for _ in range(SENDS)]

        assert SENDS == len(progress.accepted) == len(set(progress.accepted))
        assert set(progress.accepted) == {message.mid for message in got}
        assert all(message.content is not None for message in got)
        assert desk.devices["bob"].received.qsize() == 0
