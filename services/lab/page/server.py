"""The page, served: its files, its feed, its acts. Loopback only, behind the door, in the lab's process.

    GET, POST /enter      an invitation, once             GET /            the page
    GET  /static/…        its files, from the package     GET /feed        the event log (WebSocket)
    POST /api/<act>       tiers.lab.page.acts          GET /healthz     is it there

No party has anything of this.
"""

import asyncio
import html
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from tiers.chassis.web import json_response, problem
from tiers.lab.page.acts import NAMES, Acts
from tiers.lab.page.assets import files
from tiers.lab.page.board import Board
from tiers.lab.page.door import COOKIE, ENTERING, HEADERS, Door
from tiers.lab.page.feed import Feed
from tiers.lab.page.saving import program
from tiers.lab.page.watched import WatchedDesk
from tiers.lab.world.processes import free_ports
from tiers.wire.errors import Missing, TiersError

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEARTBEAT = 30.0  # seconds
_BATCH = 500  # entries to one message: few enough to draw while the rest is on its way
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(desk: WatchedDesk, door: Door) -> web.Application:
    """Build the application of the page."""
    folder = desk.world.root / "exercises"
    folder.mkdir(mode=0o700, exist_ok=True)
    board = Board(desk.feed, folder)
    acts = Acts(desk, door, board)
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
    app.cleanup_ctx.append(_watching(board))
    return app


def _watching(board: Board) -> Callable[[web.Application], AsyncIterator[None]]:
    async def watching(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(board.watch())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return watching


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
            response = _page_of(error) if "text/html" in request.headers.get("Accept", "") else problem(error)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.reason)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return guard


def _button(door: Door) -> Handler:
    async def button(request: web.Request) -> web.StreamResponse:
        if door.is_in(request.cookies.get(COOKIE, "")):  # and came back
            return _onward()
        page = web.Response(text=door.button(request.query.get("token", "")), content_type="text/html")
        page.headers["Content-Security-Policy"] = ENTERING
        page.headers["Referrer-Policy"] = "same-origin"  # with no-referrer the button's origin would be `null`
        return page

    return button


def _onward() -> web.Response:
    return web.Response(status=303, headers={"Location": "/"})


def _page_of(error: TiersError) -> web.Response:
    """Return an error for people: somebody followed a link, or came back too late."""
    said = html.escape(error.detail).replace("`tiers page`", "<code>tiers page</code>")
    text = (files().get("error.html") or b"").decode().replace("<!--detail-->", said)
    return web.Response(status=error.status, text=text, content_type="text/html")


def _enter(door: Door) -> Handler:
    async def enter(request: web.Request) -> web.StreamResponse:
        if door.is_in(request.cookies.get(COOKIE, "")):
            return _onward()
        form = parse_qs((await request.read()).decode("ascii", "replace"))
        cookie = door.enter(form.get("token", [""])[0])
        response = _onward()
        response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="Strict")
        return response

    return enter


async def _healthz(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def _index(_request: web.Request) -> web.StreamResponse:
    return _file("index.html")


@cache
def _program() -> bytes:
    """Return all modules of the page in one: a browser asks once for it, and not fifty times."""
    return program(files()).encode()


async def _static(request: web.Request) -> web.StreamResponse:
    return _file(request.match_info["path"])


def _file(path: str) -> web.Response:
    found = _program() if path == "page.js" else files().get(path)
    if found is None:
        raise Missing("lab.file", "Ask for a file of the page.")
    suffix = path[path.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "text/plain"
    return web.Response(body=found, content_type=kind, charset="utf-8")


def _feed(feed: Feed) -> Handler:
    """Answer `/feed?from=<run>:<n>`: everything after entry n of that log, then what comes.

    One message: {"run", "entries": [...], "present": whether all the past has been sent}.
    """

    async def stream(request: web.Request) -> web.StreamResponse:
        n = feed.place(request.query.get("from", ""))
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT, compress=False)
        await socket.prepare(request)
        sending = asyncio.create_task(_send(feed, n, socket))
        try:
            async for _ in socket:  # nothing is asked here: this only hears that the reader is gone
                pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return socket

    return stream


async def _send(feed: Feed, n: int, socket: web.WebSocketResponse) -> None:
    while not socket.closed:
        entries = feed.since(n)[:_BATCH]
        n += len(entries)
        present = "true" if n == len(feed) else "false"
        await socket.send_str(f'{{"run":"{feed.run}","present":{present},"entries":[{",".join(entries)}]}}')
        if n == len(feed):
            await feed.grown(n)


def _act(act: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await act(request)
        if isinstance(answer, msgspec.Raw):
            return web.Response(body=bytes(answer), content_type="application/json")
        return json_response(answer)

    return handle
