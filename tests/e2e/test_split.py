"""An escrow that takes two: carrier and court each release their half, both in the log, and the auditor joins them."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from kits.lawful import AUDITOR, CARRIER, COURT, leaves, nonce, refused_and_logged
from tiers.auditor.inspect import NOT_THE_TARGET
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world import arrangement
from tiers.lab.world.cast import party
from tiers.lab.world.world import booted
from tiers.wire.api.carrier import Enrol, Enrolled, Granted
from tiers.wire.enrolment import open_keys
from tiers.wire.errors import Yours
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.release import AskGrant
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.proof import Request, sign_request
from tiers.wire.message.sealing import HpkePrivateKey

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

GIVERS = {"carrier": CARRIER, "court": COURT}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("split") / "w"
    async with booted(root, arrangement=arrangement.load("two-keys")) as world, opened(world) as running:
        yield running


async def says(desk: Desk, sender: str, to: str, text: str, service: Service = Service.BBM) -> None:
    subject = "about it" if service is Service.EMAIL else ""
    await desk.send(Note(sender, to, Channel.CONSUMER, service, text, subject))
    await desk.received(to)


async def served(desk: Desk) -> str:
    """Have a warrant of one minute on Alice approved and served at the start of a minute."""
    desk.world.clock.turn(1)
    jti = await desk.apply("alice", tuple(Service), minutes=1)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    return jti


def elapsed(desk: Desk, jti: str, minutes: int = 1) -> AskGrant:
    """Ask for the minutes that ended with the present one's beginning."""
    until = desk.world.clock.now() // EPOCH_MS * EPOCH_MS
    return AskGrant(jti, until - minutes * EPOCH_MS, until, nonce())


async def refused(desk: Desk, asked: AskGrant, code: str) -> None:
    """Have both givers refuse this, each in the log."""
    for name, giver in GIVERS.items():
        asking = desk.as_(AUDITOR).peer(name).ask("POST", "/v1/grants", Granted, asked)
        await refused_and_logged(desk.world, asking, code, "grant.refused", giver)


async def test_what_the_target_wrote_in_the_window_opens_once_both_have_released(desk: Desk) -> None:
    jti = await served(desk)
    await says(desk, "alice", "bob", "the parcel is under the bridge")
    await says(desk, "alice", "bob", "and the key is in the post", Service.EMAIL)
    await says(desk, "bob", "alice", "which bridge")
    until = desk.world.clock.turn(1)
    await says(desk, "alice", "bob", "a minute late")
    found = await desk.inspect(jti)

    chat, mail, answer = found.findings
    assert [None, None, NOT_THE_TARGET] == [one.sealed for one in found.findings]
    assert "the parcel is under the bridge" == chat.content
    assert "and the key is in the post" in (mail.content or "")
    assert None is answer.content
    released = [leaf.party for leaf in leaves(desk.world) if leaf.type == "grant.released"]
    assert [CARRIER.uri, COURT.uri] == released

    shut = await desk.inspect(jti, until - 2 * EPOCH_MS, until)
    assert ("grant.window", [None] * 3) == (shut.grant_refused, [one.content for one in shut.findings])
    await refused(desk, elapsed(desk, jti, minutes=2), "grant.window")


@pytest.mark.parametrize("verb", ["suspension", "cancellation"])
async def test_a_warrant_that_does_not_stand_gets_no_half_of_either(desk: Desk, verb: str) -> None:
    jti = await served(desk)
    await says(desk, "alice", "bob", "not for them")
    desk.world.clock.turn(1)
    await desk.decide(jti, verb)

    code = {"suspension": "warrant.suspended", "cancellation": "warrant.cancelled"}[verb]
    await refused(desk, elapsed(desk, jti), code)


async def test_a_carrier_that_replays_a_handsets_enrolment_at_the_court_gets_no_half(desk: Desk) -> None:
    ring, carrier, court = desk.devices["alice"].ring, party("carrier").identity, desk.as_(CARRIER).peer("court")
    body = msgspec.json.encode(Enrol(ring.pin, ring.sign.public.jwk(), ring.hpke.public.jwk(), ""))
    asked = Request("POST", "/v1/subscribers", body)
    proofs = [sign_request(ring.sign, ring.pin, to, asked, desk.world.clock.now()) for to in (carrier, court.identity)]

    with pytest.raises(Yours) as for_the_carrier:
        await court.ask("POST", "/v1/subscribers", Enrolled, body, proofs[0])
    seen = await court.ask("POST", "/v1/subscribers", Enrolled, body, proofs[1])
    with pytest.raises(Yours) as again:
        await court.ask("POST", "/v1/subscribers", Enrolled, body, proofs[1])
    with pytest.raises(Yours) as by_another:
        open_keys(seen, court.identity, ring.pin, HpkePrivateKey.generate())

    assert ["request.proof", "request.replayed", "sealing.key"] == [
        refusal.value.code for refusal in (for_the_carrier, again, by_another)
    ]
