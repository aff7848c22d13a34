"""The request table over mutual TLS: who may ask what, and what they are told."""

import msgspec
import pytest

from kits.interception import CARRIER, RELAY
from kits.relay import ACME, ALICE, BOB, CAROL, Handset, World, signing_key
from tiers.wire.api.gateway import RegisterDevice
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import format_envelope
from tiers.wire.message.proof import Request, sign_request

PATH = "/v1/messages"


def registration(pin: str, key: SigningKey | None = None) -> bytes:
    return msgspec.json.encode(RegisterDevice((key or signing_key(pin)).public.jwk()))


def code_of(answer: bytes) -> str:
    return msgspec.json.decode(answer).get("code", "")


async def post(
    world: World, raw: bytes, pin: str = ALICE, key: SigningKey | None = None, ts: int | None = None
) -> tuple[int, str]:
    signed = sign_request(key or signing_key(pin), pin, RELAY, Request("POST", PATH, raw), ts or world.clock())
    status, answer = await world.ask(None, "POST", PATH, raw, Authorization=signed)
    return status, code_of(answer)


async def test_a_registered_device_opens_a_session_and_a_revoked_one_is_shown_out(world: World) -> None:
    assert await world.ask(f"customer/{ACME}", "PUT", f"/v1/devices/{CAROL}", registration(CAROL)) == (
        200,
        b'{"done":true}',
    )
    carol = await world.open(CAROL)
    assert await world.ask(f"customer/{ACME}", "DELETE", f"/v1/devices/{CAROL}") == (200, b'{"done":true}')
    assert await carol.bye() == "device.unknown"


async def test_a_subscriber_who_is_no_employee_any_more_keeps_the_session(world: World) -> None:
    await world.enrol(ALICE, BOB)
    await world.activate(ACME, BOB)
    alice, bob = await world.open(ALICE), await world.open(BOB)
    await world.ask(f"customer/{ACME}", "DELETE", f"/v1/devices/{BOB}")
    await alice.send(world.consumer(ALICE, BOB))
    await bob.receive()
    await bob.send(world.enterprise(BOB, ALICE))
    assert await bob.refused() == "envelope.channel"


async def test_a_new_key_ends_the_session_of_the_old_one(world: World) -> None:
    await world.enrol(ALICE)
    alice = await world.open(ALICE)
    fresh = SigningKey(b"f" * 32)
    await world.ask("carrier/in", "PUT", f"/v1/devices/{ALICE}", registration(ALICE, fresh))
    assert await alice.bye() == "session.rekeyed"
    assert isinstance(await world.open(ALICE, fresh), Handset)


async def test_a_second_key_for_one_device_is_a_conflict(world: World) -> None:
    await world.enrol(ALICE)
    answer = await world.ask(f"customer/{ACME}", "PUT", f"/v1/devices/{ALICE}", registration(BOB))
    assert (answer[0], code_of(answer[1])) == (409, "device.taken")


@pytest.mark.parametrize("who", ["court/in", "auditor/cbi", "gateway/1", "customer/S50000001", "operator/in", None])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/devices/2100000a"), ("DELETE", "/v1/devices/2100000a")])
async def test_only_carriers_and_customers_manage_devices(
    world: World, who: str | None, method: str, path: str
) -> None:
    status, answer = await world.ask(who, method, path, b"not json")
    if who == "customer/S50000001" or (who == "operator/in" and method == "DELETE"):
        assert code_of(answer) == ("request.malformed" if method == "PUT" else "device.unknown")
    else:
        assert (status, code_of(answer)) == (403, "request.role")


@pytest.mark.parametrize("pin", ["2100000A", "210", "2100000a0", "..%2F..", "2100000g"])
async def test_a_pin_has_one_spelling(world: World, pin: str) -> None:
    status, answer = await world.ask("carrier/in", "PUT", f"/v1/devices/{pin}", registration(ALICE))
    assert (status, code_of(answer)) in {(400, "request.path"), (404, "request.unknown")}


