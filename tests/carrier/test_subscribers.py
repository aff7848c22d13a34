import asyncio

import msgspec
import pytest

from kits.carrier import MINUTE, NOW, World
from tiers.chassis.client import Peer
from tiers.wire.api.carrier import Admissions, Ask, Enrol, Enrolled, Refusal, parse_admitted
from tiers.wire.enrolment import open_keys
from tiers.wire.errors import Conflict, Forbidden, Ours, TiersError, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Node, cover, epoch_of, leaf, wrap_key
from tiers.wire.message.envelope import Channel, Protected, Recipient, Service, format_protected
from tiers.wire.message.proof import Request, sign_request
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, unwrap_from_carrier, wrap_for_carrier

ALICE, BOB = "2100000a", "2100000b"
ALICE_KEY, BOB_KEY = SigningKey(b"a" * 32), SigningKey(b"b" * 32)
HPKE, CARRIER = HpkePrivateKey(b"h" * 32), Identity(Role.CARRIER, "in")
CEK = ContentKey(b"k" * 32)
EPOCH = epoch_of(NOW)


async def enrol(world: World, pin: str, key: SigningKey, *, signer: SigningKey | None = None, at: int = NOW):
    """Ask as a device does: no certificate, a signed request."""
    raw = msgspec.json.encode(Enrol(pin, key.public.jwk(), HPKE.public.jwk()))
    proof = sign_request(signer or key, pin, CARRIER, Request("POST", "/v1/subscribers", raw), at)
    answer = await world.device(proof).ask("POST", "/v1/subscribers", Enrolled, raw)
    return list(open_keys(answer, CARRIER, pin, HPKE))


MID = "0190a0b0-0000-7000-8000-000000000001"


def ask(nodes: list[Node], *, sender: str = ALICE, to: str = BOB) -> Ask:
    head = Protected(
        "message+jwe", "A256GCM", MID, Channel.CONSUMER, Service.BBM, sender, to, NOW, "text/plain", CEK.commitment
    )
    protected = format_protected(head)
    key = wrap_key(leaf(nodes, EPOCH), protected)
    return Ask(protected, wrap_for_carrier(f"carrier/in/{sender}/{EPOCH}", CEK, key))


async def admit(peer: Peer, *asks: Ask) -> tuple[Recipient | Refusal, ...]:
    return parse_admitted(await peer.ask_raw("POST", "/v1/admissions", Admissions(asks))).answers


async def test_a_device_enrols_and_is_registered_at_the_relay(world):
    nodes = await enrol(world, ALICE, ALICE_KEY)

    assert world.gateway.devices == {ALICE: ALICE_KEY.public.jwk().x}
    assert [node.at for node in nodes] == cover(EPOCH - 1, EPOCHS)


async def test_enrolling_again_gives_keys_from_then_on_and_never_the_past(world):
    await enrol(world, ALICE, ALICE_KEY)
    world.clock.now = NOW + 600 * MINUTE

    nodes = await enrol(world, ALICE, ALICE_KEY, at=world.clock.now)

    with pytest.raises(Yours):
        leaf(nodes, EPOCH + 598)
    assert leaf(nodes, EPOCH + 599)


async def test_a_pin_stays_with_the_key_that_came_first(world):
    await enrol(world, ALICE, ALICE_KEY)

    with pytest.raises(Conflict) as refused:
        await enrol(world, ALICE, BOB_KEY)

    assert refused.value.code == "subscriber.key_conflict"
    assert world.gateway.devices == {ALICE: ALICE_KEY.public.jwk().x}


async def test_of_two_keys_at_once_one_gets_the_pin(world):
    answers = await asyncio.gather(enrol(world, ALICE, ALICE_KEY), enrol(world, ALICE, BOB_KEY), return_exceptions=True)

    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]


async def test_whoever_enrols_signs_with_the_very_key(world):
    with pytest.raises(Yours) as refused:
        await enrol(world, ALICE, ALICE_KEY, signer=BOB_KEY)

    assert refused.value.code == "request.proof"
    assert world.gateway.calls == []


