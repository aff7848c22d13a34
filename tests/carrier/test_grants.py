"""Grants and product over the wire: what an auditor gets, and what it never gets."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from kits import pki
from kits.carrier import AUDITOR, MINUTE, NOW, PINNED, TARGET, World, claims, refused, serve, state, warrant
from tiers.carrier.keystore import Keystore
from tiers.chassis.state import StateDir
from tiers.wire.api.carrier import Granted, Product
from tiers.wire.encoding import unb64u
from tiers.wire.errors import Missing, Ours, Yours
from tiers.wire.keys.jose import PublicJwk, VerifyKey
from tiers.wire.keys.keytree import Master, NodeJson, epoch_of, leaf
from tiers.wire.lawful import product as products
from tiers.wire.lawful.evidence import verify_evidence
from tiers.wire.lawful.grant import Grant, open_grant
from tiers.wire.lawful.release import AskGrant, terms
from tiers.wire.lawful.warrant import Status
from tiers.wire.lawful.x2x3 import Direction, Head, encode

LATER = NOW + 20 * MINUTE
EPOCH = epoch_of(NOW)


def ask(said, *, start: int = NOW, until: int = NOW + 5 * MINUTE, nonce: str = "n" * 22) -> AskGrant:
    return AskGrant(said.jti, start, until, nonce)


async def grant(world: World, asked: AskGrant, *, by: str = "auditor/cbi") -> Grant:
    answer = await world.peer(by).ask("POST", "/v1/grants", Granted, asked)
    signer = msgspec.json.decode((world.folder / "carrier" / "carrier.jwk").read_bytes(), type=PublicJwk)
    return open_grant(bytes(answer.grant), AUDITOR, {"carrier/in": VerifyKey.from_jwk(signer)})


@pytest.fixture
async def said(world):
    """A warrant that was served, twenty minutes ago."""
    said = claims()
    await serve(world, warrant(said))
    world.clock.now = LATER
    return said


async def test_a_grant_opens_every_minute_that_was_asked_for_and_none_beside(world, said):
    keys = Keystore(StateDir(world.folder / "carrier").key("master.key", Master))

    got = await grant(world, ask(said))

    assert (got.jti, got.sub) == (said.jti, TARGET)
    for epoch in range(EPOCH, EPOCH + 5):
        assert leaf(got.nodes, epoch) == keys.leaf(TARGET, epoch)
    for epoch in (EPOCH - 1, EPOCH + 5):
        with pytest.raises(Yours):
            leaf(got.nodes, epoch)


async def test_a_grant_opens_no_other_subscriber(world, said):
    keys = Keystore(StateDir(world.folder / "carrier").key("master.key", Master))

    got = await grant(world, ask(said))

    assert leaf(got.nodes, EPOCH) != keys.leaf("2100000b", EPOCH)


async def test_a_grant_carries_the_proof_that_its_release_was_logged(world, said):
    got = await grant(world, ask(said))

    logged = verify_evidence(got.evidence, said, PINNED)

    assert logged.leaf.type == "grant.released"
    assert logged.leaf.commitment == world.ledger.log.leaves[0].commitment
    assert world.ledger.log.facts[-1] == "grant.released"


async def test_one_leaf_is_one_release(world, said):
    both = await asyncio.gather(grant(world, ask(said)), grant(world, ask(said, nonce="m" * 22)))

    assert len({got.evidence.index for got in both}) == 2
    leaves = [leaf for leaf in world.ledger.log.leaves if leaf.type == "grant.released"]
    window = (epoch_of(NOW), epoch_of(NOW) + 5)
    assert {terms(said, *window, nonce * 22) for nonce in "nm"} == {leaf.terms for leaf in leaves}


async def test_no_key_is_granted_for_a_minute_before_the_warrant_was_served(world):
    said = claims()
    world.clock.now = NOW + 3 * MINUTE
    await serve(world, warrant(said))
    world.clock.now = LATER

    assert (await refused(grant(world, ask(said)))).code == "grant.retroactive"
    assert (await grant(world, ask(said, start=NOW + 3 * MINUTE))).start == epoch_of(NOW + 3 * MINUTE)
    page = await world.peer("auditor/cbi").ask("GET", f"/v1/warrants/{said.jti}/product", Product)
    assert page.since == NOW + 3 * MINUTE


async def test_without_the_log_no_key_leaves(world, said):
    world.ledger.down = True

    error = await refused(grant(world, ask(said)))
    world.ledger.down = False

    assert isinstance(error, Ours)
    assert await grant(world, ask(said)), "the same request may be sent again: nothing came of it"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"start": NOW - MINUTE}, "grant.window"),
        ({"until": NOW + 31 * MINUTE}, "grant.window"),
        ({"start": NOW + 1}, "grant.minutes"),
        ({"until": LATER + MINUTE}, "grant.future"),
    ],
)
async def test_what_a_warrant_does_not_reach_is_refused_and_logged(world, said, asked, code):
    error = await refused(grant(world, ask(said, **asked)))

    last = world.ledger.log.leaves[-1]
    assert (error.code, last.type, last.detail) == (code, "grant.refused", code)
    assert last.commitment == world.ledger.log.leaves[0].commitment


async def test_a_request_sent_again_is_a_replay(world, said):
    await grant(world, ask(said))

    error = await refused(grant(world, ask(said)))

    assert (error.code, world.ledger.log.facts[-1]) == ("grant.replayed", "grant.refused")


async def test_a_replay_stays_one_after_a_restart(world, said):
    await grant(world, ask(said))
    await world.restart_carrier()

    assert (await refused(grant(world, ask(said)))).code == "grant.replayed"
    assert await grant(world, ask(said, nonce="m" * 22))


async def test_another_agency_gets_neither_grant_nor_product(world, said):
    theirs = await refused(grant(world, ask(said), by="auditor/ib"))
    product = await refused(world.peer("auditor/ib").ask_raw("GET", f"/v1/warrants/{said.jti}/product"))

    assert (theirs.code, product.code) == ("grant.agency", "product.agency")
    assert [leaf.type for leaf in world.ledger.log.leaves[-2:]] == ["grant.refused", "warrant.refused"]


async def test_a_grant_without_a_warrant_is_refused_and_logged(world):
    error = await refused(grant(world, ask(claims())))

    assert (type(error), error.code, world.ledger.log.facts) == (Missing, "grant.no_warrant", ["grant.refused"])


@pytest.mark.parametrize("jti", ["", "x" * 5000, "é", "a b", "\x00"])
async def test_a_warrant_of_any_other_name_is_no_warrant(world, jti):
    error = await refused(grant(world, AskGrant(jti, NOW, NOW + MINUTE, "n" * 22)))

    assert (error.code, world.ledger.log.facts) == ("grant.no_warrant", ["grant.refused"])


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.CANCELLED])
async def test_a_warrant_out_of_force_releases_nothing(world, said, status):
    await state(world, said, status, 2)

    error = await refused(grant(world, ask(said)))

    assert error.code == f"warrant.{status.lower()}"


async def test_an_expired_warrant_releases_nothing(world, said):
    world.clock.now = said.exp * 1000

    assert (await refused(grant(world, ask(said)))).code == "warrant.expired"
    product = await refused(world.peer("auditor/cbi").ask_raw("GET", f"/v1/warrants/{said.jti}/product"))
    assert product.code == "warrant.expired"


@pytest.mark.parametrize("role", ["gateway/1", "court/in", "applicant/cbi", "investigator/cbi", "operator/in"])
async def test_nobody_but_an_auditor_asks_for_keys(world, said, role):
    assert (await refused(grant(world, ask(said), by=role))).code == "request.role"


async def test_what_the_relay_copies_is_there_for_the_agency(world, said):
    (xid,) = world.gateway.tasks
    pdu = encode(products.x3(_head(UUID(xid), sequence=0), b"{}"))
    await _deliver(world, pdu)

    async def fetched() -> Product:
        while True:
            got = await world.peer("auditor/cbi").ask("GET", f"/v1/warrants/{said.jti}/product?after=0", Product)
            if got.total:
                return got

    got = await asyncio.wait_for(fetched(), 10)

    assert (got.liid, got.lost) == (said.liid, 0)
    assert [unb64u(raw, "x") for raw in got.pdus] == [pdu]


@pytest.mark.parametrize("after", ["-1", "x", "", "9" * 40, "²"])
async def test_the_product_is_asked_for_from_a_number_on(world, said, after):
    error = await refused(world.peer("auditor/cbi").ask_raw("GET", f"/v1/warrants/{said.jti}/product?after={after}"))

    assert error.code == "product.after"


async def test_no_answer_and_no_log_line_shows_a_key(world, said, capsys):
    answer = await world.peer("auditor/cbi").ask("POST", "/v1/grants", Granted, ask(said))
    keys = Keystore(StateDir(world.folder / "carrier").key("master.key", Master)).cover(TARGET, EPOCH, EPOCH + 5)

    seen = bytes(answer.grant) + capsys.readouterr().out.encode()

    for node in keys:
        assert NodeJson.of(node).key.encode() not in seen


def _head(xid: UUID, sequence: int) -> Head:
    return Head(xid=xid, direction=Direction.FROM_TARGET, correlation=0, sequence=sequence, at_ns=NOW * 1_000_000)


async def _deliver(world: World, pdu: bytes) -> None:
    tls = pki.issue("gateway/1", world.folder / "tls")
    _, writer = await asyncio.open_connection(
        "127.0.0.1", world.mediation_port, ssl=tls.client, server_hostname="in.carrier.tiers.example"
    )
    writer.write(pdu)
    await writer.drain()
    world.writers.append(writer)
