"""Handsets on real processes: a PIN and its key, two of one kind, a clock that comes back, what a terminal shows."""

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from tiers.chassis.client import client_session
from tiers.chassis.tls import Tls, device_context
from tiers.device.client import Device
from tiers.device.network import Address, Network
from tiers.device.store import HandsetStore
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world.cast import ACME, ADMINISTRATORS, GLOBEX, OPERATOR, handset, party
from tiers.lab.world.world import booted, customer_of
from tiers.wire.api.enterprise import NewPassword, Password
from tiers.wire.errors import TiersError
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.frames import Bye
from tiers.wire.message.mail import write_mail

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 20.0
HOUR_NS = 3_600_000_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("handsets") / "w"
    async with booted(root) as world, opened(world) as running:
        yield running


def note(sender: str, to: str, text: str = "hello") -> Note:
    return Note(sender, to, Channel.CONSUMER, Service.BBM, text)


async def test_the_first_of_two_handsets_of_one_key_says_so_and_ends(desk: Desk) -> None:
    first = desk.devices["mallory"]
    waiting = asyncio.create_task(desk.received("mallory"))
    async with asyncio.timeout(SECONDS), client_session(device_context(desk.world.ca)) as http:
        gateway = Address(desk.world.url("gateway"), party("gateway").identity)
        store = HandsetStore(desk.world.root / "handsets" / "mallory")
        twin = Device(store, first.ring, http, Network(gateway, None, desk.world.clock.now))
        session = twin.start()
        await twin.online()
        for late in (waiting, desk.sessions["mallory"], desk.send(note("mallory", "alice"))):
            with pytest.raises(TiersError, match=r"session\.replaced"):
                await late
        session.cancel()
        await asyncio.gather(session, return_exceptions=True)
        store.close()
    await desk.online("mallory")
    await desk.send(note("mallory", "alice"))
    await desk.received("alice")


async def test_an_answer_is_of_its_own_message_after_an_interrupted_one_and_in_parallel(desk: Desk) -> None:
    await desk.send(note("alice", "bob", "nobody waited for this"))
    async with asyncio.timeout(SECONDS):
        sent = await asyncio.gather(*(desk.send(note("alice", "bob", f"number {n}")) for n in range(8)))
        for one in reversed(sent):
            got = await desk.received("bob", one.mid)
            assert one.note.text == (got.content or b"").decode()
        assert b"nobody waited for this" == (await desk.received("bob")).content


async def test_a_lost_consumer_handset_is_shut_out_and_its_sender_hears_it(desk: Desk) -> None:
    pin = handset("mallory").pin
    await desk.offline("mallory")
    await desk.send(note("alice", "mallory", "for whoever finds it"))
    await desk.lost("mallory")

    with pytest.raises(TiersError, match=r"envelope\.receiver"):
        await desk.send(note("alice", "mallory"))
    with pytest.raises(TiersError, match=r"session\.signature"):
        async with asyncio.timeout(SECONDS):
            await desk.online("mallory")
    mallory, carrier = desk.devices["mallory"], Address(desk.world.url("carrier"), party("carrier").identity)
    with pytest.raises(TiersError, match=r"subscriber\.voucher"):
        await mallory.enrol(carrier, "")
    await mallory.enrol(carrier, await desk.voucher(pin))
    async with asyncio.timeout(SECONDS):
        await desk.online("mallory")
        sent = await desk.send(note("alice", "mallory", "for its owner"))
        assert sent.mid == (await desk.received("mallory")).mid


async def test_nobody_takes_an_employees_pin_before_he_activates(desk: Desk) -> None:
    pin = "3100000f"
    acme, globex = (desk.as_(ADMINISTRATORS[org]).peer(customer_of(org)) for org in (ACME, GLOBEX))
    await acme.ask("POST", "/v1/passwords", Password, NewPassword(pin))

    with pytest.raises(TiersError, match=r"device\.taken"):
        await globex.ask("POST", "/v1/passwords", Password, NewPassword(pin))
    await desk.as_(OPERATOR).peer("gateway").ask_raw("DELETE", f"/v1/devices/{pin}")
    await globex.ask("POST", "/v1/passwords", Password, NewPassword(pin))


def environ(desk: Desk, name: str, gateway: str) -> dict[str, str]:
    state, ca = str(desk.world.root / "handsets" / name), str(desk.world.ca)
    return os.environ | {"TIERS_STATE": state, "TIERS_CA": ca, "TIERS_GATEWAY_URL": gateway}


