"""From the accept path to the carrier's product, over real TLS and a real store: all of the target, once, in order."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kits.interception import (
    CARRIER,
    MINUTE,
    NOW,
    OTHER,
    PEER,
    RELAY,
    TARGET,
    World,
    claims,
    eventually,
    header,
    mids,
    valkey,
    world,
)
from kits.pki import issue
from tiers.gateway.interception import copy_sender, tasks
from tiers.gateway.interception.copy_sender import connect
from tiers.gateway.processes.lease import KEY
from tiers.wire.errors import Ours
from tiers.wire.lawful.product import read_x2
from tiers.wire.lawful.warrant import Delivery
from tiers.wire.lawful.x2x3 import X2, X3, Decoder, Direction, KeepaliveAck, encode
from tiers.wire.message.envelope import Service, parse_envelope


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("store")) as url:
        yield url


@pytest.fixture
async def lab(store_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(store_url, tmp_path) as made:
        yield made


@pytest.fixture
async def running(lab: World) -> AsyncIterator[World]:
    """The relay delivers to a mediation that is up."""
    await lab.start_mediation()
    background = lab.deliver()
    yield lab
    await end(background)


async def end(*background: asyncio.Task[None]) -> None:
    for task in background:
        task.cancel()
    for task in background:
        with suppress(asyncio.CancelledError):
            await task


async def test_only_the_target_and_all_of_it_both_ways_once_each_in_order(running: World) -> None:
    await running.task(claims())
    wanted = []
    for sender, to in [(TARGET, PEER), (PEER, TARGET), (PEER, OTHER), (OTHER, TARGET), (TARGET, OTHER)] * 20:
        entry = await running.send(header(sender, to))
        wanted += [entry] if TARGET in {sender, to} else []
    await eventually(running.drained)

    pdus = await running.pdus()

    assert mids(pdus) == [entry.header.mid for entry in wanted]
    assert [pdu.payload for pdu in pdus if isinstance(pdu, X3)] == [entry.envelope for entry in wanted]
    assert [pdu.head.sequence for pdu in pdus] == [number for number in range(len(wanted)) for _ in range(2)]
    assert await running.lost() == 0


async def test_the_two_pdus_of_a_message_say_when_where_and_of_which_task(running: World) -> None:
    xid = await running.task(claims())
    entry = await running.send(header(PEER, TARGET, Service.EMAIL))
    await eventually(running.drained)

    x2, x3 = await running.pdus()

    assert (type(x2), type(x3)) == (X2, X3)
    assert x2.head == x3.head
    assert (x2.head.xid, x2.head.at_ns, x2.head.direction) == (UUID(xid), entry.at, Direction.TO_TARGET)
    assert (x2.head.function, x2.head.point) == (str(RELAY), copy_sender.POINT)
    assert (x2.matched, x2.other) == (f"{TARGET}@email.example", f"{PEER}@email.example")
    seen = read_x2(x2)
    assert (seen.mid, seen.service, seen.size) == (entry.header.mid, Service.EMAIL, len(entry.envelope))
    assert parse_envelope(x3.payload).header == entry.header


@pytest.mark.parametrize(("delivery", "kinds"), [(Delivery.IRI, [X2]), (Delivery.CC, [X3]), (Delivery.BOTH, [X2, X3])])
async def test_what_is_delivered_is_what_the_warrant_orders(
    running: World, delivery: Delivery, kinds: list[type]
) -> None:
    await running.task(claims(delivery=delivery))
    await running.send(header())
    await eventually(running.drained)

    assert [type(pdu) for pdu in await running.pdus()] == kinds


async def test_nothing_is_lost_while_the_mediation_is_down(lab: World) -> None:
    await lab.start_mediation()
    background = lab.deliver()
    await lab.task(claims())
    sent = [await lab.send(header()) for _ in range(30)]
    await eventually(lab.drained)
    await lab.stop_mediation()
    sent += [await lab.send(header()) for _ in range(200)]
    await lab.start_mediation()
    sent += [await lab.send(header()) for _ in range(30)]
    await eventually(lab.drained)
    await end(background)

    assert mids(await lab.pdus()) == [entry.header.mid for entry in sent]
    assert await lab.lost() == 0


async def test_a_connection_that_dies_in_the_middle_of_a_batch_leaves_no_duplicates(
    lab: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The acks are swallowed for a while: the mediation has the batch, and the relay does not know."""
    await lab.start_mediation()
    await lab.task(claims())
    sent = [await lab.send(header()) for _ in range(100)]
    confirm, tries = copy_sender.Link.confirm, iter(range(1000))

    async def cut(link: copy_sender.Link) -> None:
        if (number := next(tries)) < 3:
            if number:
                await eventually(some)
            link.close()
            raise ConnectionResetError
        await confirm(link)

    async def some() -> bool:
        return len(await lab.pdus()) >= 20

    monkeypatch.setattr(copy_sender.Link, "confirm", cut)
    background = lab.deliver()
    await eventually(lab.drained)
    await end(background)

    assert next(tries) > 3
    assert mids(await lab.pdus()) == [entry.header.mid for entry in sent]
    assert (len(await lab.pdus()), await lab.lost()) == (200, 0)


