"""The court's half of an escrow: each subscriber gets his own part of the tree, and nobody gets another's."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from tiers.chassis.state import StateDir
from tiers.chassis.web import application
from tiers.court.escrow import KEY, Escrow
from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.enrolment import open_keys
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Master, epoch_of, subscriber_root, window
from tiers.wire.message.proof import Request, sign_request
from tiers.wire.message.sealing import HpkePrivateKey

NOW = 1_795_500_000_000
ALICE = "2100000a"
COURT, CARRIER = Identity(Role.COURT, "in"), Identity(Role.CARRIER, "in")
HPKE = HpkePrivateKey(b"h" * 32)


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[TestClient]:
    async def ready() -> None: ...

    escrow = Escrow(StateDir(tmp_path / "court"), COURT, lambda: NOW)
    app = application(escrow.routes(), CollectorRegistry(), ready)
    async with TestClient(TestServer(app)) as client:
        yield client


def request(key: SigningKey, pin: str, signed_as: str = ALICE, to: Identity = COURT) -> tuple[bytes, str]:
    body = msgspec.json.encode(Enrol(pin, key.public.jwk(), HPKE.public.jwk()))
    return body, sign_request(key, signed_as, to, Request("POST", "/v1/subscribers", body), NOW)


async def enrol(court: TestClient, key: SigningKey, pin: str = ALICE, signed_as: str = ALICE) -> tuple[int, bytes]:
    return await post(court, *request(key, pin, signed_as))


async def post(court: TestClient, body: bytes, proof: str) -> tuple[int, bytes]:
    async with court.post("/v1/subscribers", data=body, headers={"Authorization": proof}) as response:
        return response.status, await response.read()


async def test_a_subscriber_gets_the_minutes_from_now_on_of_his_own_tree(court: TestClient, tmp_path: Path) -> None:
    status, raw = await enrol(court, SigningKey(os.urandom(32)))
    root = subscriber_root(Master((tmp_path / "court" / KEY).read_bytes()), ALICE)

    assert 200 == status
    given = open_keys(msgspec.json.decode(raw, type=Enrolled), COURT, ALICE, HPKE)
    assert window(root, epoch_of(NOW) - 1, EPOCHS) == list(given)


@pytest.mark.parametrize(
    ("pin", "signed_as", "code"),
    [(ALICE, ALICE, "subscriber.key_conflict"), ("2100000b", ALICE, "subscriber.pin")],
)
async def test_nobody_gets_another_ones(court: TestClient, pin: str, signed_as: str, code: str) -> None:
    await enrol(court, SigningKey(os.urandom(32)))
    status, raw = await enrol(court, SigningKey(os.urandom(32)), pin, signed_as)

    assert 409 == status
    assert code == msgspec.json.decode(raw)["code"]


async def test_the_same_handset_may_ask_again(court: TestClient) -> None:
    key = SigningKey(os.urandom(32))

    assert [200, 200] == [(await enrol(court, key))[0] for _ in range(2)]


async def test_a_handsets_enrolment_at_its_carrier_is_none_here(court: TestClient) -> None:
    status, raw = await post(court, *request(SigningKey(os.urandom(32)), ALICE, to=CARRIER))

    assert (400, "request.proof") == (status, msgspec.json.decode(raw)["code"])


async def test_an_enrolment_that_somebody_sends_again_is_refused(court: TestClient) -> None:
    asked = request(SigningKey(os.urandom(32)), ALICE)
    assert 200 == (await post(court, *asked))[0]

    status, raw = await post(court, *asked)

    assert (400, "request.replayed") == (status, msgspec.json.decode(raw)["code"])
