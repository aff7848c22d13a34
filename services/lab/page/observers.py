"""Where the glass box looks: the public log as anybody reads it, and the product as the auditor may fetch it.

Both are real requests to the running parties. Nothing here looks into a party.
"""

import asyncio
from collections.abc import Callable, Sequence

from tiers.chassis.client import Peer
from tiers.lab.page.events import Copied, Logged
from tiers.lab.page.feed import Feed
from tiers.wire.api.carrier import Product
from tiers.wire.encoding import unb64u
from tiers.wire.errors import Missing, TiersError
from tiers.wire.lawful.product import read_x2
from tiers.wire.lawful.x2x3 import X2, X3, decode
from tiers.wire.log.checkpoint import parse_note
from tiers.wire.message.envelope import parse_envelope

LOOK_SECONDS = 0.5
_BUNDLE = 256  # entries to a bundle (C2SP tlog-tiles)
_TRIES, _PAUSE = 40, 0.05  # a copy passes the relay, the link and the mediation's disk: some milliseconds


class LedgerWatch:
    """Follows the public log from where it last looked."""

    def __init__(self, ledger: Peer, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._have = 0
        self._lock = asyncio.Lock()
        self.silent = False  # while the page shows another world

    async def look(self) -> None:
        """Write down the leaves that are new, with the checkpoint that stands above them."""
        async with self._lock:
            try:
                note = (await self._ledger.ask_raw("GET", "/checkpoint")).decode()
                size = parse_note(note)[0].head.size
                leaves = await self._leaves(size) if size > self._have else []
            except TiersError:  # nothing logged yet, or the ledger is away: the next look finds it
                return
            if leaves and not self.silent:
                self._feed.append(Logged(self._have, tuple(leaves), note))
                self._have = size

    async def keep_looking(self) -> None:
        """Look for ever: the court and the carrier log by the clock, too."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _leaves(self, size: int) -> list[str]:
        found: list[str] = []
        for n in range(self._have // _BUNDLE, (size + _BUNDLE - 1) // _BUNDLE):
            width = min(_BUNDLE, size - n * _BUNDLE)
            path = f"/tile/entries/{n:03d}" + (f".p/{width}" if width < _BUNDLE else "")
            entries = parse_bundle(await self._ledger.ask_raw("GET", path))
            found += entries[max(self._have - n * _BUNDLE, 0) :]
        return found


def parse_bundle(raw: bytes) -> list[str]:
    """Read an entry bundle: each entry after its length in 16 bits, big-endian (C2SP tlog-tiles)."""
    entries, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        entries.append(raw[at + 2 : end].decode())
        at = end
    return entries


class ProductWatch:
    """Follows the product of one warrant, as the auditor may fetch it."""

    def __init__(self, carrier: Peer, feed: Feed, jti: str, copied: Callable[[str], None]) -> None:
        self._carrier = carrier
        self._feed = feed
        self._jti = jti
        self._copied = copied
        self._have = 0
        self._seen: set[str] = set()
        self._lock = asyncio.Lock()

    async def wait_for(self, mid: str) -> None:
        """Write down what has come in, until the copy of this message is there (X2 and X3) or two seconds are over."""
        async with self._lock:
            for _ in range(_TRIES):
                if f"{mid} X2" in self._seen and f"{mid} X3" in self._seen:
                    return
                if not await self._fetch():
                    await asyncio.sleep(_PAUSE)

    async def _fetch(self) -> bool:
        path = f"/v1/warrants/{self._jti}/product?after={self._have}"
        try:
            page = await self._carrier.ask("GET", path, Product)
        except TiersError:  # suspended, cancelled, or the carrier is away: then nothing is to be seen
            return False
        self._have += len(page.pdus)
        self._write([unb64u(pdu, "product.malformed") for pdu in page.pdus])
        return bool(page.pdus)

    def _write(self, pdus: Sequence[bytes]) -> None:
        for raw in pdus:
            mid, kind = named(raw)
            self._seen.add(f"{mid} {kind}")
            self._feed.append(Copied(self._jti, mid, kind, raw.hex()))
            self._copied(mid)


def named(raw: bytes) -> tuple[str, str]:
    """Return which message a PDU is a copy of, and whether it is X2 or X3; raises `Yours` for another PDU."""
    pdu = decode(raw)
    match pdu:
        case X2():
            return read_x2(pdu).mid, "X2"
        case X3():
            return parse_envelope(pdu.payload).header.mid, "X3"
        case _:
            raise Missing("product.keepalive", "Deliver product only.")
