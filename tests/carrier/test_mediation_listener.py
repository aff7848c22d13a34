"""The X2/X3 listener over real TLS and a real store: who may deliver, what is kept, what an ack is worth."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kits.interception import CARRIER, eventually, valkey
from kits.pki import issue, short_lived
from kits.store import client, connect
from tiers.carrier import mediation as mediation_module
from tiers.carrier.mediation import Mediation, ProductStore, arrival_of
from tiers.chassis import listener
from tiers.chassis.tls import Tls, device_context
from tiers.wire.encoding import unb64u
from tiers.wire.errors import Ours, Yours
from tiers.wire.lawful.x2x3 import MAX_PAYLOAD, X3, Direction, Head, Keepalive, KeepaliveAck, decode, encode

XID, STRANGE = UUID("11111111-2222-4333-8444-555555555555"), UUID("99999999-2222-4333-8444-555555555555")
LIID = "IN-{2013}-%42"  # what TS 103 120 allows, and a hash tag would not


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("store")) as url:
        yield url


@dataclass
class Here:
    """A mediation that listens, and its address."""

    mediation: Mediation
    metrics: CollectorRegistry
    port: int
    folder: Path

    async def connect(self, who: str = "gateway/1") -> "Line":
        return await self.open(issue(who, self.folder))

    async def open(self, tls: Tls) -> "Line":
        return Line(
            *await asyncio.open_connection("127.0.0.1", self.port, ssl=tls.client, server_hostname=CARRIER.host)
        )

    def count(self, fate: str) -> float:
        return self.metrics.get_sample_value("tiers_mediation_pdus_total", {"fate": fate}) or 0.0

    async def payloads(self) -> list[bytes]:
        page = await self.mediation.product(LIID, 0)
        return [decode(unb64u(raw, "test.pdu")).payload for raw in page.pdus]


@dataclass
class Line:
    """A relay's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pdus: X3 | Keepalive) -> None:
        self.writer.write(b"".join(map(encode, pdus)))
        await self.writer.drain()

    async def ack(self, sequence: int) -> None:
        """Ask whether all is kept, and wait for the answer."""
        await self.send(Keepalive(sequence))
        wanted = encode(KeepaliveAck(sequence))
        assert await self.reader.readexactly(len(wanted)) == wanted

    async def ended(self) -> bool:
        """Wait until the other side has closed; what it sent before that is the answer's negation."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def here(store_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    metrics = CollectorRegistry()
    async with connect(store_url) as past:
        await past.flushall()
    async with client(store_url) as store:
        mediation = Mediation(store, {XID: LIID}.get, metrics)
        port = await mediation.start("127.0.0.1:0", issue("carrier/in", tmp_path))
        yield Here(mediation, metrics, port, tmp_path)
        await mediation.stop()


def pdu(number: int, *, xid: UUID = XID, size: int = 10) -> X3:
    head = Head(xid=xid, correlation=7, direction=Direction.TO_TARGET, sequence=number, at_ns=number)
    return X3(head=head, payload=b"%010d" % number + b"." * (size - 10), mime="application/jose+json")


async def test_what_was_acknowledged_is_on_disk_in_order(here: Here, store_url: str) -> None:
    line = await here.connect()
    await line.send(*map(pdu, range(300)))
    await line.ack(1)

    async with client(store_url) as afresh:
        page = await Mediation(afresh, {}.get, CollectorRegistry()).product(LIID, 0)
    line.close()

    assert [decode(unb64u(raw, "test.pdu")) for raw in page.pdus] == [pdu(number) for number in range(300)]
    assert (page.liid, page.first, page.total, page.lost) == (LIID, 0, 300, 0)


@pytest.mark.parametrize("who", ["auditor/cbi", "carrier/in", "court/in", "operator/in", "customer/S50000001"])
async def test_nobody_but_a_relay_delivers(here: Here, who: str) -> None:
    line = await here.connect(who)
    line.writer.write(encode(pdu(0)) + encode(Keepalive(1)))

    assert await line.ended()
    assert (await here.mediation.product(LIID, 0)).total == 0
    line.close()


async def test_nobody_delivers_without_a_certificate(here: Here) -> None:
    context = device_context(here.folder / "carrier/in" / "ca.pem")
    line = Line(*await asyncio.open_connection("127.0.0.1", here.port, ssl=context, server_hostname=CARRIER.host))
    line.writer.write(encode(pdu(0)) + encode(Keepalive(1)))

    assert await line.ended()
    assert (await here.mediation.product(LIID, 0)).total == 0
    line.close()


async def test_a_certificate_of_another_authority_is_worth_nothing(here: Here, tmp_path: Path) -> None:
    stranger = issue("gateway/1", tmp_path / "elsewhere")
    stranger.client.load_verify_locations(here.folder / "carrier/in" / "ca.pem")

    line = await here.open(stranger)
    line.writer.write(encode(pdu(0)) + encode(Keepalive(1)))

    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await line.reader.readexactly(1)
    assert (await here.mediation.product(LIID, 0)).total == 0
    line.close()


async def test_product_of_a_task_that_the_carrier_never_set_is_thrown_away_and_counted(here: Here) -> None:
    """Athens: somebody at the relay copies without a task."""
    line = await here.connect()
    await line.send(pdu(0), pdu(0, xid=STRANGE), pdu(1))
    await line.ack(1)
    line.close()

    assert await here.payloads() == [b"0000000000", b"0000000001"]
    assert here.count("unknown") == 1


async def test_what_is_missing_between_two_numbers_is_counted_for_good(here: Here, store_url: str) -> None:
    line = await here.connect()
    await line.send(pdu(0), pdu(5), pdu(6))
    await line.ack(1)
    line.close()

    async with client(store_url) as afresh:
        assert (await Mediation(afresh, {}.get, CollectorRegistry()).product(LIID, 0)).lost == 4


async def test_what_is_sent_again_after_a_broken_connection_is_kept_once(here: Here) -> None:
    first = await here.connect()
    await first.send(*map(pdu, range(50)))

    async def some() -> bool:
        return (await here.mediation.product(LIID, 0)).total > 0

    await eventually(some)
    first.close()
    second = await here.connect()
    await second.send(*map(pdu, range(60)))
    await second.ack(1)
    second.close()

    assert await here.payloads() == [b"%010d" % number for number in range(60)]
    assert (await here.mediation.product(LIID, 0)).lost == 0


@pytest.mark.parametrize("late", ["between a read and a write", "after the next ones"])
async def test_a_write_that_was_given_up_and_comes_late_takes_no_number_back(
    late: str, store_url: str, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [[arrival_of(pdu(number)) for number in range(at, at + 3)] for at in (0, 3, 6)]
    written: list[tuple[bytes | str | int, ...]] = []
    async with client(store_url) as store:
        product, ask = ProductStore(store), store.ask

        async def held(*command: bytes | str | int) -> object:
            if command[0] == "EVAL":
                written.append(command)
                if len(written) == 1:
                    raise Ours("store.unavailable", "Try again in a second.")
                if len(written) == 2 and late == "between a read and a write":
                    await ask(*written[0])
            return await ask(*command)

        monkeypatch.setattr(store, "ask", held)
        with pytest.raises(Ours):
            await product.add(LIID, batches[0])
        await product.add(LIID, batches[0])
        await product.add(LIID, batches[1])
        await ask(*written[0])
        await product.add(LIID, batches[2])
    assert (len(await here.payloads()), (await here.mediation.product(LIID, 0)).lost) == (9, 0)


async def test_a_relays_newer_connection_ends_its_older(here: Here) -> None:
    older = await here.connect()
    await older.ack(1)
    newer = await here.connect()
    await newer.ack(1)

    assert await older.ended()
    await newer.send(pdu(0))
    await newer.ack(2)
    older.close()
    newer.close()


async def test_two_relays_deliver_side_by_side(here: Here) -> None:
    one, two = await here.connect("gateway/1"), await here.connect("gateway/2")
    await one.send(pdu(0))
    await one.ack(1)
    await two.send(pdu(1))
    await two.ack(1)
    await one.ack(2)
    one.close()
    two.close()

    assert len(await here.payloads()) == 2


async def test_half_open_connections_from_one_address_are_bounded_and_a_relay_is_served(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_HALF_OPEN", 5)
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 2.0)
    opened = [await asyncio.open_connection("127.0.0.1", here.port, local_addr=("127.0.0.2", 0)) for _ in range(20)]
    held = [Line(*one) for one in opened]
    for line in held[5:]:
        assert await line.ended()
    relay = await here.connect()
    await relay.ack(1)
    for line in held[:5]:
        assert await line.ended()  # who does not shake hands is shown out
    for line in (*held, relay):
        line.close()


async def test_open_connections_from_one_address_are_bounded_and_counted_out(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here.mediation._listener is not None
    counts = here.mediation._listener._counts
    monkeypatch.setattr(counts, "_most", 2)
    lines = [await here.connect("gateway/1"), await here.connect("gateway/2")]
    for line in lines:
        await line.ack(1)
    with pytest.raises(OSError):
        await here.connect("gateway/1")
    for line in lines:
        line.close()
    async with asyncio.timeout(20):
        while counts._open:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    again = await here.connect()
    await again.ack(1)
    again.close()


async def test_a_relay_that_falls_silent_is_shown_out(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediation_module, "IDLE_SECONDS", 0.2)
    line = await here.connect()
    assert await line.ended()
    line.close()


async def test_a_relays_link_ends_when_its_certificate_does(here: Here) -> None:
    line = await here.open(short_lived("gateway/1", here.folder))
    await line.ack(1)
    async with asyncio.timeout(10):
        assert await line.ended()
    line.close()


async def test_something_malformed_ends_the_connection_and_keeps_what_stood_before_it(here: Here) -> None:
    line = await here.connect()
    line.writer.write(encode(pdu(0)) + b"GET / HTTP/1.1\r\n\r\n")
    await eventually(lambda: kept(here, 1))
    line.writer.write(b"more")

    assert await line.ended()
    line.close()
    again = await here.connect()
    await again.ack(1)
    again.close()


async def test_nothing_is_acknowledged_that_the_store_did_not_take(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_args: object) -> None:
        raise ConnectionError

    line = await here.connect()
    monkeypatch.setattr(here.mediation._product, "add", gone)
    await line.send(pdu(0), Keepalive(1))

    assert await line.ended()
    line.close()


async def test_large_product_comes_in_pages_that_join_without_a_seam(here: Here) -> None:
    line = await here.connect()
    sent = [pdu(number, size=MAX_PAYLOAD) for number in range(40)]
    for each in sent:
        await line.send(each)
    await line.ack(1)
    line.close()
    found: list[bytes] = []
    pages = 0
    while len(found) < (page := await here.mediation.product(LIID, len(found))).total:
        assert page.first == len(found)
        found += [unb64u(raw, "test.pdu") for raw in page.pdus]
        pages += 1

    assert found == [encode(each) for each in sent]
    assert pages > 1


async def test_after_the_end_there_is_nothing_and_before_the_beginning_is_no_place(here: Here) -> None:
    assert (await here.mediation.product(LIID, 7)).pdus == ()
    with pytest.raises(Yours, match=r"product\.after"):
        await here.mediation.product(LIID, -1)


async def test_a_store_that_is_down_is_ours_to_mend(here: Here) -> None:
    async with client(f"unix://{here.folder / 'nothing.sock'}") as nowhere:
        with pytest.raises(Ours, match=r"store\.unavailable"):
            await Mediation(nowhere, {}.get, CollectorRegistry()).product(LIID, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.binary(min_size=1, max_size=300))
async def test_no_noise_gets_into_the_product_or_stops_the_listener(here: Here, noise: bytes) -> None:
    line = await here.connect()
    line.writer.write(noise)
    line.writer.close()

    after = await here.connect()
    await after.ack(1)
    after.close()
    assert (await here.mediation.product(LIID, 0)).total == 0


async def kept(here: Here, count: int) -> bool:
    return (await here.mediation.product(LIID, 0)).total == count
