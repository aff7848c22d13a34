"""What a stranger may take of a party: connections, time, octets; and what everybody else still gets."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kits.pki import issue
from tiers.chassis import listener as listener_module
from tiers.chassis import logs
from tiers.chassis import web as chassis
from tiers.chassis.listener import Counts, Listener
from tiers.chassis.listener import http as http_of
from tiers.chassis.tls import device_context
from tiers.chassis.web import Health, Route, application, raw_body
from tiers.wire.errors import Yours
from tiers.wire.identity import Identity, Role

HOST = "1.gateway.tiers.example"


asked: list[int] = []


async def _ready() -> None:
    asked.append(1)


@asynccontextmanager
async def party(folder: Path) -> AsyncIterator[tuple[int, aiohttp.ClientSession]]:
    """A party with one request that reads a body; gives its port and a device's session."""

    async def take(_caller: Identity, request: web.Request) -> Health:
        return Health(str(len(await raw_body(request))))

    async def much(_caller: Identity, _request: web.Request) -> web.Response:
        return web.Response(body=bytes(4_000_000))

    async def crash(_caller: Identity, _request: web.Request) -> web.Response:
        raise LookupError

    tls = issue("gateway/1", folder)
    handlers = (("POST", "/x", take), ("GET", "/much", much), ("GET", "/crash", crash))
    routes = [Route(method, path, {Role.ANYONE}, handler, "") for method, path, handler in handlers]
    app = application(routes, CollectorRegistry(), _ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    listening = Listener(http_of(runner.server), tls)
    port = await listening.start("127.0.0.1", 0)
    context = device_context(folder / "gateway/1/ca.pem")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, force_close=True)) as http:
        yield port, http
    await listening.stop()
    await runner.cleanup()


async def healthy(port: int, http: aiohttp.ClientSession) -> bool:
    async with http.get(f"https://127.0.0.1:{port}/healthz", server_hostname=_host()) as answer:
        return answer.status == 200


def _host() -> str:
    return Identity(Role.GATEWAY, "1").host


