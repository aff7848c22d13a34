"""Calls to a party that answers with malice: over real TLS, a server that says what each test wants."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from kits import pki
from tiers.chassis import client, tls
from tiers.chassis.client import Peer, client_session
from tiers.chassis.tls import end_with_certificate
from tiers.chassis.web import Route, application
from tiers.wire.api.gateway import Done
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Role, parse_identity

COURT = parse_identity("court/in")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Hostile:
    """A server whose answer is set by the test; `asked` are the requests that reached it."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Handler = lambda _request: web.Response()  # type: ignore[assignment,return-value]
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


async def serve(app: web.Application, context: object) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()  # type: ignore[arg-type]
    return runner, f"https://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def hostile(tmp_path: Path) -> AsyncIterator[Hostile]:
    made, app = Hostile(), web.Application()
    app.router.add_route("*", "/{any:.*}", made.handle)
    runner, made.url = await serve(app, pki.issue("court/in", tmp_path).server)
    yield made
    await runner.cleanup()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with client_session(pki.issue("customer/S50000001", tmp_path).client) as made:
        yield made


async def refusal(asking: Awaitable[object]) -> str:
    with pytest.raises(TiersError) as refused:
        await asking
    return refused.value.code


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(hostile: Hostile, http: aiohttp.ClientSession, status: int) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": f"{hostile.url}/elsewhere"})

    hostile.answer = answer
    assert "court.unavailable" == await refusal(Peer(http, hostile.url, COURT).ask_raw("GET", "/v1/directory/0"))
    with pytest.raises(aiohttp.ClientError):
        await http.ws_connect(f"{hostile.url}/v1/session", server_hostname=COURT.host)
    assert ["/v1/directory/0", "/v1/session"] == [one.path for one in hostile.asked]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "nonsense"])
async def test_a_packed_answer_is_refused_and_not_unpacked(
    hostile: Hostile, http: aiohttp.ClientSession, encoding: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": encoding})

    hostile.answer = answer
    assert "peer.malformed" == await refusal(Peer(http, hostile.url, COURT).ask_raw("GET", "/x"))
    assert "identity" == hostile.asked[0].headers["Accept-Encoding"]


async def test_an_answer_without_end_is_read_to_its_most_and_no_further(
    hostile: Hostile, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER", 100_000)
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(bytes(100_000))
            sent += 100_000
        return response

    hostile.answer = answer
    assert "peer.malformed" == await refusal(Peer(http, hostile.url, COURT).ask_raw("GET", "/x"))
    assert sent < 100_000_000  # of a thousand million: what the sockets on the way took up


async def test_no_cookie_comes_back(hostile: Hostile, http: aiohttp.ClientSession) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": "who=you; Path=/"})

    hostile.answer = answer
    for _ in range(2):
        await Peer(http, hostile.url, COURT).ask_raw("GET", "/x")
    assert "Cookie" not in hostile.asked[1].headers


async def test_a_connection_that_stands_ends_with_the_certificate_of_the_server(tmp_path: Path) -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/v1/session", talk)
    runner, url = await serve(app, pki.short_lived("court/in", tmp_path).server)
    async with client_session(pki.issue("carrier/in", tmp_path).client) as http, asyncio.timeout(10):
        socket = await http.ws_connect(f"{url}/v1/session", server_hostname=COURT.host)
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    await runner.cleanup()


async def test_a_connection_that_stands_ends_with_the_certificate_of_the_client(tmp_path: Path) -> None:
    async def hello(_caller: object, request: web.Request) -> Done:
        standing.append(request.transport)
        return Done()

    async def ready() -> None: ...

    standing: list[asyncio.Transport | None] = []
    app = application([Route("GET", "/x", {Role.CARRIER}, hello, "")], CollectorRegistry(), ready)
    runner, url = await serve(app, pki.issue("court/in", tmp_path).server)
    async with client_session(pki.short_lived("carrier/in", tmp_path).client) as http:
        await Peer(http, url, COURT).ask_raw("GET", "/x")
        (transport,) = standing
        assert transport is not None
        async with asyncio.timeout(10):
            while not transport.is_closing():  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.05)
        with pytest.raises(Ours):
            await Peer(http, url, COURT).ask_raw("GET", "/x")
    assert 1 == len(standing)
    await runner.cleanup()


async def test_a_request_on_an_expired_certificate_is_refused_though_the_connection_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the machine slept: the timer has not fired yet."""

    async def hello(_caller: object, _request: web.Request) -> Done:
        return Done()

    async def ready() -> None: ...

    app = application([Route("GET", "/x", {Role.CARRIER}, hello, "")], CollectorRegistry(), ready)
    runner, url = await serve(app, pki.issue("court/in", tmp_path).server)
    async with client_session(pki.issue("carrier/in", tmp_path).client) as http:
        await Peer(http, url, COURT).ask_raw("GET", "/x")
        monkeypatch.setattr(tls.time, "time", lambda: 2**33)  # a classroom turns its clock, and no certificate ends
        await Peer(http, url, COURT).ask_raw("GET", "/x")
        real = tls.time.clock_gettime
        monkeypatch.setattr(tls.time, "clock_gettime", lambda which: real(which) + 86_400)
        assert "identity.expired" == await refusal(Peer(http, url, COURT).ask_raw("GET", "/x"))
    await runner.cleanup()


async def test_no_session_is_resumed(tmp_path: Path) -> None:
    async def hello(request: web.Request) -> web.StreamResponse:
        return web.Response()

    app = web.Application()
    app.router.add_get("/", hello)
    runner, url = await serve(app, pki.issue("court/in", tmp_path).server)
    context, port = pki.issue("carrier/in", tmp_path).client, int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=COURT.host)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")  # a ticket would have come before
    session = writer.get_extra_info("ssl_object").session
    assert session is None or not session.has_ticket
    writer.transport.abort()
    await runner.cleanup()


async def test_a_connection_without_a_certificate_is_left_alone() -> None:
    end_with_certificate(None)


async def test_a_packed_request_is_refused(tmp_path: Path) -> None:
    async def ready() -> None: ...

    runner, url = await serve(application([], CollectorRegistry(), ready), pki.issue("court/in", tmp_path).server)
    context = pki.issue("carrier/in", tmp_path).client
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        for encoding in ("gzip", "br", "\u00e9", "identity, gzip"):
            headers = {"Content-Encoding": encoding}
            async with http.post(f"{url}/x", data=b"x", headers=headers, server_hostname=COURT.host) as response:
                assert (400, "request.encoding") == (response.status, (await response.json(content_type=None))["code"])
    await runner.cleanup()
