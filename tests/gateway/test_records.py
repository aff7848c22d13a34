"""What the relay wrote down and cannot read again is its own fault, whoever asks."""

from pathlib import Path
from uuid import uuid4

import pytest

from kits.interception import world
from kits.relay import ALICE, Clock
from kits.store import client, connect
from tiers.gateway.devices import Registry
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import Bus
from tiers.wire.errors import Ours


async def test_a_device_whose_record_does_not_read_is_not_the_handsets_fault(store_url: str) -> None:
    async with connect(store_url) as store, client(store_url) as here:
        await store.set(f"gateway:device:{ALICE}", b"{}")
        with pytest.raises(Ours, match=r"device\.record"):
            await Registry(here, Clock(), Mailboxes(Bus(store_url))).find(ALICE)


async def test_a_task_whose_record_does_not_read_is_not_the_carriers_fault(store_url: str, tmp_path: Path) -> None:
    async with world(store_url, tmp_path) as lab:
        assert lab.interception._restore(str(uuid4()), b"{}") == "task.record"
