"""The registry: who may register what, one key for one device, and a cache that shows changes in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.relay import ACME, ALICE, BOB, CAROL, GLOBEX, IN, Clock, World, signing_key
from tiers.gateway import devices as devices_module
from tiers.gateway.devices import FRESH_MS, Device, Registry, register, revoke
from tiers.gateway.store import connect
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import PublicJwk

UK = Identity(Role.CARRIER, "uk")
ACME_ID, GLOBEX_ID = Identity(Role.CUSTOMER, ACME), Identity(Role.CUSTOMER, GLOBEX)
KEY, OTHER = signing_key(ALICE).public.jwk(), signing_key(BOB).public.jwk()


def test_a_carrier_makes_a_subscriber_and_a_customer_an_employee_and_one_device_may_be_both() -> None:
    subscriber = register(None, ALICE, KEY, IN)
    assert subscriber == Device(ALICE, KEY, carrier="in")
    assert register(None, ALICE, KEY, ACME_ID) == Device(ALICE, KEY, org=ACME)
    assert register(subscriber, ALICE, KEY, ACME_ID) == Device(ALICE, KEY, "in", ACME)


def test_a_device_on_one_channel_may_get_a_new_key_there() -> None:
    assert register(Device(ALICE, KEY, "in"), ALICE, OTHER, IN) == Device(ALICE, OTHER, "in")


def test_on_both_channels_there_is_one_key() -> None:
    for known, caller in ((Device(ALICE, KEY, "in"), ACME_ID), (Device(ALICE, KEY, None, ACME), IN)):
        with pytest.raises(TiersError, match=r"device\.key_conflict"):
            register(known, ALICE, OTHER, caller)
    with pytest.raises(TiersError, match=r"device\.key_conflict"):
        register(Device(ALICE, KEY, "in", ACME), ALICE, OTHER, IN)


def test_nobody_takes_over_somebody_elses_device() -> None:
    for known, caller in ((Device(ALICE, KEY, None, ACME), GLOBEX_ID), (Device(ALICE, KEY, "in"), UK)):
        with pytest.raises(TiersError, match=r"device\.taken"):
            register(known, ALICE, KEY, caller)


def test_a_customer_revokes_its_own_device_and_the_subscriber_stays() -> None:
    assert revoke(Device(ALICE, KEY, "in", ACME), ACME_ID) == Device(ALICE, KEY, "in", None)
    for known in (None, Device(ALICE, KEY, "in"), Device(ALICE, KEY, "in", GLOBEX)):
        with pytest.raises(TiersError, match=r"device\.unknown"):
            revoke(known, ACME_ID)


DEVICES = st.none() | st.builds(
    Device,
    st.just(ALICE),
    st.sampled_from([KEY, OTHER]),
    st.sampled_from([None, "in", "uk"]),
    st.sampled_from([None, ACME]),
)
CALLERS = st.sampled_from([IN, UK, ACME_ID, GLOBEX_ID])
KEYS = st.sampled_from([KEY, OTHER]) | st.builds(PublicJwk, x=st.text(max_size=50), kty=st.text(max_size=4))


@given(DEVICES, KEYS, CALLERS)
def test_nothing_but_our_own_errors_ever_escapes(known: Device | None, key: PublicJwk, caller: Identity) -> None:
    try:
        made = register(known, ALICE, key, caller)
    except TiersError:
        return
    assert made.sign == key
    assert caller.name in {made.carrier, made.org}


async def test_a_hit_asks_no_store_and_another_process_is_seen_in_time(store_url: str) -> None:
    clock = Clock()
    async with connect(store_url) as one, connect(store_url) as two:
        here, there = Registry(one, clock), Registry(two, clock)
        await here.register(ALICE, KEY, IN)
        assert await here.find(ALICE) == Device(ALICE, KEY, "in")
        await there.register(ALICE, KEY, ACME_ID)
        assert here.cached(ALICE, clock()) == Device(ALICE, KEY, "in")
        clock.ahead = FRESH_MS + 1
        assert here.cached(ALICE, clock()) is None
        assert await here.find(ALICE) == Device(ALICE, KEY, "in", ACME)
        await here.revoke(ALICE, ACME_ID)
        assert here.cached(ALICE, clock()) == Device(ALICE, KEY, "in")


async def test_what_is_in_use_is_read_again_before_it_goes_stale_and_what_is_gone_is_gone(store_url: str) -> None:
    clock = Clock()
    async with connect(store_url) as one, connect(store_url) as two:
        here, there = Registry(one, clock), Registry(two, clock)
        for pin in (ALICE, BOB, CAROL):
            await there.register(pin, KEY, ACME_ID)
            await here.find(pin)
        assert here.cached(ALICE, clock()) is not None
        assert here.cached(BOB, clock()) is not None
        await there.revoke(BOB, ACME_ID)
        clock.ahead = FRESH_MS - 1

        await here.refresh()

        clock.ahead = FRESH_MS + 1
        found = [here.cached(pin, clock()) for pin in (ALICE, BOB, CAROL)]
        assert found == [Device(ALICE, KEY, None, ACME), None, None]


async def test_a_record_that_cannot_be_read_now_keeps_no_other_from_being_read_again(store_url: str) -> None:
    clock = Clock()
    async with connect(store_url) as store:
        registry = Registry(store, clock)
        for pin in (ALICE, BOB):
            await registry.register(pin, KEY, ACME_ID)
            assert registry.cached(pin, clock()) is not None
        await store.delete(f"gateway:device:{ALICE}")
        await store.rpush(f"gateway:device:{ALICE}", "no record")
        clock.ahead += FRESH_MS - 1000

        await registry.refresh()

        clock.ahead += 1000
        assert [False, True] == [registry.cached(pin, clock()) is not None for pin in (ALICE, BOB)]


async def test_a_change_made_here_is_not_undone_by_an_older_read(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(store_url) as store:
        registry = Registry(store, Clock())
        await registry.register(ALICE, KEY, ACME_ID)
        assert registry.cached(ALICE, 0) is not None
        original = type(store.pipeline()).execute

        async def late(pipe: object, **options: bool) -> object:
            found = await original(pipe, **options)
            monkeypatch.undo()
            await registry.revoke(ALICE, ACME_ID)
            return found

        monkeypatch.setattr(type(store.pipeline()), "execute", late)
        await registry.refresh()

        assert registry.cached(ALICE, 0) is None


async def test_a_device_on_no_channel_is_gone(store_url: str) -> None:
    async with connect(store_url) as store:
        registry = Registry(store, Clock())
        await registry.register(ALICE, KEY, ACME_ID)
        await registry.revoke(ALICE, ACME_ID)
        assert await registry.find(ALICE) is None
        assert await store.keys("*") == []


async def test_the_cache_is_bounded(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "MAX_CACHED", 10)
    async with connect(store_url) as store:
        registry = Registry(store, Clock())
        for n in range(50):
            await registry.register(f"{n:08x}", KEY, IN)
        assert len(registry._cache) <= 10
        assert await registry.find("00000000") is not None


async def test_a_registry_without_its_store_is_ours_to_answer_for(tmp_path: object) -> None:
    async with connect(f"unix://{tmp_path}/nobody") as store:
        registry = Registry(store, Clock())
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await registry.find(ALICE)
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await registry.register(ALICE, KEY, IN)


async def test_two_who_register_at_once_do_not_undo_each_other(world: World) -> None:
    import asyncio

    await asyncio.gather(world.enrol(ALICE), world.activate(ACME, ALICE))
    world.clock.ahead = FRESH_MS + 1
    assert await world.registry.find(ALICE) == Device(ALICE, KEY, "in", ACME)
