"""A party's request table, served: who may ask what is decided here, before a body is read.

    routes = [Route("POST", "/v1/grants", {Role.AUDITOR}, grants, "ask for a key grant"), …]

A handler gets the caller's identity and the request, and returns a struct (sent as JSON) or a response of its own.
Errors leave as `application/problem+json` (RFC 9457) with our stable `code`.
"""

import asyncio
import faulthandler
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from tiers.chassis import background
from tiers.chassis.listener import BODY_SECONDS, IDLE_SECONDS, Listener, http
from tiers.chassis.logs import seldom
from tiers.chassis.memory import settle
from tiers.chassis.tls import Tls, end_with_certificate, seconds_left
from tiers.wire.encoding import parse_json
from tiers.wire.errors import Forbidden, Missing, Ours, TiersError, TooLarge, TooMany, Unauthenticated, Yours
from tiers.wire.identity import Identity, Role, identity_of

_log = structlog.get_logger()
MAX_BODY = 256 * 1024
"""Octets of a request's body, where its route says nothing else."""
MAX_BODIES = 64
"""Bodies from one address that are being read: those of strangers, and those of each party there is."""
READY_SECONDS = 1.0
_ENDS = (signal.SIGTERM, signal.SIGINT)
STOP_SECONDS = 25.0
"""After this long a party that was told to stop ends as it stands, and says on stderr where it hung."""

Handler = Callable[[Identity, web.Request], Awaitable[msgspec.Struct | web.StreamResponse]]
Knocked = Callable[[Identity, web.Request, TiersError], Awaitable[None]]
T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """An error on the wire (RFC 9457 with `code`)."""

    code: str
    detail: str
    status: int


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a request table. `knocked` is told when somebody with a certificate asks in a wrong role.

    `limit` is what a body may measure, in octets.
    """

    method: str
    path: str
    roles: AbstractSet[Role]
    handler: Handler
    summary: str
    knocked: Knocked | None = None
    limit: int = MAX_BODY


def application(
    routes: Sequence[Route], metrics: CollectorRegistry, ready: Callable[[], Awaitable[None]]
) -> web.Application:
    """Build the application of a party. `ready` raises `Ours` while the party cannot do its work."""
    app = web.Application()
    for route in [*routes, *common(metrics, ready)]:
        app.router.add_route(route.method, route.path, _guard(route), expect_handler=_expect)
    nowhere = Route("*", "", set(Role), _nowhere, "")
    app.router.add_route("*", "/{anything:.*}", _guard(nowhere), expect_handler=_expect)
    return app


async def body(request: web.Request, kind: type[T]) -> T:
    """Read the body into a struct; raises `Yours` or `TooLarge`."""
    return parse_json(kind, await raw_body(request), "request.malformed")


async def raw_body(request: web.Request) -> bytes:
    """Read the body, in time and as much as its route allows; raises `TooLarge`, `TooMany` or `Yours`."""
    limit, reading, address = request.get(_LIMIT, MAX_BODY), _reading, (request.remote, request.get(_CALLER))
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.content.is_eof() and request.content.total_bytes <= limit:  # a small one came with its head
        return request.content.read_nowait()
    if reading[address] >= MAX_BODIES:
        raise TooMany("request.too_many", f"Send at most {MAX_BODIES} bodies at once from one address.")
    reading[address] += 1
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise Yours("request.slow", f"Send a body within {BODY_SECONDS:.0f} s.") from None
    finally:
        reading[address] -= 1
        if not reading[address]:
            del reading[address]
    return b"".join(parts)


def in_path(request: web.Request, name: str, kind: type[T]) -> T:
    """Read a part of the path, such as `{pin}`; raises `Yours`."""
    try:
        return msgspec.convert(request.match_info[name], kind)
    except msgspec.ValidationError:
        raise Yours("request.path", f"Write the {name} in the path as it is specified.") from None


_LIMIT, _CALLER = web.RequestKey("limit", int), web.RequestKey("caller", Identity)
_reading: Counter[tuple[str | None, Identity | None]] = Counter()


def _too_large(limit: int) -> TooLarge:
    return TooLarge("request.too_large", f"Send a body of at most {limit} bytes.")


def json_response(answer: msgspec.Struct | Sequence[msgspec.Struct], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


def problem(error: TiersError) -> web.Response:
    """Turn an error into its answer: the one place where status codes come from."""
    answer = Problem(error.code, error.detail, error.status)
    response = web.Response(
        body=msgspec.json.encode(answer), status=error.status, content_type="application/problem+json"
    )
    if isinstance(error, Ours):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def caller_of(request: web.Request) -> Identity:
    """Name who is asking, by the certificate that TLS verified; raises `Unauthenticated`.

    A connection that stands is over when its certificate expires, and so is the request that comes first.
    """
    certificate = request.get_extra_info("peercert")
    if certificate and seconds_left(certificate) < 0:
        raise Unauthenticated("identity.expired", "Connect again with a certificate that has not expired.")
    end_with_certificate(request.transport)
    return identity_of(certificate)


def _guard(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            caller = caller_of(request)
            if request.headers.get("Content-Encoding", "identity") != "identity":
                raise Yours("request.encoding", "Send the body as it is, without Content-Encoding.")
            if Role.ANYONE not in route.roles and caller.role not in route.roles:
                allowed = ", ".join(sorted(route.roles))
                error = Forbidden("request.role", f"This request is for {allowed}; you are {caller}.")
                if route.knocked is not None and caller.role is not Role.ANYONE:
                    await route.knocked(caller, request, error)
                raise error
            request[_LIMIT], request[_CALLER] = route.limit, caller
            answer = await route.handler(caller, request)
        except TiersError as error:
            seldom("request.refused", path=route.path, code=error.code)
            return problem(error)
        except (ConnectionError, OSError, TimeoutError) as error:
            seldom("request.failed", path=route.path, code=type(error).__name__)
            return problem(Ours("party.unavailable", "Try again in a second: something behind this party is down."))
        return answer if isinstance(answer, web.StreamResponse) else json_response(answer)

    return handle


async def _expect(request: web.Request) -> web.StreamResponse | None:
    """Answer `Expect` (RFC 9110, section 10.1.1); aiohttp's own answer fails on a value that is not ASCII."""
    if request.headers["Expect"].lower() != "100-continue":
        return problem(Yours("request.expect", "Expect 100-continue, or leave the header out."))
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None


