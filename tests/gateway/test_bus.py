"""Two processes of one relay on one store: whoever is connected to the one hears from the other."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from kits.orders import Office, order
from kits.relay import ACME, ALICE, BOB, CAROL, DAVE, Handset, World, mids, running
from kits.store import client, connect
from tiers.gateway.processes.bus import Bus
from tiers.gateway.processes.lease import KEY, LEASE_MS, Lease
from tiers.wire.message.frames import Refused


@pytest_asyncio.fixture
async def two(tmp_path: Path, store_url: str) -> AsyncIterator[tuple[World, World]]:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(tmp_path, store_url))
        there = await stack.enter_async_context(running(tmp_path, store_url))
        await here.activate(ACME, ALICE, BOB, CAROL, DAVE)
        yield here, there


async def test_what_one_process_accepts_reaches_a_session_with_the_other(two: tuple[World, World]) -> None:
    here, there = two
    alice, bob = await here.open(ALICE), await there.open(BOB)

    sent = [await alice.send(here.enterprise(ALICE, BOB)) for _ in range(200)]

    assert mids(await bob.receive(200)) == sent


async def test_nothing_is_overtaken_where_both_processes_store_for_one_session(two: tuple[World, World]) -> None:
    here, there = two
    alice, carol, bob = await here.open(ALICE), await there.open(CAROL), await there.open(BOB)
    reading = asyncio.create_task(bob.receive(1000))

    async def send(handset: Handset, world: World) -> list[str]:
        return [await handset.send(world.enterprise(handset.pin, BOB)) for _ in range(500)]

    by_alice, by_carol = await asyncio.gather(send(alice, here), send(carol, there))
    got = mids(await reading)

    assert sorted(by_alice + by_carol) == sorted(got)
    assert [mid for mid in got if mid in set(by_alice)] == by_alice
    assert [mid for mid in got if mid in set(by_carol)] == by_carol


async def test_a_handset_that_wanders_between_processes_gets_every_message(two: tuple[World, World]) -> None:
    alice, carol = await two[0].open(ALICE), await two[1].open(CAROL)
    chance, got = random.Random(7), set[str]()

    async def send(handset: Handset, world: World) -> list[str]:
        return [await handset.send(world.enterprise(handset.pin, BOB)) for _ in range(400)]

    async def wander() -> None:
        while len(got) < 800:
            bob = await chance.choice(two).open(BOB)
            wanted = min(len(got) + chance.randrange(1, 120), 800)
            while len(got) < wanted:
                got.update(mids(await bob.receive()))
            if chance.random() < 0.5:
                await bob.socket.close()

    async with asyncio.timeout(60):
        sent_here, sent_there, _ = await asyncio.gather(send(alice, two[0]), send(carol, two[1]), wander())

    assert {*sent_here, *sent_there} == got


async def test_a_session_with_the_other_process_ends_the_one_here(two: tuple[World, World]) -> None:
    here, there = two
    bob = await here.open(BOB)

    again = await there.open(BOB)

    assert await bob.bye() == "session.replaced"
    alice = await here.open(ALICE)
    sent = await alice.send(here.enterprise(ALICE, BOB))
    assert mids(await again.receive()) == [sent]


async def test_a_device_revoked_at_one_process_is_put_out_by_the_other(two: tuple[World, World]) -> None:
    here, there = two
    bob = await there.open(BOB)

    status, _ = await here.ask(f"customer/{ACME}", "DELETE", f"/v1/devices/{BOB}")

    assert status == 200
    assert await bob.bye() == "session.rekeyed"
    handset, challenge = await there.challenged(BOB)
    alice = await there.open(ALICE)
    await alice.send(there.enterprise(ALICE, BOB))
    assert await alice.refused() == "envelope.receiver"
    assert challenge.nonce
    await handset.socket.close()


async def test_an_order_served_on_one_process_holds_at_the_other(tmp_path: Path, store_url: str) -> None:
    here, there = Office(tmp_path, store_url), Office(tmp_path, store_url)
    async with here.running() as here.world, there.running() as there.world:
        await here.world.activate(ACME, ALICE, BOB)
        alice = await there.world.open(ALICE)
        await here.serve(order())

        async with asyncio.timeout(10):
            while True:
                await alice.send(there.world.enterprise(ALICE, BOB))
                if isinstance(frame := await alice.hear(), Refused):
                    break

        assert frame.code == "order.suspended"


async def test_one_process_leads_and_another_follows_it(store_url: str) -> None:
    async with connect(store_url) as store, client(store_url) as one, client(store_url) as two:
        first, second = Lease(one), Lease(two)
        await first.renew()
        await second.renew()
        assert (first.held, second.held) == (True, False)
        assert 0 < await store.pttl(KEY) <= LEASE_MS

        leading, following = asyncio.create_task(first.keep()), asyncio.create_task(second.keep())
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        async with asyncio.timeout(5):
            await second.wait()

        assert (first.held, second.held) == (False, True)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert await store.get(KEY) is None


def test_words_of_ones_own_and_words_of_nobody_change_nothing() -> None:
    bus = Bus("redis://nobody")
    heard: list[str] = []
    bus.on("opened", heard.append)

    for said in (b"opened 2100000a " + bus._process.encode(), b"unheard of", b"opened 2100000b x", b"", b"opened"):
        bus._heard(b"gateway:{s00}:told", said)

    assert heard == ["2100000b", ""]