async def opened(port: int, folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = device_context(folder / "gateway/1/ca.pem")
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=_host())


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side hangs up."""
    try:
        async with asyncio.timeout(20):
            await reader.read()
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "half a head"])
async def test_whoever_does_not_finish_a_head_is_shown_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(listener_module, "HEAD_SECONDS", 0.2)
    async with party(tmp_path) as (port, http):
        reader, writer = await opened(port, tmp_path)
        writer.write(said)
        assert await ended(reader)
        writer.transport.abort()
        assert await healthy(port, http)


async def test_whoever_does_not_shake_hands_is_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "HANDSHAKE_SECONDS", 0.2)
    async with party(tmp_path) as (port, http):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(reader)
        writer.close()
        assert await healthy(port, http)


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.1", "no.invalid", "x..y", "a" * 300])
async def test_an_address_that_cannot_be_had_is_one_sentence(tmp_path: Path, host: str) -> None:
    tls = issue("gateway/1", tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(Yours, match=r"settings\.listen: Set TIERS_LIST"),
    ):
        await Listener(lambda *_: asyncio.Protocol(), tls).start(host, taken.getsockname()[1])


async def test_whoever_does_not_read_an_answer_is_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "READ_SECONDS", 0.5)
    async with party(tmp_path) as (port, http):
        _, writer = await opened(port, tmp_path)
        writer.transport.pause_reading()
        writer.write(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            while not writer.transport.is_closing():
                writer.write(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")  # what is said is no reading
                await asyncio.sleep(0.05)
        assert await healthy(port, http)


async def test_whoever_reads_an_answer_slowly_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "READ_SECONDS", 0.5)
    async with party(tmp_path) as (port, _http):
        reader, writer = await opened(port, tmp_path)
        writer.write(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        left = 4_000_000
        while left > 0:
            left -= len(await reader.readexactly(min(left, 400_000)))
            await asyncio.sleep(0.3)
        writer.transport.abort()


async def test_half_open_connections_from_one_address_are_bounded_and_everybody_else_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "MAX_HALF_OPEN", 5)
    async with party(tmp_path) as (port, http):
        held = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(20)]
        assert all([await ended(reader) for reader, _ in held[5:]])
        assert await healthy(port, http)
        for _, writer in held:
            writer.transport.abort()


async def test_a_body_that_does_not_come_is_refused_and_one_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chassis, "BODY_SECONDS", 0.2)
    async with party(tmp_path) as (port, http):
        for length, code in ((b"5", b"request.slow"), (b"5000000", b"request.too_large")):
            reader, writer = await opened(port, tmp_path)
            writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\nab")
            async with asyncio.timeout(20):
                said = await reader.readuntil(b"}")
            assert code in said
            writer.transport.abort()
        body = b"x" * chassis.MAX_BODY
        async with http.post(f"https://127.0.0.1:{port}/x", data=body, server_hostname=_host()) as answer:
            assert json.loads(await answer.read())["status"] == str(len(body))


async def test_unfinished_bodies_from_one_address_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chassis, "MAX_BODIES", 3)
    half = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\ny"
    ours = issue("carrier/in", tmp_path).client

    async def reading(bodies: int) -> None:
        async with asyncio.timeout(20):
            while sum(chassis._reading.values()) < bodies:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    async with party(tmp_path) as (port, http):
        held = [await opened(port, tmp_path) for _ in range(4)]
        for _, writer in held[:3]:
            writer.write(half)
        await reading(3)
        held[3][1].write(half)
        async with asyncio.timeout(20):
            assert b"request.too_many" in await held[3][0].readuntil(b"}")
        async with http.post(f"https://127.0.0.1:{port}/x", data=b"y", server_hostname=_host()) as answer:
            assert 200 == answer.status  # a whole one
        known = await asyncio.open_connection("127.0.0.1", port, ssl=ours, server_hostname=_host())
        known[1].write(half)
        await reading(4)  # strangers beside it take nothing of its own
        known[1].write(b"z")
        async with asyncio.timeout(20):
            assert b" 200 " in await known[0].readuntil(b"\r\n")
        for _, writer in (*held, known):
            writer.transport.abort()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["enter", "complete", "leave"])), max_size=80))
def test_an_address_never_has_more_than_its_share_and_what_left_is_forgotten(steps: list[tuple[str, str]]) -> None:
    counts, held = Counts(4), {"a": list[bool](), "b": list[bool]()}
    for address, step in steps:
        mine = held[address]
        if step == "enter":
            assert counts.enter(address) == (len(mine) < 4)
            if len(mine) < 4:
                mine.append(True)
        elif step == "complete" and True in mine:
            mine[mine.index(True)] = False
            counts.complete(address)
        elif step == "leave" and mine:
            counts.leave(address, half=mine.pop())
    for address, mine in held.items():
        for half in mine:
            counts.leave(address, half=half)
    assert (counts._open, counts._half) == ({}, {})


def test_a_line_of_one_kind_comes_once_a_second_and_says_how_many_it_stands_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("tiers.chassis.logs.time.monotonic", lambda: now[0])
    for _ in range(1000):
        logs.seldom("a.kind", code="one")
    logs.seldom("a.kind", code="two")
    now[0] += 1.5
    logs.seldom("a.kind", code="one")
    lines = capsys.readouterr().out.splitlines()
    assert 3 == len(lines)
    assert "999" in lines[-1]


async def test_what_is_no_request_is_a_line_a_second_however_often_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "SELDOM_SECONDS", 3600.0)
    monkeypatch.setattr(logging.getLogger("aiohttp.server"), "handlers", [logs._Libraries()])
    async with party(tmp_path) as (port, _http):
        for _ in range(5):
            reader, writer = await opened(port, tmp_path)
            writer.write(b"GET / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n")
            assert await ended(reader)
            writer.transport.abort()
    assert 1 == capsys.readouterr().out.count("request.unreadable")


async def test_what_crashes_is_one_traceback_a_second_however_often_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "SELDOM_SECONDS", 3600.0)
    monkeypatch.setattr(logging.getLogger("aiohttp.server"), "handlers", [logs._Libraries()])
    async with party(tmp_path) as (port, http):
        for _ in range(5):
            assert 500 == (await http.get(f"https://127.0.0.1:{port}/crash", server_hostname=_host())).status
    said = capsys.readouterr().out
    assert (1, 1) == (said.count("request.crashed"), said.count("raise LookupError"))


async def test_strangers_who_ask_whether_a_party_is_ready_have_it_look_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look may write to a store that syncs its disk for each."""
    monkeypatch.setattr(chassis, "READY_SECONDS", 3600.0)
    asked.clear()
    async with party(tmp_path) as (port, http):
        url = f"https://127.0.0.1:{port}/readyz"
        answers = await asyncio.gather(*(http.get(url, server_hostname=_host()) for _ in range(5)))
    assert ([1], {200}) == (asked, {answer.status for answer in answers})