async def test_one_message_by_post_is_the_same_as_send(world: World) -> None:
    await world.enrol(ALICE, BOB)
    bob = await world.open(BOB)
    envelope = world.consumer(ALICE, BOB)
    raw = format_envelope(envelope)
    for _ in range(2):  # again: accept-once
        signed = sign_request(signing_key(ALICE), ALICE, RELAY, Request("POST", PATH, raw), world.clock())
        status, answer = await world.ask(None, "POST", PATH, raw, Authorization=signed)
        assert (status, msgspec.json.decode(answer)) == (200, {"mid": envelope.header.mid})
    (got,) = await bob.receive()
    assert got.header == envelope.header


async def test_a_refused_post_says_why(world: World) -> None:
    await world.enrol(ALICE, BOB)
    assert await post(world, format_envelope(world.consumer(BOB, ALICE))) == (403, "envelope.sender")
    assert await post(world, b"{}") == (400, "envelope.malformed")
    assert await post(world, b"x" * 200_000) == (413, "envelope.too_large")
    world.carrier.subscribers.discard(BOB)
    assert await post(world, format_envelope(world.consumer(ALICE, BOB))) == (403, "admission.subscriber")
    world.carrier.down = True
    assert await post(world, format_envelope(world.consumer(ALICE, BOB))) == (503, "carrier.unavailable")


async def test_a_post_is_signed_by_its_sender_for_this_body_and_now(world: World) -> None:
    await world.enrol(ALICE, BOB)
    raw = format_envelope(world.consumer(ALICE, BOB))
    assert await post(world, raw, key=signing_key(BOB)) == (400, "request.proof")
    assert await post(world, raw, ts=world.clock() - 121_000) == (400, "request.stale")
    assert await post(world, raw, pin="ffffffff") == (400, "request.proof")
    with_nonce = sign_request(signing_key(ALICE), ALICE, RELAY, Request("POST", PATH, raw), world.clock())
    assert (await world.ask(None, "POST", PATH, raw, Authorization=with_nonce))[0] == 200
    assert code_of((await world.ask(None, "POST", PATH, raw, Authorization=with_nonce))[1]) == "request.replayed"
    elsewhere = sign_request(signing_key(ALICE), ALICE, CARRIER, Request("POST", PATH, raw), world.clock())
    assert code_of((await world.ask(None, "POST", PATH, raw, Authorization=elsewhere))[1]) == "request.proof"
    other = sign_request(signing_key(ALICE), ALICE, RELAY, Request("POST", PATH, b"other"), world.clock())
    assert code_of((await world.ask(None, "POST", PATH, raw, Authorization=other))[1]) == "request.proof"
    for nonsense in ("", "Bearer x", "Device x.y.z", "Device e30.e30.e30", "Device é"):
        status, answer = await world.ask(None, "POST", PATH, raw, Authorization=nonsense)
        assert status in {400, 401}
        assert code_of(answer) == "request.proof"


async def test_a_session_is_a_websocket(world: World) -> None:
    status, answer = await world.ask(None, "GET", "/v1/session")
    assert (status, code_of(answer)) == (400, "session.upgrade")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    for more in ({"Sec-WebSocket-Key": "é"}, {"Sec-WebSocket-Key": "x"}, {"Sec-WebSocket-Version": "é"}):
        status, answer = await world.ask(None, "GET", "/v1/session", None, **upgrade | more)
        assert (status, code_of(answer)) == (400, "session.upgrade")


async def test_it_is_healthy_and_ready_and_shows_metrics_to_operators_only(world: World) -> None:
    assert (await world.ask(None, "GET", "/healthz"))[0] == 200
    assert (await world.ask(None, "GET", "/readyz"))[0] == 200
    assert (await world.ask(None, "GET", "/metrics"))[0] == 403
    status, text = await world.ask("operator/in", "GET", "/metrics")
    assert status == 200
    assert b"tiers_gateway_accepted_total" in text
