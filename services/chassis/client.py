"""Another party, asked over mutual TLS. TLS itself checks that the right party answers, before a byte is sent.

Who answers may be hostile all the same: no redirect is followed, nothing is unpacked, no cookie is kept, an answer has
a greatest length, and no connection outlives the certificate that it was made with.
"""

import ssl
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

import aiohttp
import msgspec

from tiers.chassis.tls import end_with_certificate
from tiers.chassis.web import Problem
from tiers.wire.encoding import parse_json
from tiers.wire.errors import (
    Conflict,
    Forbidden,
    Missing,
    Ours,
    Policy,
    TiersError,
    TooLarge,
    TooMany,
    Unauthenticated,
    Yours,
)
from tiers.wire.identity import Identity

T = TypeVar("T")
MAX_ANSWER = 16 * 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2)
_KINDS = (Unauthenticated, Forbidden, Missing, Conflict, TooLarge, TooMany)
_BY_STATUS: dict[int, type[TiersError]] = {kind.status: kind for kind in _KINDS} | {451: Policy}


class _Connector(aiohttp.TCPConnector):
    """Connections that end with the certificate of whom they reach."""

    # The one place where a new connection passes by; a small answer is read before anybody else sees its transport.
    async def _create_connection(self, *asked: Any, **named: Any) -> Any:
        made = await super()._create_connection(*asked, **named)
        end_with_certificate(made.transport)
        return made


def client_session(context: ssl.SSLContext | None = None, at_once: int = 100) -> aiohttp.ClientSession:
    """Return what all calls of a party or handset go out by, HTTP and WebSocket, with `at_once` connections.

    Without a `context` it is for plain HTTP to this machine.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_stay)  # a WebSocket has no other way to say so
    return aiohttp.ClientSession(
        connector=_Connector(ssl=context or True, limit=at_once),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


async def _stay(*_what: Any) -> NoReturn:
    raise aiohttp.ClientError("no redirect is followed")


class Peer:
    """One party at one address. The `session` carries our TLS context and is shared by all our peers."""

    def __init__(self, session: aiohttp.ClientSession, url: str, identity: Identity) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self.identity = identity

    async def ask(
        self, method: str, path: str, kind: type[T], body: msgspec.Struct | bytes | None = None, authorization: str = ""
    ) -> T:
        """Ask; returns the answer as `kind`. Raises what the party refused with, or `Ours` if it is out of reach."""
        answer = await self.ask_raw(method, path, body, authorization)
        return parse_json(kind, answer, "peer.malformed")

    async def ask_raw(
        self, method: str, path: str, body: msgspec.Struct | bytes | None = None, authorization: str = ""
    ) -> bytes:
        """Ask and return the answer's bytes. Raises as `ask` does."""
        data = msgspec.json.encode(body) if isinstance(body, msgspec.Struct) else body
        headers = {"Authorization": authorization} if authorization else None
        host = self.identity.host
        try:
            async with self._session.request(
                method, self._url + path, data=data, headers=headers, server_hostname=host, timeout=_TIMEOUT
            ) as response:
                answer, status = await _read(response), response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            name = self.identity.role
            raise Ours(f"{name}.unavailable", f"Try again in a second: the {name} is not answering.") from None
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, answer)
        return answer


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read an answer to its end; raises `Ours` for one that is packed or too long."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _malformed()
    return await bounded(response)


async def bounded(response: aiohttp.ClientResponse, most: int = MAX_ANSWER) -> bytes:
    """Read an answer to its end, as it came; raises `Ours` for one that is too long."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > most:
            raise _malformed()
    return b"".join(parts)


def _malformed() -> Ours:
    return Ours("peer.malformed", "Try again in a second: a party answered something that is not specified.")


def _refusal(status: int, answer: bytes) -> TiersError:
    try:
        said = parse_json(Problem, answer, "peer.malformed")
    except Yours:
        return _malformed()
    kind = Ours if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _BY_STATUS.get(status, Yours)
    return kind(said.code, said.detail)