async def test_a_pin_that_the_relay_refuses_is_nobodys(world):
    world.gateway.fails = Conflict("device.taken", "no")
    with pytest.raises(Conflict):
        await enrol(world, ALICE, BOB_KEY)
    world.gateway.fails = None

    assert await enrol(world, ALICE, ALICE_KEY)


async def test_while_the_relay_is_down_nobody_is_enrolled(world):
    world.gateway.fails = Ours("store.unavailable", "down")
    with pytest.raises(Ours):
        await enrol(world, ALICE, ALICE_KEY)
    world.gateway.fails = None

    assert await enrol(world, ALICE, ALICE_KEY)


async def test_a_subscriber_survives_a_restart(world):
    alice, bob = await enrol(world, ALICE, ALICE_KEY), await enrol(world, BOB, BOB_KEY)

    await world.restart_carrier()

    (answer,) = await admit(world.peer("gateway/1"), asked := ask(alice))
    assert unwrap_from_carrier(answer, wrap_key(leaf(bob, EPOCH), asked.protected)) == CEK


async def test_the_relay_has_a_batch_admitted_in_order(world):
    alice, bob = await enrol(world, ALICE, ALICE_KEY), await enrol(world, BOB, BOB_KEY)
    asks = [ask(alice), ask(bob, sender=BOB, to=ALICE), ask(alice, to="2100000c"), ask(alice, sender=BOB)]

    answers = await admit(world.peer("gateway/1"), *asks)

    kinds = [answer.code if isinstance(answer, Refusal) else answer.header.kid for answer in answers]
    assert kinds == [
        f"carrier/in/{BOB}/{EPOCH}",
        f"carrier/in/{ALICE}/{EPOCH}",
        "admission.subscriber",
        "admission.key",
    ]


async def test_a_subscriber_who_enrols_later_is_known_at_once(world):
    alice = await enrol(world, ALICE, ALICE_KEY)
    peer = world.peer("gateway/1")
    (before,) = await admit(peer, ask(alice))

    await enrol(world, BOB, BOB_KEY)

    assert isinstance(before, Refusal)
    assert isinstance((await admit(peer, ask(alice)))[0], Recipient)


@pytest.mark.parametrize("role", ["auditor/cbi", "customer/S50000001", "court/in"])
async def test_nobody_but_the_relay_has_messages_admitted(world, role):
    with pytest.raises(Forbidden) as refused:
        await world.peer(role).ask_raw("POST", "/v1/admissions", b"not even read")

    assert refused.value.code == "request.role"


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"asks":[]}', b"[" * 5000, b'{"asks":[{}]}', b"\xff"])
async def test_a_malformed_batch_is_refused_whole(world, raw):
    with pytest.raises(Yours) as refused:
        await world.peer("gateway/1").ask_raw("POST", "/v1/admissions", raw)

    assert refused.value.code == "request.malformed"


async def test_a_carrier_whose_store_is_gone_says_so(world):
    await world.store.execute_command("ACL", "SETUSER", "default", "-@all", "+acl")
    try:
        with pytest.raises(Ours) as refused:
            await enrol(world, ALICE, ALICE_KEY)
        with pytest.raises(TiersError) as unready:
            await world.peer("gateway/1").ask_raw("GET", "/readyz")
    finally:
        await world.store.execute_command("ACL", "SETUSER", "default", "+@all")

    assert (refused.value.code, unready.value.code) == ("store.unavailable", "store.unavailable")


async def test_metrics_count_outcomes_and_name_no_pin(world):
    alice = await enrol(world, ALICE, ALICE_KEY)
    await admit(world.peer("gateway/1"), ask(alice))

    page = (await world.peer("operator/in").ask_raw("GET", "/metrics")).decode()

    assert 'tiers_carrier_admissions_total{outcome="admission.subscriber"} 1.0' in page
    assert ALICE not in page
