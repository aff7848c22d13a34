"""The ledger's request table. It holds the public log and its signing key, and no target's name.

    -> POST /v1/leaves {leaf}        <- {index, leaf, proof, checkpoint}, once a witness has cosigned
    -> GET  /checkpoint, /tile/...   <- what a static C2SP tlog-tiles server answers
    -> GET  /v1/proofs/...           <- a proof, for readers who do not want to read tiles

Who may write which type of leaf is the table `WRITERS` of the treaty; anybody may read.
"""

import re
from collections import Counter as Tally
from collections.abc import Callable

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge

from tiers.chassis.web import Route, raw_body
from tiers.ledger.sequencer import Sequencer
from tiers.ledger.store import Store
from tiers.ledger.tree import parse_tile_path
from tiers.wire.errors import Forbidden, Missing, TooMany, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.log.checkpoint import ProofOfLogging, b64
from tiers.wire.log.leaf import WRITERS, Leaf, parse_leaf, verify_opening

MAX_SKEW_MS = 300_000  # how far a leaf's time may be from the ledger's clock
MINUTE_MS, MAX_A_MINUTE = 60_000, 600
"""New leaves of one type that one party may log in a minute: ten a second, far above what a true one has to say."""
_WRITERS = frozenset[Role]().union(*WRITERS.values())
_READERS = frozenset({Role.ANYONE})
_NUMBER = re.compile(r"[0-9]{1,19}")
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_MUTABLE = {"Cache-Control": "no-cache"}


class InclusionProof(msgspec.Struct, frozen=True):
    """Leaf `index` in the tree of `size` leaves; `proof` as base64 hashes (RFC 9162 section 2.1.3)."""

    index: int
    size: int
    proof: tuple[str, ...]


class ConsistencyProof(msgspec.Struct, frozen=True):
    """The tree of `second` leaves extends that of `first` (RFC 9162 section 2.1.4)."""

    first: int
    second: int
    proof: tuple[str, ...]


class Ledger:
    """What the ledger answers. `now` is its clock, in milliseconds since 1970."""

    def __init__(self, store: Store, sequencer: Sequencer, now: Callable[[], int], metrics: CollectorRegistry) -> None:
        self._store = store
        self._sequencer = sequencer
        self._now = now
        self._minute, self._new = 0, Tally[tuple[Identity, str]]()
        self._logged = Counter("tiers_ledger_leaves", "Leaves answered for", ["type"], registry=metrics)
        Gauge("tiers_ledger_size", "Leaves on disk", registry=metrics).set_function(lambda: store.size)

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/leaves", _WRITERS, self._append, "log a leaf of its own, with proof"),
            Route("GET", "/checkpoint", _READERS, self._checkpoint, "the latest cosigned checkpoint"),
            Route("GET", "/tile/{path:.+}", _READERS, self._tile, "a tile or entry bundle (C2SP tlog-tiles)"),
            Route("GET", "/v1/proofs/inclusion", _READERS, self._inclusion, "prove a leaf in a tree"),
            Route("GET", "/v1/proofs/consistency", _READERS, self._consistency, "prove one tree extends another"),
        ]

    async def log(self, caller: Identity, entry: bytes) -> ProofOfLogging:
        """Log a leaf for the party that it names. Raises `Yours` (`leaf.*`) or `Ours`: ask again, same bytes."""
        leaf = parse_leaf(entry)
        if leaf.party != caller.uri:
            raise Forbidden("leaf.party", f"Log leaves of your own: set party to {caller.uri}.")
        if caller.role not in WRITERS[leaf.type]:
            raise Forbidden("leaf.role", f"Leave {leaf.type} to those who do it: a {caller.role} logs no such leaf.")
        if self._store.index_of(entry) is None:  # what is logged already is only proven again, however late
            self._check_new(leaf)
            self._check_rate(caller, leaf.type)
        proof = await self._sequencer.add(entry)
        self._logged.labels(leaf.type).inc()
        return proof

    def _check_new(self, leaf: Leaf) -> None:
        if abs(leaf.ts - self._now()) > MAX_SKEW_MS:
            raise Yours("leaf.clock", f"Set ts to within {MAX_SKEW_MS // 1000} s of the ledger's clock.")
        if leaf.opens is not None:
            sealed = self._store.entry(leaf.opens.index)
            if sealed is None:
                raise Yours("leaf.not_sealed", "Open the index of a leaf that carries open_after.")
            verify_opening(leaf, parse_leaf(sealed))

    def _check_rate(self, caller: Identity, kind: str) -> None:
        minute = self._now() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._new = minute, Tally()
        if self._new[caller, kind] >= MAX_A_MINUTE:
            raise TooMany("leaf.quota", f"Wait a minute: a party logs at most {MAX_A_MINUTE} leaves of a type in one.")
        self._new[caller, kind] += 1

    async def _append(self, caller: Identity, request: web.Request) -> ProofOfLogging:
        return await self.log(caller, await raw_body(request))

    async def _checkpoint(self, _caller: Identity, _request: web.Request) -> web.Response:
        note = self._store.checkpoint()
        if note is None:
            raise Missing("ledger.no_checkpoint", "Log a leaf first: this log is empty.")
        return web.Response(text=note, headers=_MUTABLE)

    async def _tile(self, _caller: Identity, request: web.Request) -> web.Response:
        tile = self._store.tile(parse_tile_path(request.match_info["path"]))
        if tile is None:
            raise Missing("ledger.no_tile", "Ask for a tile that the checkpoint's size implies (C2SP tlog-tiles).")
        return web.Response(body=tile, headers=_IMMUTABLE)

    async def _inclusion(self, _caller: Identity, request: web.Request) -> InclusionProof:
        index, size = _sizes(request, "index", "size")
        proof = self._store.inclusion_proof(index, self._published(size))
        return InclusionProof(index, size, tuple(map(b64, proof)))

    async def _consistency(self, _caller: Identity, request: web.Request) -> ConsistencyProof:
        first, second = _sizes(request, "first", "second")
        proof = self._store.consistency_proof(first, self._published(second))
        return ConsistencyProof(first, second, tuple(map(b64, proof)))

    def _published(self, size: int) -> int:
        """Pass a size that a witness has seen: nothing is proven about leaves beyond it."""
        published = self._sequencer.published()
        if published is None or size > published.checkpoint.head.size:
            raise Missing("ledger.no_tree", "Ask for a size up to that of the published checkpoint.")
        return size


def _sizes(request: web.Request, *names: str) -> tuple[int, ...]:
    """Read a query of these numbers and no others; raises `Yours`."""
    asked = dict(request.query)
    if asked.keys() != {*names} or not all(map(_NUMBER.fullmatch, asked.values())):
        raise Yours("ledger.query", f"Ask with {' and '.join(names)}, each a number of leaves.")
    return tuple(int(asked[name]) for name in names)
