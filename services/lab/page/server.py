"""The page, served: its files, its feed, its acts. Loopback only, behind the door, in the lab's process.

    GET, POST /enter      an invitation, once             GET /            the page
    GET  /static/…        its files, from the package     GET /feed        the event log (SSE)
    POST /api/<act>       tiers.lab.page.acts          GET /healthz     is it there

No party has anything of this.
"""

import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from tiers.chassis.web import json_response, problem
from tiers.lab.page.acts import NAMES, Acts
from tiers.lab.page.door import COOKIE, ENTERING, HEADERS, Door
from tiers.lab.page.feed import Feed
from tiers.lab.page.watched import WatchedDesk
from tiers.lab.world.processes import free_ports
from tiers.wire.errors import Missing, TiersError

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_BATCH = 500  # entries to one SSE message: few enough to draw while the rest is on its way
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(desk: WatchedDesk, door: Door) -> web.Application:
    """Build the application of the page."""
    acts = Acts(desk, door)
    app = web.Application(middlewares=[_guard(door)])
    app.router.add_get("/", _index)
    app.router.add_get("/enter", _button(door))
    app.router.add_post("/enter", _enter(door))
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/static/{path:.+}", _static)
    app.router.add_get("/feed", _feed(desk.feed))
    for name in NAMES:
        app.router.add_post(f"/api/{name}", _act(partial(acts.do, name)))
    app.on_cleanup.append(lambda _app: acts.close())
    return app


@asynccontextmanager
async def listening(desk: WatchedDesk) -> AsyncIterator[Door]:
    """Serve the page on a free port of the loopback address."""
    port = free_ports(1)[0]
    door = Door(port)
    runner = web.AppRunner(application(desk, door), access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield door
    finally:
        await runner.cleanup()


def _guard(door: Door) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path == "/enter":
                door.check_enter(request.method, request.headers)
            else:
                door.check(request.method, request.headers, request.cookies.get(COOKIE, ""))
            response = await handler(request)
        except TiersError as error:
            response = problem(error)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.reason)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return guard


def _button(door: Door) -> Handler:
    async def button(request: web.Request) -> web.StreamResponse:
        page = web.Response(text=door.button(request.query.get("token", "")), content_type="text/html")
        page.headers["Content-Security-Policy"] = ENTERING
        page.headers["Referrer-Policy"] = "same-origin"  # with no-referrer the button's origin would be `null`
        return page

    return button


def _enter(door: Door) -> Handler:
    async def enter(request: web.Request) -> web.StreamResponse:
        form = parse_qs((await request.read()).decode("ascii", "replace"))
        cookie = door.enter(form.get("token", [""])[0])
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="Strict")
        return response

    return enter


async def _healthz(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def _index(_request: web.Request) -> web.StreamResponse:
    return _file("index.html")


async def _static(request: web.Request) -> web.StreamResponse:
    return _file(request.match_info["path"])


def _file(path: str) -> web.Response:
    found = _files().get(path)
    if found is None:
        raise Missing("lab.file", "Ask for a file of the page.")
    suffix = path[path.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "text/plain"
    return web.Response(body=found, content_type=kind, charset="utf-8")


@cache
def _files() -> dict[str, bytes]:
    """Read the page's files out of the package: what is not there is not served, whatever the path says."""
    found: dict[str, bytes] = {}

    def walk(folder: Any, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            else:
                found[prefix + entry.name] = entry.read_bytes()

    walk(resources.files(__package__) / "static", "")
    return found


def _feed(feed: Feed) -> Handler:
    async def stream(request: web.Request) -> web.StreamResponse:
        n = feed.place(request.headers.get("Last-Event-ID", ""))
        async with sse_response(request, headers=HEADERS, sep="\n") as response:
            if n == 0:
                await response.send(feed.run, event="run")
            n = await _catch_up(feed, n, response)
            await response.send(feed.run, event="present")
            while response.is_connected():
                await feed.grown(n)
                n = await _catch_up(feed, n, response)
        return response

    return stream


async def _catch_up(feed: Feed, n: int, response: EventSourceResponse) -> int:
    """Send everything from entry `n` on; returns the number of the entry that is next."""
    while entries := feed.since(n)[:_BATCH]:
        n += len(entries)
        await response.send(f"[{','.join(entries)}]", id=f"{feed.run}:{n - 1}")
    return n


def _act(act: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await act(request)
        if isinstance(answer, msgspec.Raw):
            return web.Response(body=bytes(answer), content_type="application/json")
        return json_response(answer)

    return handle