async def _nowhere(_caller: Identity, request: web.Request) -> web.StreamResponse:
    raise Missing("request.unknown", f"Ask for a path of this party's request table; it has no {request.method} here.")


class Health(msgspec.Struct, frozen=True):
    status: str = "ok"


def common(metrics: CollectorRegistry, ready: Callable[[], Awaitable[None]]) -> Iterable[Route]:
    """Yield the rows that stand in every party's table.

    Readiness may take a write: one look at a time, and a good one holds for a second.
    """
    asking, found = asyncio.Lock(), -READY_SECONDS

    async def healthz(_caller: Identity, _request: web.Request) -> Health:
        return Health()

    async def readyz(_caller: Identity, _request: web.Request) -> Health:
        nonlocal found
        async with asking:
            if time.monotonic() - found >= READY_SECONDS:
                await ready()
                found = time.monotonic()
        return Health()

    async def metrics_page(_caller: Identity, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    yield Route("GET", "/healthz", {Role.ANYONE}, healthz, "is the process alive")
    yield Route("GET", "/readyz", {Role.ANYONE}, readyz, "can it do its work")
    yield Route("GET", "/metrics", {Role.OPERATOR}, metrics_page, "Prometheus metrics")


def parse_listen(listen: str) -> tuple[str, int]:
    """Read `host:port`, which is known to be one (`HostPort`)."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


async def serve(app: web.Application, party: Identity, listen: str, tls: Tls, *, shared: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then stop cleanly: finish requests, run the application's clean-up.

    A `shared` port is one that several processes of this party listen on; each connection comes to one of them.
    """
    host, port = parse_listen(listen)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=5, auto_decompress=False, keepalive_timeout=IDLE_SECONDS
    )
    starting = asyncio.ensure_future(runner.setup())

    def told(*_: object) -> None:
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)  # told once: else whoever goes on telling would put the end off
        faulthandler.dump_traceback_later(STOP_SECONDS, exit=True)  # whatever hangs, the process ends
        loop.call_soon_threadsafe(stop.set)
        loop.call_soon_threadsafe(starting.cancel)  # it may wait for a store

    for number in _ENDS:
        signal.signal(number, told)  # not the loop's: it may be what hangs
    fresh = background.start(tls.keep_fresh())
    try:
        await starting
        assert runner.server is not None  # noqa: S101 - it is set up
        await _listen(Listener(http(runner.server), tls), host, port, stop, shared=shared)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        await background.stop(fresh)
        await runner.cleanup()
    _log.info("party.stopped", name=str(party))


async def _listen(listener: Listener, host: str, port: int, stop: asyncio.Event, *, shared: bool) -> None:
    try:
        await listener.start(host, port, shared=shared)
        settle()
        _log.info("party.listening", listen=f"{host}:{port}")
        notify_ready()
        await stop.wait()
        _log.info("party.stopping")
    finally:
        await listener.stop()


def notify_ready() -> None:
    """Tell whoever started us that we listen: `READY=1` to `NOTIFY_SOCKET`, as sd_notify(3) does, if he still asks."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(b"READY=1", path)
