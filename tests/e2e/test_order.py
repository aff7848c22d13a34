"""A log that everybody can read: in another jurisdiction, by three witnesses, with a court that may be down."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from kits.lawful import AUDITOR, CARRIER, GATEWAY, Hands, claims_of, leaves, logged_since, nonce, verified_log
from tiers.chassis.outside import LedgerClient
from tiers.chassis.state import read_folder
from tiers.lab.classroom import logbook
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world import arrangement
from tiers.lab.world.processes import base_environ, stop
from tiers.lab.world.world import booted
from tiers.wire.api.court import Entry
from tiers.wire.api.gateway import ActivateTask
from tiers.wire.errors import Conflict, Forbidden, Ours
from tiers.wire.identity import parse_identity
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.trust import parse_trust
from tiers.wire.lawful.warrant import Status
from tiers.wire.log.leaf import Author
from tiers.wire.message.envelope import Channel, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("order") / "w"
    elsewhere = arrangement.load(arrangement.DEFAULT).within("GR")
    async with booted(root, arrangement=elsewhere) as world, opened(world) as running:
        yield running


async def monitored(desk: Desk) -> tuple[int, str]:
    """Run the monitor over the world's log, as its own process."""
    command, pipe = logbook.command(desk.world.root, logbook.MONITOR), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=base_environ(), stdout=pipe, stderr=sys.stderr)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def served(desk: Desk, target: str, minutes: int = 3) -> str:
    """Have a warrant issued and served at the start of a minute."""
    desk.world.clock.turn(1)
    jti = await desk.apply(target, tuple(Service), minutes=minutes)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    return jti


async def warrant(desk: Desk, jti: str) -> Entry:
    return await Hands(desk).peer("applicant/cbi", "court").ask("GET", f"/v1/warrants/{jti}", Entry)


async def copied(desk: Desk, text: str) -> None:
    await desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, text))
    await desk.received("bob")


async def test_a_warrant_from_application_to_product_is_in_order_and_every_leaf_says_where(desk: Desk) -> None:
    jti = await served(desk, "alice")
    await copied(desk, "inside")
    desk.world.clock.turn(1)
    assert [None] == [one.sealed for one in (await desk.inspect(jti)).findings]
    await logged_since(desk.world, 0, "task.activated", leaves(desk.world)[0].commitment)

    assert "witness/w" in await verified_log(desk.world)
    code, said = await monitored(desk)
    assert (0, True) == (code, "0 out of order" in said), said
    assert {"GR"} == {leaf.jurisdiction for leaf in leaves(desk.world)}
    assert 1 == len({leaf.commitment for leaf in leaves(desk.world)})


async def test_a_court_that_is_down_for_an_hour_ends_no_interception_and_one_down_longer_does(
    desk: Desk,
) -> None:
    world = desk.world
    jti = await served(desk, "alice", minutes=240)
    await stop(world.children["court"])
    world.clock.turn(59)
    await copied(desk, "an hour without a court")
    hands = Hands(desk)
    assert 1 == len((await hands.tasks()).tasks)

    world.clock.turn(62)
    async with asyncio.timeout(20):
        while (await hands.tasks()).tasks:  # noqa: ASYNC110 - the relay's own clock ends it
            await asyncio.sleep(0.05)
    start = world.clock.now() // EPOCH_MS * EPOCH_MS - EPOCH_MS
    with pytest.raises(Forbidden, match=r"warrant\.stale"):
        await hands.grant(AskGrant(jti, start, start + EPOCH_MS, nonce()), AUDITOR)

    await world.launch("court")
    async with asyncio.timeout(20):
        while not (await hands.tasks()).tasks:  # noqa: ASYNC110 - the court speaks again by itself
            await asyncio.sleep(0.05)
    await desk.decide(jti, "cancellation")


async def test_cancelled_is_cancelled_at_the_relay_whatever_the_carrier_shows(desk: Desk) -> None:
    jti = await served(desk, "bob", minutes=30)
    hands, entry = Hands(desk), await warrant(desk, jti)
    said = claims_of(entry.warrant)
    old = ActivateTask(entry.warrant, await hands.logged(said), hands.word(said))
    await desk.decide(jti, "cancellation")

    for serial in (1, 2):
        again = msgspec.structs.replace(old, status=hands.word(said, Status.APPROVED, serial))
        with pytest.raises(Conflict, match=r"task\.old_word"):
            await hands.task(again)
    assert () == (await hands.tasks()).tasks
    code, report = await monitored(desk)
    assert 1 == code  # a carrier that logs a second `warrant.served` is named
    assert "warrant.served" in report


async def test_one_witness_may_be_down_and_two_may_not(desk: Desk) -> None:
    world, hands = desk.world, Hands(desk)
    trust = parse_trust(read_folder(world.root / "trust"))
    log = LedgerClient(hands.peer(CARRIER, "ledger"), lambda: trust)

    def leaf(n: int):
        return Author(CARRIER, "GR").leaf("warrant.refused", world.clock.now() + n, "cbi", "A" * 43, detail="a.b")

    await stop(world.children["witness-2"])
    assert 2 <= len((await log.append(leaf(0))).checkpoint.witnesses)
    await stop(world.children["witness-3"])
    with pytest.raises(Ours, match=r"ledger\.unwitnessed"):
        await log.append(leaf(1))

    (world.state("witness-3") / "latest").unlink()
    with pytest.raises(Ours, match=r"witness\.memory"):
        await world.launch("witness-3")
    await world.launch("witness-2")
    assert 2 <= len((await log.append(leaf(1))).checkpoint.witnesses)


async def test_nobody_logs_what_is_anothers_to_do(desk: Desk) -> None:
    world, hands = desk.world, Hands(desk)
    trust = parse_trust(read_folder(world.root / "trust"))
    customer, end = parse_identity("customer/S50000001"), world.clock.now() + 1
    for who, kind in ((customer, "warrant.approved"), (AUDITOR, "grant.released"), (GATEWAY, "warrant.served")):
        terms, open_after = ("A" * 43, None) if kind == "grant.released" else (None, end)
        leaf = Author(who, "GR").leaf(kind, end, "cbi", "A" * 43, open_after=open_after, terms=terms)
        with pytest.raises(Ours, match=r"leaf\.role"):
            await LedgerClient(hands.peer(who, "ledger"), lambda: trust).append(leaf)
