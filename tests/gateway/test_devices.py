"""The registry: who may register what, one key for one device, and a cache that shows changes in time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.relay import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    DAVE,
    GATEWAY,
    GLOBEX,
    IN,
    Clock,
    World,
    enterprise,
    header,
    signing_key,
)
from kits.store import connect
from tiers.gateway import devices as devices_module
from tiers.gateway.devices import FRESH_MS, Device, Registry, register, reserve, revoke
from tiers.gateway.mailbox.promises import START
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import Bus
from tiers.store.connection import Command
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import PublicJwk, SigningKey
from tiers.wire.message.envelope import Channel
from tiers.wire.message.frames import Bye, Hello, Refused, session_message
from tiers.wire.message.proof import Request, sign_request


@asynccontextmanager
async def kept(url: str, clock: Clock) -> AsyncIterator[Registry]:
    """A registry on a store, as one process of the relay has it."""
    bus = Bus(url, HELLO)
    async with bus.store as store:
        yield Registry(store, clock, Mailboxes(bus))


UK = Identity(Role.CARRIER, "uk")
OPERATOR = Identity(Role.OPERATOR, "in")
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
        with pytest.raises(TiersError, match=r"device\.taken"):
            register(known, ALICE, OTHER, caller)
    with pytest.raises(TiersError, match=r"device\.taken"):
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
    async with kept(store_url, clock) as here, kept(store_url, clock) as there:
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
    async with kept(store_url, clock) as here, kept(store_url, clock) as there:
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
    async with connect(store_url) as store, kept(store_url, clock) as registry:
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
    async with kept(store_url, Clock()) as registry:
        await registry.register(ALICE, KEY, ACME_ID)
        assert registry.cached(ALICE, 0) is not None
        original = registry._store.ask_all

        async def late(commands: Sequence[Command]) -> list[object]:
            found = await original(commands)
            await registry.revoke(ALICE, ACME_ID)
            return found

        monkeypatch.setattr(registry._store, "ask_all", late)
        await registry.refresh()

        assert registry.cached(ALICE, 0) is None


async def test_a_device_on_no_channel_is_gone(store_url: str) -> None:
    async with connect(store_url) as store, kept(store_url, Clock()) as registry:
        await registry.register(ALICE, KEY, ACME_ID)
        await registry.revoke(ALICE, ACME_ID)
        assert await registry.find(ALICE) is None
        assert await store.keys("*") == []


async def test_the_cache_is_bounded(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "MAX_CACHED", 10)
    async with kept(store_url, Clock()) as registry:
        for n in range(50):
            await registry.register(f"{n:08x}", KEY, IN)
        assert len(registry._cache) <= 10
        assert await registry.find("00000000") is not None


async def test_a_registry_without_its_store_is_ours_to_answer_for(tmp_path: object) -> None:
    async with kept(f"unix://{tmp_path}/nobody", Clock()) as registry:
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await registry.find(ALICE)
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await registry.register(ALICE, KEY, IN)


async def test_two_who_register_at_once_do_not_undo_each_other(world: World) -> None:
    import asyncio

    await asyncio.gather(world.enrol(ALICE), world.activate(ACME, ALICE))
    world.clock.ahead = FRESH_MS + 1
    assert await world.registry.find(ALICE) == Device(ALICE, KEY, "in", ACME)


@given(DEVICES, st.sampled_from([IN, UK, ACME_ID, GLOBEX_ID, OPERATOR]))
def test_what_is_revoked_is_off_that_channel_and_no_other(known: Device | None, caller: Identity) -> None:
    try:
        after = revoke(known, caller)
    except TiersError:
        return
    assert known is not None
    if caller.role is Role.OPERATOR:
        assert after is None
    elif after is not None:
        lost = Channel.CONSUMER if caller.role is Role.CARRIER else Channel.ENTERPRISE
        assert [after.on(one) for one in Channel] == [None if one is lost else known.on(one) for one in Channel]


def test_what_a_customer_reserved_nobody_else_takes_and_the_carriers_subscriber_stays() -> None:
    for_acme = reserve(None, ALICE, ACME_ID)
    assert for_acme == Device(ALICE, None, reserved=ACME)
    for act in (lambda: reserve(for_acme, ALICE, GLOBEX_ID), lambda: register(for_acme, ALICE, KEY, GLOBEX_ID)):
        with pytest.raises(TiersError, match=r"device\.taken"):
            act()
    assert register(for_acme, ALICE, KEY, IN) == Device(ALICE, KEY, "in")
    assert register(for_acme, ALICE, KEY, ACME_ID) == Device(ALICE, KEY, org=ACME)
    assert revoke(for_acme, ACME_ID) is None


@pytest.mark.parametrize("first", ["the subscriber", "the reservation"])
def test_no_customer_keeps_a_subscribers_pin_from_him_or_from_his_own_company(first: str) -> None:
    """Whoever has the PIN's key activates it with whom he likes; another key does not, whoever asks."""
    if first == "the subscriber":
        held = reserve(register(None, ALICE, KEY, IN), ALICE, GLOBEX_ID)
    else:
        held = register(reserve(None, ALICE, GLOBEX_ID), ALICE, KEY, IN)
    assert held == reserve(held, ALICE, ACME_ID) == Device(ALICE, KEY, "in")
    assert register(held, ALICE, KEY, ACME_ID) == Device(ALICE, KEY, "in", ACME)
    for customer in (GLOBEX_ID, ACME_ID):
        with pytest.raises(TiersError, match=r"device\.taken"):
            register(held, ALICE, OTHER, customer)


