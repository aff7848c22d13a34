"""The witness as the log reaches it: C2SP tlog-witness over mutual TLS. Thin I/O around `cosigning`."""

import re

import aiohttp

from tiers.chassis.client import bounded
from tiers.ledger.cosigning import SIZE_TYPE, AddCheckpoint, OtherSize
from tiers.wire.errors import Ours
from tiers.wire.identity import TRUST_DOMAIN, parse_identity

_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)
MAX_ANSWER = 65_536  # bytes
_SIZE = re.compile(rb"[0-9]{1,19}\n?")


class HttpWitness:
    """One witness at one address, by the name of its key. `session` carries our TLS context.

    A witness of this trust domain proves its SPIFFE id; somebody else's is reached by the name in its address.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, name: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        domain, _, identity = name.partition("/")
        self._host = parse_identity(identity).host if domain == TRUST_DOMAIN else None

    async def add_checkpoint(self, request: AddCheckpoint) -> str:
        """Return the cosignature lines. Raises `OtherSize` (409), or `Ours("ledger.unwitnessed")` for all else."""
        try:
            async with self._session.post(
                f"{self._url}/add-checkpoint",
                data=request.encode(),
                server_hostname=self._host,
                timeout=_TIMEOUT,
            ) as response:
                answer = await bounded(response, MAX_ANSWER)
                status, kind = response.status, response.content_type
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise _unwitnessed("is not answering") from None
        if status == 409 and kind == SIZE_TYPE and _SIZE.fullmatch(answer):  # noqa: PLR2004 - C2SP tlog-witness
            raise OtherSize(int(answer))
        if status != 200:  # noqa: PLR2004 - HTTP
            raise _unwitnessed(f"refused the checkpoint with {status}")
        return answer.decode(errors="replace")


def _unwitnessed(why: str) -> Ours:
    return Ours("ledger.unwitnessed", f"Send the same leaf again in a second: the witness {why}.")