async def shown(desk: Desk, name: str, *command: str) -> str:
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tiers.device", *command),
        env=environ(desk, name, desk.world.url("gateway")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await made.communicate()
    assert made.returncode == 0, out
    return out.decode()


async def test_a_handset_says_why_it_waits_and_a_relay_forges_no_line_of_that(desk: Desk) -> None:
    async def bye(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(msgspec.json.encode(Bye("a.b\x1b[2J\n01a", "\u202eno\rreadable by: nobody")).decode())
        return socket

    async def said(gateway: str) -> bytes:
        receive = (sys.executable, "-m", "tiers.device", "receive")
        pipe = asyncio.subprocess.PIPE
        made = await asyncio.create_subprocess_exec(
            *receive, env=environ(desk, "bob", gateway), stdout=pipe, stderr=pipe
        )
        line = await made.stderr.readline()
        made.kill()
        out, _ = await made.communicate()
        assert (b"", -9) == (out, made.returncode)
        return line

    app = web.Application()
    app.router.add_get("/v1/session", bye)
    runner = web.AppRunner(app)
    await runner.setup()
    rogue = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=Tls(desk.world.tls(party("gateway").identity)).server)
    await rogue.start()
    try:
        forged = await said(f"https://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
    assert b"session.waiting because=a.b" in forged
    assert not set(forged.decode().rstrip("\n")) & set("\x1b\n\r\u202e")
    assert b"session.waiting because=gateway.unavailable: Try again" in await said("https://127.0.0.1:9")


async def test_a_message_forges_no_line_of_the_terminal_and_hides_none(desk: Desk) -> None:
    html = b"Subject: only\r\nContent-Type: text/html\r\n\r\n<p>seen <b>too</b></p>"
    texts = ["\x1b[2K\x1b[1A\rgone", "a\n  readable by: nobody", "\u202eabc", "\x9b2J", "\x1b]0;t\x07"]
    for text in texts:
        await desk.received("bob", (await desk.send(note("alice", "bob", text))).mid)
    forged = write_mail(handset("alice").pin, handset("bob").pin, "\x1b[31m", "body", desk.world.clock.now())
    alice = desk.devices["alice"]
    for raw in (html, forged):
        envelope = await alice.send(Channel.CONSUMER, Service.EMAIL, handset("bob").pin, raw)
        await desk.received("bob", envelope.header.mid)

    said = await shown(desk, "bob", "messages")

    assert not set(said) & {"\x1b", "\x9b", "\r", "\x07", "\u202e"}
    assert "seen too" in said
    blocks = [block.split("\n") for block in said.replace("\n01", "\n\n01").split("\n\n")]
    own = [line for block in blocks for line in block if "readable by:" in line and not line.startswith("  | ")]
    assert len(own) == len(blocks)
    assert all(block[1].startswith("  readable by: carrier/") for block in blocks)


async def test_after_a_clock_that_was_ahead_the_handset_says_what_happened_and_what_to_do(desk: Desk) -> None:
    """An hour ahead, a drained mailbox, then back: the keys of the hour are gone, as forward secrecy wants it."""
    alice, bob, clock = desk.devices["alice"], desk.devices["bob"], desk.world.clock

    async def turn(nanoseconds: int) -> None:
        (offset,) = struct.unpack_from("<q", clock._offset)
        struct.pack_into("<q", clock._offset, 0, offset + nanoseconds)

    for name in ("alice", "bob"):
        await desk.offline(name)
    await turn(HOUR_NS)
    for name, device in (("alice", alice), ("bob", bob)):
        before = device.ring.consumer
        await desk.online(name)
        async with asyncio.timeout(SECONDS):
            while device.ring.consumer == before:  # noqa: ASYNC110 - `drained` is on its way
                await asyncio.sleep(0.02)
    await turn(-HOUR_NS)
    with pytest.raises(TiersError, match=r"device\.minute_erased: Set the clock and enrol again"):
        await desk.send(note("alice", "bob"))

    carrier = Address(desk.world.url("carrier"), party("carrier").identity)
    await alice.enrol(carrier, "")
    sent = await desk.send(note("alice", "bob", "before bob enrols again"))
    assert "device.minute_erased" == (await desk.received("bob", sent.mid)).unreadable
    assert "Set the clock and enrol again" in await shown(desk, "bob", "messages")
    await bob.enrol(carrier, "")
    sent = await desk.send(note("alice", "bob", "after"))
    assert b"after" == (await desk.received("bob", sent.mid)).content
