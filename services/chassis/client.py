"""Another party, asked over mutual TLS. TLS itself checks that the right party answers, before a byte is sent."""

from typing import TypeVar

import aiohttp
import msgspec

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
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2)
_BY_STATUS: dict[int, type[TiersError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: Missing,
    409: Conflict,
    413: TooLarge,
    429: TooMany,
    451: Policy,
}


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
                answer = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            name = self.identity.role
            raise Ours(f"{name}.unavailable", f"Try again in a second: the {name} is not answering.") from None
        if status >= 400:  # noqa: PLR2004 - HTTP
            raise _refusal(status, answer)
        return answer


def _refusal(status: int, answer: bytes) -> TiersError:
    try:
        said = parse_json(Problem, answer, "peer.malformed")
    except Yours:
        return Ours("peer.malformed", "Try again in a second: a party answered something that is not specified.")
    kind = Ours if status >= 500 else _BY_STATUS.get(status, Yours)  # noqa: PLR2004 - HTTP
    return kind(said.code, said.detail)
