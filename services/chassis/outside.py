"""What lies outside a party that writes to the public log, and who it is there."""

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from prometheus_client import CollectorRegistry

from tiers.chassis.client import Peer
from tiers.chassis.tls import Tls
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Identity
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.checkpoint import LoggedLeaf, ProofOfLogging, verify_logged
from tiers.wire.log.leaf import Author, Leaf, encode_leaf


class LedgerClient:
    """Appends leaves and believes nothing: what comes back is checked against the pinned log and witness."""

    def __init__(self, peer: Peer, trust: Callable[[], Trust]) -> None:
        self._peer = peer
        self._trust = trust

    async def append(self, leaf: Leaf) -> LoggedLeaf:
        """Append; returns the leaf, proved in a witnessed checkpoint. Raises `Ours` while that cannot be had.

        What the ledger refuses is ours as well, under the ledger's code: whoever asked us wrote no leaf.
        """
        entry = encode_leaf(leaf)
        try:
            proof = await self._peer.ask("POST", "/v1/leaves", ProofOfLogging, entry)
        except Yours as error:
            detail = f"Try again, or tell the operator of this party: the ledger refuses its leaf ({error.code})."
            raise Ours(error.code, detail) from None
        try:
            logged = verify_logged(proof, self._trust().log)
        except Yours as error:  # no fault of whoever asked us for something that had to be logged
            detail = f"Check log.vkey with the ledger's operator: its answer does not verify ({error.code})."
            raise Ours("ledger.bad_answer", detail) from None
        if logged.proof.leaf.encode() != entry:
            raise Ours("ledger.other_leaf", "Ask the ledger's operator: it proved another leaf than the one appended.")
        return logged


@dataclass(frozen=True, slots=True)
class Outside:
    """`trust` reads the pinned keys anew, for they arrive while we run; `clock` is ms since 1970.

    All calls go out by `http`, with the certificate in `tls`.
    """

    author: Author
    tls: Tls
    http: aiohttp.ClientSession
    ledger: LedgerClient
    trust: Callable[[], Trust]
    clock: Callable[[], int]
    metrics: CollectorRegistry

    def peer(self, url: str, identity: Identity) -> Peer:
        return Peer(self.http, url, identity)

    async def check_log(self) -> None:
        """Raise `Ours` while no log is pinned: nothing may be done without one."""
        try:
            _ = self.trust().log
        except Yours as error:
            raise Ours(error.code, error.detail) from None
