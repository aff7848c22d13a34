import asyncio
from collections.abc import Awaitable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.carrier import MINUTE, NOW, World
from tiers.carrier.subscribers import KEY
from tiers.chassis.client import Peer
from tiers.wire.api.carrier import Admissions, Ask, Enrol, Enrolled, IssueVoucher, Refusal, Voucher, parse_admitted
from tiers.wire.enrolment import admit_key, open_keys, voucher_record
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


async def voucher(world: World, pin: str) -> str:
    """Have the shop make a voucher."""
    return (await world.peer("operator/in").ask("POST", "/v1/vouchers", Voucher, IssueVoucher(pin))).voucher


async def revoke(world: World, pin: str) -> None:
    await world.peer("operator/in").ask_raw("DELETE", f"/v1/subscribers/{pin}")


async def enrol(
    world: World,
    pin: str,
    key: SigningKey,
    shown: str | None = None,
    *,
    signer: SigningKey | None = None,
    at: int = NOW,
):
    """Ask as a device does: no certificate, a signed request, and a voucher fresh from the shop unless `shown`."""
    shown = await voucher(world, pin) if shown is None else shown
    raw = msgspec.json.encode(Enrol(pin, key.public.jwk(), HPKE.public.jwk(), shown))
    proof = sign_request(signer or key, pin, CARRIER, Request("POST", "/v1/subscribers", raw), at)
    answer = await world.device(proof).ask("POST", "/v1/subscribers", Enrolled, raw)
    return list(open_keys(answer, CARRIER, pin, HPKE))


async def refusal(asking: Awaitable[object]) -> tuple[type[TiersError], str, str]:
    with pytest.raises(TiersError) as refused:
        await asking
    return type(refused.value), refused.value.code, refused.value.detail


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

    nodes = await enrol(world, ALICE, ALICE_KEY, "", at=world.clock.now)

    with pytest.raises(Yours):
        leaf(nodes, EPOCH + 598)
    assert leaf(nodes, EPOCH + 599)


async def test_a_voucher_lets_one_key_in_once(world):
    shown = await voucher(world, ALICE)
    await enrol(world, ALICE, ALICE_KEY, shown)

    assert (await refusal(enrol(world, ALICE, BOB_KEY, shown)))[1] == "subscriber.voucher"
    assert world.gateway.devices == {ALICE: ALICE_KEY.public.jwk().x}


async def test_of_two_keys_at_once_one_gets_the_pin(world):
    shown = await voucher(world, ALICE)
    asked = (enrol(world, ALICE, key, shown) for key in (ALICE_KEY, BOB_KEY))
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert sorted(isinstance(answer, Forbidden) for answer in answers) == [False, True]


async def test_without_its_voucher_every_pin_is_refused_alike(world):
    await enrol(world, ALICE, ALICE_KEY)  # a subscriber's
    of_bob = await voucher(world, BOB)  # to be enrolled
    taken = "2100000d"  # an employee's: the relay would refuse it
    world.gateway.fails = Conflict("device.taken", "no")
    heard = {
        await refusal(enrol(world, pin, SigningKey(b"s" * 32), shown))
        for pin in (ALICE, BOB, "2100000c", taken)
        for shown in ("", "x" * 22, "é", await voucher(world, "2100000e"), *([of_bob] if pin != BOB else []))
    }

    assert len(heard) == 1
    assert "device" not in "".join(world.gateway.calls[1:])  # the relay was not even asked


async def test_a_new_voucher_voids_the_one_before(world):
    lost, found = await voucher(world, ALICE), await voucher(world, ALICE)

    assert (await refusal(enrol(world, ALICE, ALICE_KEY, lost)))[1] == "subscriber.voucher"
    assert await enrol(world, ALICE, ALICE_KEY, found)


async def test_a_subscribers_pin_gets_no_second_voucher(world):
    await enrol(world, ALICE, ALICE_KEY)

    assert (await refusal(voucher(world, ALICE)))[1] == "subscriber.taken"


async def test_a_lost_handset_is_shut_out_and_its_pin_can_be_given_again(world):
    await enrol(world, ALICE, ALICE_KEY)
    await enrol(world, BOB, BOB_KEY)
    await revoke(world, ALICE)

    assert world.gateway.devices == {BOB: BOB_KEY.public.jwk().x}
    assert (await refusal(enrol(world, ALICE, ALICE_KEY, "")))[1] == "subscriber.voucher"
    bob = await enrol(world, BOB, BOB_KEY, "")
    (answer,) = await admit(world.peer("gateway/1"), ask(bob, sender=BOB, to=ALICE))
    assert answer.code == "admission.subscriber"
    assert await enrol(world, ALICE, SigningKey(b"n" * 32))


async def test_revoking_voids_a_voucher_and_is_finished_by_asking_again(world):
    shown = await voucher(world, ALICE)
    await revoke(world, ALICE)
    assert (await refusal(enrol(world, ALICE, ALICE_KEY, shown)))[1] == "subscriber.voucher"
    await enrol(world, BOB, BOB_KEY)
    world.gateway.fails = Ours("store.unavailable", "down")
    assert (await refusal(revoke(world, BOB)))[0] is Ours
    world.gateway.fails = None
    await revoke(world, BOB)

    assert world.gateway.devices == {}
    assert (await refusal(revoke(world, BOB)))[1] == "subscriber.unknown"


@pytest.mark.parametrize("role", ["gateway/1", "customer/S50000001", "court/in", "anyone/x"])
async def test_nobody_but_the_shop_makes_vouchers_and_revokes(world, role):
    peer = world.device("") if role == "anyone/x" else world.peer(role)
    for method, path in (("POST", "/v1/vouchers"), ("DELETE", f"/v1/subscribers/{ALICE}")):
        assert (await refusal(peer.ask_raw(method, path, b"not even read")))[1] == "request.role"


async def test_a_voucher_is_in_no_repr_and_not_in_the_store(world):
    made = await world.peer("operator/in").ask("POST", "/v1/vouchers", Voucher, IssueVoucher(ALICE))

    assert made.voucher not in repr(made)
    assert made.voucher.encode() not in b"".join((await world.store.hgetall(KEY)).values())


@given(st.binary(max_size=60), st.text(max_size=30))
def test_nothing_but_the_record_of_this_key_or_this_voucher_admits(known, shown):
    for record, fits in ((known, False), (voucher_record(shown), True), (b"key:" + ALICE_KEY.public.raw, True)):
        try:
            assert fits | (admit_key(record, shown, ALICE_KEY.public) == b"key:" + ALICE_KEY.public.raw)
        except Forbidden:
            assert not fits


async def test_whoever_enrols_signs_with_the_very_key(world):
    with pytest.raises(Yours) as refused:
        await enrol(world, ALICE, ALICE_KEY, signer=BOB_KEY)

    assert refused.value.code == "request.proof"
    assert world.gateway.calls == []


async def test_a_pin_that_the_relay_refuses_is_nobodys(world):
    shown = await voucher(world, ALICE)
    world.gateway.fails = Conflict("device.taken", "no")
    with pytest.raises(Conflict):
        await enrol(world, ALICE, BOB_KEY, shown)
    world.gateway.fails = None

    assert await enrol(world, ALICE, ALICE_KEY, shown)


async def test_while_the_relay_is_down_nobody_is_enrolled(world):
    world.gateway.fails = Ours("store.unavailable", "down")
    with pytest.raises(Ours):
        await enrol(world, ALICE, ALICE_KEY)
    world.gateway.fails = None

    assert await enrol(world, ALICE, ALICE_KEY, "")


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
async def test_nobody_but_the_relay_has_messages_admit_key(world, role):
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