async def test_a_relay_that_dies_after_the_ack_and_before_it_forgets_leaves_no_duplicates(lab: World) -> None:
    await lab.start_mediation()
    await lab.task(claims())
    sent = [await lab.send(header()) for _ in range(10)]

    async def die(_xid: str, _copies: object) -> None:
        raise Ours("store.unavailable", "dead")

    forget, lab.mailboxes.forget_copies = lab.mailboxes.forget_copies, die
    background = lab.deliver()

    async def advanced() -> bool:
        return await lab.store.hlen(copy_sender.Numbers.NEXT) == 1

    await eventually(advanced)
    await end(background)
    lab.mailboxes.forget_copies = forget
    lab.relay()
    await lab.interception.load()
    background = lab.deliver()
    sent.append(await lab.send(header()))
    await eventually(lab.drained)
    await end(background)

    assert mids(await lab.pdus()) == [entry.header.mid for entry in sent]
    assert await lab.lost() == 0


async def test_a_flood_is_dropped_beyond_the_bound_and_every_drop_is_counted_on_both_sides(
    lab: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAX_QUEUE", 50)
    await lab.task(warrant := claims())
    sent = [await lab.send(header()) for _ in range(80)]
    await lab.interception.tick()
    await lab.start_mediation()
    background = lab.deliver()
    await eventually(lab.drained)
    sent.append(await lab.send(header()))
    await eventually(lab.drained)
    assert lab.ledger.leaves == [], "whoever floods must not see in the log at once that it was he who was copied"
    lab.now = warrant.exp * 1000
    await eventually(lambda: said(lab, 2))
    await end(background)

    assert mids(await lab.pdus()) == [entry.header.mid for entry in [*sent[:50], sent[-1]]]
    assert await lab.lost() == 2 * 30  # an X2 and an X3 of each
    (loss,) = [leaf for leaf in lab.ledger.leaves if leaf.type == "loss.recorded"]
    assert (loss.count, loss.agency, loss.ts) == (30, "cbi", lab.now)


async def test_a_copy_that_nobody_can_read_is_one_loss_on_both_sides_and_holds_up_none(
    lab: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails at the end of its batch, which is sent again."""
    xid = await lab.task(warrant := claims())
    sent = [await lab.send(header())]
    (queue,) = await lab.store.keys(f"*:li:{xid}")
    await lab.store.xadd(queue, {"at": lab.at, "header": b"{", "envelope": b"{}", "to": "0"})
    sent.append(await lab.send(header()))
    advance, tries = copy_sender.Numbers.advance, iter(range(1000))

    async def fails_once(numbers: copy_sender.Numbers, *said: Any) -> None:
        if not next(tries):
            raise Ours("store.unavailable", "Try again in a second.")
        await advance(numbers, *said)

    monkeypatch.setattr(copy_sender.Numbers, "advance", fails_once)
    await lab.start_mediation()
    background = lab.deliver()
    await eventually(lab.drained)
    lab.now = warrant.exp * 1000
    await eventually(lambda: said(lab, 2))
    await end(background)

    assert mids(await lab.pdus()) == [entry.header.mid for entry in sent]
    assert await lab.lost() == 2  # an X2 and an X3
    assert [1] == [leaf.count for leaf in lab.ledger.leaves if leaf.type == "loss.recorded"]


async def test_a_loss_that_was_noted_and_not_answered_for_is_counted_once(
    lab: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAX_QUEUE", 1)
    xid = await lab.task(claims())
    ask = lab.bus.store.ask

    async def unanswered(*command: bytes | str | int) -> object:
        answer = await ask(*command)
        if command[0] == "EVAL":
            raise Ours("store.unavailable", "Try again in a second.")
        return answer

    for dropped, asked, noted in ((2, unanswered, b"2"), (1, ask, b"2"), (0, ask, b"3")):
        for _ in range(dropped + (asked is unanswered)):
            await lab.send(header())
        monkeypatch.setattr(lab.bus.store, "ask", asked)
        with suppress(Ours):
            await lab.interception.tick()
        assert await lab.store.hget(copy_sender.Numbers.UNLOGGED, xid) == noted


async def test_a_loss_is_logged_late_rather_than_never(lab: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_QUEUE", 1)
    await lab.task(warrant := claims())
    lab.ledger.down = True
    for _ in range(4):
        await lab.send(header())
    await lab.interception.tick()
    await lab.leads()
    lab.now += MINUTE
    with pytest.raises(Ours):
        await lab.interception.tell_ledger()

    lab.relay()
    await lab.leads()
    await lab.interception.load()
    lab.ledger.down = False
    await lab.interception.tell_ledger()
    assert "loss.recorded" not in [leaf.type for leaf in lab.ledger.leaves]
    lab.now = warrant.exp * 1000
    await lab.interception.tell_ledger()
    await lab.interception.tell_ledger()

    assert [("loss.recorded", 3)] == [(leaf.type, leaf.count) for leaf in lab.ledger.leaves if leaf.count]


async def test_a_flooding_target_does_not_delay_another(lab: World) -> None:
    await lab.task(claims())
    await lab.task(claims(sub=OTHER, liid="IN-2013-0043"))
    for _ in range(10 * copy_sender.BATCH):
        await lab.send(header(TARGET, PEER))
    await lab.send(header(OTHER, PEER))
    await lab.start_mediation()
    background = lab.deliver()

    async def arrived() -> bool:
        return bool(await lab.pdus("IN-2013-0043"))

    await eventually(arrived)
    before = len(mids(await lab.pdus()))
    await eventually(lab.drained)
    await end(background)

    assert before <= 4 * copy_sender.BATCH
    assert len(mids(await lab.pdus())) == 10 * copy_sender.BATCH


async def test_what_was_copied_before_the_end_is_delivered_after_it(lab: World) -> None:
    xid = await lab.task(claims())
    sent = await lab.send(header())
    lab.interception.tasks.deactivate(xid, CARRIER, lab.now)
    await lab.send(header())
    await lab.start_mediation()
    background = lab.deliver()
    await eventually(lab.drained)
    await end(background)

    assert mids(await lab.pdus()) == [sent.header.mid]


async def test_an_interception_ends_by_the_clock_with_ledger_mediation_and_court_down(lab: World) -> None:
    xid = await lab.task(claims())
    lab.ledger.down = True
    await lab.send(header())

    lab.now = NOW + 60 * MINUTE
    await lab.send(header())
    await lab.interception.tick()

    assert len(await lab.mailboxes.copies(xid, 10)) == 1
    assert not lab.interception.tasks.is_active(xid)


async def test_a_task_is_forgotten_once_it_is_over_and_delivered(lab: World) -> None:
    xid = await lab.task(warrant := claims())
    await lab.send(header())
    lab.now = NOW + 60 * MINUTE
    await lab.interception.tick()
    lab.now += tasks.LINGER_MS
    await lab.interception.tick()
    assert lab.interception.tasks.get(xid) is not None

    await lab.start_mediation()
    background = lab.deliver()
    await eventually(lab.drained)
    await eventually(lambda: said(lab, 2))
    await end(background)
    await lab.leads()
    await lab.interception.tick()
    assert lab.interception.tasks.get(xid) is not None, "until the warrant has expired no older word may begin it again"
    lab.now = warrant.exp * 1000
    await lab.interception.tick()

    assert lab.interception.tasks.get(xid) is None
    assert await lab.store.keys("gateway:*") == [KEY.encode()]


async def test_a_copy_is_not_forgotten_before_the_mediation_says_that_it_is_kept(lab: World) -> None:
    """A mediation that reads everything and answers only the first keepalive, the one on an empty line."""
    heard, got = asyncio.Event(), list[X2 | X3]()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder, answered = Decoder(), False
        while data := await reader.read(65536):
            for pdu in decoder.feed(data):
                if isinstance(pdu, X2 | X3):
                    got.append(pdu)
                elif got:
                    heard.set()
                elif not answered:
                    answered = True
                    writer.write(encode(KeepaliveAck(pdu.sequence)))
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0, ssl=lab.carrier_tls.server)
    lab.port = server.sockets[0].getsockname()[1]
    xid = await lab.task(claims())
    await lab.send(header())
    background = lab.deliver()
    await heard.wait()
    await end(background)
    server.close()

    assert len(got) == 2
    assert len(await lab.mailboxes.copies(xid, 10)) == 1
    assert await lab.interception._numbers.next(xid) == 0


async def test_only_the_carrier_itself_is_delivered_to(lab: World, tmp_path: Path) -> None:
    """Another party's certificate at the mediation's address gets nothing: TLS refuses before a byte is sent."""
    lab.carrier_tls = issue("carrier/other", tmp_path)
    await lab.start_mediation()

    with pytest.raises(OSError, match="verify"):
        await connect(f"127.0.0.1:{lab.port}", CARRIER, lab.gateway_tls)


async def said(lab: World, count: int) -> bool:
    return len(lab.ledger.leaves) == count


# ---- several processes of one relay ----


@pytest.fixture
async def twin(lab: World, store_url: str) -> AsyncIterator[World]:
    """Another process on the same store, that does nothing but hear."""
    other = World(store_url, lab.store, lab.gateway_tls, lab.carrier_tls, lab.ledger, lab.known)
    for one in (lab, other):
        await one.bus.store.check()  # from here on each hears the other
    yield other
    for opened in other.opened:
        await opened.close()


async def test_a_task_set_at_one_process_copies_at_the_other_and_one_of_them_sends(lab: World, twin: World) -> None:
    working = [lab.deliver(), twin.deliver()]
    xid = await lab.task(claims())

    async def known() -> bool:
        return twin.interception.tasks.is_active(xid)

    async def gone() -> bool:
        return not lab.interception.tasks.is_active(xid)

    await eventually(known)
    await lab.start_mediation()
    twin.port = lab.port
    sent = [await world.send(header()) for _ in range(20) for world in (lab, twin)]
    await eventually(lab.drained)

    assert sorted(entry.header.mid for entry in sent) == sorted(mids(await lab.pdus()))

    await twin.interception.end(xid, CARRIER)
    await eventually(gone)
    await end(*working)


async def test_a_restart_in_the_middle_of_a_flood_keeps_the_bound_of_the_queue(
    lab: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAX_QUEUE", 5)
    xid = await lab.task(claims())
    for _ in range(4):
        await lab.send(header())

    lab.relay()
    await lab.interception.load()
    for _ in range(4):
        await lab.send(header())

    assert 5 == await lab.mailboxes.queued(xid)
    assert {xid: 3} == lab.interception.tasks.backlog.dropped()
