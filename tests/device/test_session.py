"""A handset and a relay that does not keep to the grammar of a session."""

import asyncio

import pytest
from aiohttp import web

from kits.keyring import ALICE, subscriber
from tiers.chassis.client import client_session
from tiers.device import session
from tiers.device.network import Address
from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, Role


@pytest.mark.parametrize("frames", [[], ['{"type":"challenge","nonce":"n"}']])
async def test_a_relay_that_falls_silent_is_left_and_not_waited_for(
    frames: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in frames:
            await socket.send_str(frame)
        await socket.receive()
        await asyncio.Event().wait()
        return socket

    monkeypatch.setattr(session, "WELCOME_SECONDS", 0.2)
    app = web.Application()
    app.router.add_get("/v1/session", silent)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    relay = Address(f"http://127.0.0.1:{runner.addresses[0][1]}", Identity(Role.GATEWAY, "1"))
    async with client_session() as http:
        with pytest.raises(Ours, match=r"gateway\.unavailable"):
            async with asyncio.timeout(20), session.open_session(http, relay, subscriber(ALICE), lambda: 0):
                pass
    await runner.cleanup()
