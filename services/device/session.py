"""One session with the relay, as a device holds it: the other end of tiers.wire.message.frames. Thin I/O."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from tiers.device.keyring import Keyring
from tiers.device.network import Address
from tiers.wire.encoding import b64u
from tiers.wire.errors import Ours, Yours
from tiers.wire.message.frames import (
    MAX_FRAME,
    Bye,
    Challenge,
    FromDevice,
    FromRelay,
    Hello,
    Welcome,
    parse_from_relay,
    session_message,
)

F = TypeVar("F")
_MAX_DELIVER = 32 * MAX_FRAME
_HEARTBEAT = 20.0
WELCOME_SECONDS = 30.0
"""How long a relay may take from the connection to its welcome."""
TOLERATED_MS = 60_000
_log = structlog.get_logger()


class Session:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, frame: FromDevice) -> None:
        """Send a frame; waits while the relay is slow. Raises `Ours` once the session is over."""
        try:
            await self._socket.send_str(msgspec.json.encode(frame).decode())
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            raise _over() from None

    async def receive(self) -> FromRelay:
        """Return the next frame; raises `Ours` once the session is over, and what a `bye` says."""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise _over()
        frame = parse_from_relay(message.data)
        if isinstance(frame, Bye):
            raise refusal(frame.code, frame.detail)
        return frame


def refusal(code: str, detail: str) -> Yours | Ours:
    """Turn what a frame says into its error: whatever is unavailable is worth another try."""
    return Ours(code, detail) if code.endswith(".unavailable") else Yours(code, detail)


@asynccontextmanager
async def open_session(
    http: aiohttp.ClientSession, gateway: Address, ring: Keyring, clock: Callable[[], int]
) -> AsyncIterator[Session]:
    """Connect and answer the challenge; raises `Ours` where nobody answers, `Yours` where the relay refuses."""
    try:
        socket = await http.ws_connect(
            gateway.url.rstrip("/") + "/v1/session",
            server_hostname=gateway.identity.host,
            max_msg_size=_MAX_DELIVER,
            heartbeat=_HEARTBEAT,
        )
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise Ours("gateway.unavailable", "Try again in a second: the relay is not answering.") from None
    try:
        session = Session(socket)
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                challenge = _expect(await session.receive(), Challenge)
                signature = ring.sign.sign(session_message(gateway.identity, challenge.nonce, ring.pin))
                await session.send(Hello(ring.pin, b64u(signature)))
                welcome = _expect(await session.receive(), Welcome)
        except TimeoutError:
            raise _over() from None
        if abs(ahead := clock() - welcome.ts) > TOLERATED_MS:
            who = "handset" if ahead > 0 else "relay"
            _log.warning("clock.differs", ahead=who, seconds=abs(ahead) // 1000)
        yield session
    finally:
        await socket.close()


def _expect(frame: FromRelay, kind: type[F]) -> F:
    if not isinstance(frame, kind):
        raise Yours("frame.unexpected", "The relay said something else than the session's grammar allows here.")
    return frame


def _over() -> Ours:
    return Ours("gateway.unavailable", "Connect again: the session is over.")