async def test_a_reserved_pin_opens_no_session_and_a_released_one_is_anybodys(world: World) -> None:
    await world.registry.reserve(CAROL, ACME_ID)
    assert (await world.registry.key(CAROL)).raw != signing_key(CAROL).public.raw
    with pytest.raises(TiersError, match=r"device\.taken"):
        await world.activate(GLOBEX, CAROL)
    status, _ = await world.ask("operator/in", "DELETE", f"/v1/devices/{CAROL}")
    assert status == 200
    await world.activate(GLOBEX, CAROL)


async def test_the_next_claimant_of_a_pin_finds_an_empty_mailbox(world: World) -> None:
    await world.enrol(ALICE, BOB)
    alice = await world.open(ALICE)
    await alice.send(world.consumer(ALICE, BOB))
    await alice.accepted()
    status, _ = await world.ask("carrier/in", "DELETE", f"/v1/devices/{BOB}")
    assert status == 200
    assert await world.mailboxes.read(BOB, START, 10) == []
    next_key = signing_key(CAROL)
    await world.registry.register(BOB, next_key.public.jwk(), IN)
    bob = await world.open(BOB, next_key)
    mid = await alice.send(world.consumer(ALICE, BOB))
    assert [one.header.mid for one in await bob.receive()] == [mid]


async def test_a_mailbox_does_not_outlive_the_key_that_it_was_for(world: World) -> None:
    await world.activate(ACME, ALICE, BOB)
    alice = await world.open(ALICE)
    await alice.send(world.enterprise(ALICE, BOB))
    await alice.accepted()
    await world.registry.register(BOB, signing_key(CAROL).public.jwk(), ACME_ID)
    assert await world.mailboxes.read(BOB, START, 10) == []


async def test_who_stays_a_subscriber_loses_what_was_for_the_employee_and_nothing_else(world: World) -> None:
    await world.enrol(ALICE, BOB)
    await world.activate(ACME, ALICE, BOB)
    alice = await world.open(ALICE)
    mids = [await alice.send(one) for one in (world.enterprise(ALICE, BOB), world.consumer(ALICE, BOB))]
    await alice.accepted(2)
    await world.registry.revoke(BOB, ACME_ID)
    assert [one.header.mid for one in await (await world.open(BOB)).receive()] == mids[1:]


async def test_whose_a_pin_is_shows_to_no_stranger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, a subscriber's, an employee's, both, reserved: one refusal, and one question to the store."""
    await world.enrol(ALICE, BOB)
    await world.activate(ACME, BOB, CAROL)
    await world.registry.reserve(DAVE, ACME_ID)
    heard, asked = set(), []
    stranger, original = SigningKey(b"s" * 32), world.registry.read

    async def read(pin: str) -> Device | None:
        asked.append(pin)
        return await original(pin)

    monkeypatch.setattr(world.registry, "read", read)
    pins = (ALICE, BOB, CAROL, DAVE, "ffffffff")
    for pin in pins:
        handset, challenge = await world.challenged(pin)
        await handset.say(Hello(pin, b64u(stranger.sign(session_message(GATEWAY, challenge.nonce, pin)))))
        frame = await handset.expect(Bye)
        signed = sign_request(stranger, pin, GATEWAY, Request("POST", "/v1/messages", b"{}"), world.clock())
        heard.add((frame, *await world.ask(None, "POST", "/v1/messages", b"{}", Authorization=signed)))
    assert len(heard) == 1
    assert asked == [pin for pin in pins for _ in range(2)]


async def test_a_wrong_message_learns_nothing_of_its_receiver(world: World) -> None:
    await world.enrol(ALICE, BOB)
    await world.activate(ACME, ALICE, CAROL)
    await world.activate(GLOBEX, DAVE)
    alice = await world.open(ALICE)

    async def heard(pin: str, *kids: str) -> tuple[str, str]:
        head = header(Channel.ENTERPRISE, ALICE, pin, world.clock())
        await alice.send(enterprise(head, kids=[kid.format(pin) for kid in kids]))
        refused = await alice.expect(Refused)
        return refused.code, refused.detail

    for kids in ((f"org/{ACME}/bes/1",), (f"org/{ACME}/{{}}/1",), (f"carrier/in/{ALICE}/0",)):
        assert 1 == len({await heard(pin, *kids) for pin in (BOB, CAROL, DAVE, "ffffffff")})
    right_for_acme = (f"org/{ACME}/{{}}/1", f"org/{ACME}/bes/1")
    answers = {await heard(pin, *right_for_acme) for pin in (BOB, DAVE, "ffffffff")}
    assert ["envelope.receiver"] == [code for code, _ in answers]
