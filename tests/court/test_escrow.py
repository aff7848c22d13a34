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
from tiers.wire.enrolment import open_keys, voucher_record
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


def request(
    key: SigningKey, pin: str, signed_as: str = ALICE, to: Identity = COURT, shown: str = ""
) -> tuple[bytes, str]:
    body = msgspec.json.encode(Enrol(pin, key.public.jwk(), HPKE.public.jwk(), shown))
    return body, sign_request(key, signed_as, to, Request("POST", "/v1/subscribers", body), NOW)


async def enrol(court: TestClient, key: SigningKey, shown: str = "", pin: str = ALICE) -> tuple[int, bytes]:
    return await post(court, *request(key, pin, pin, shown=shown))


async def post(court: TestClient, body: bytes, proof: str) -> tuple[int, bytes]:
    async with court.post("/v1/subscribers", data=body, headers={"Authorization": proof}) as response:
        return response.status, await response.read()


def voucher(tmp_path: Path, pin: str = ALICE, made: str = "v" * 22) -> str:
    """Make a voucher as the judge's request does: without TLS there is no judge here."""
    StateDir(tmp_path / "court").write(f"subscribers/{pin}", voucher_record(made))
    return made


async def test_a_subscriber_gets_the_minutes_from_now_on_of_his_own_tree(court: TestClient, tmp_path: Path) -> None:
    status, raw = await enrol(court, SigningKey(os.urandom(32)), voucher(tmp_path))
    root = subscriber_root(Master((tmp_path / "court" / KEY).read_bytes()), ALICE)

    assert 200 == status
    given = open_keys(msgspec.json.decode(raw, type=Enrolled), COURT, ALICE, HPKE)
    assert window(root, epoch_of(NOW) - 1, EPOCHS) == list(given)


async def test_whoever_enrols_signs_as_the_pin(court: TestClient) -> None:
    status, raw = await post(court, *request(SigningKey(os.urandom(32)), "2100000b", ALICE))

    assert (409, "subscriber.pin") == (status, msgspec.json.decode(raw)["code"])


async def test_without_the_courts_voucher_every_pin_is_refused_alike(court: TestClient, tmp_path: Path) -> None:
    """Nor can a carrier, which knows who is a subscriber, take anybody's half for itself."""
    thief, shown = SigningKey(os.urandom(32)), voucher(tmp_path)
    of_another = voucher(tmp_path, "2100000b", "w" * 22)
    heard = {await enrol(court, thief, one, pin) for one in ("", of_another) for pin in (ALICE, "2100000c")}
    await enrol(court, SigningKey(os.urandom(32)), shown)
    heard |= {await enrol(court, thief, one) for one in ("", shown, of_another)}

    assert [(403, "subscriber.voucher")] == [(status, msgspec.json.decode(raw)["code"]) for status, raw in heard]


async def test_vouchers_and_revocations_are_the_judges(court: TestClient) -> None:
    for asked in (court.post("/v1/vouchers"), court.delete(f"/v1/subscribers/{ALICE}")):
        async with asked as response:
            assert 403 == response.status


async def test_the_same_handset_may_ask_again(court: TestClient, tmp_path: Path) -> None:
    key, shown = SigningKey(os.urandom(32)), voucher(tmp_path)

    assert [200, 200] == [(await enrol(court, key, one))[0] for one in (shown, "")]


async def test_a_handsets_enrolment_at_its_carrier_is_none_here(court: TestClient) -> None:
    status, raw = await post(court, *request(SigningKey(os.urandom(32)), ALICE, to=CARRIER))

    assert (400, "request.proof") == (status, msgspec.json.decode(raw)["code"])


async def test_an_enrolment_that_somebody_sends_again_is_refused(court: TestClient, tmp_path: Path) -> None:
    asked = request(SigningKey(os.urandom(32)), ALICE, shown=voucher(tmp_path))
    assert 200 == (await post(court, *asked))[0]

    status, raw = await post(court, *asked)

    assert (400, "request.replayed") == (status, msgspec.json.decode(raw)["code"])
