"""What lies outside a party that writes to the public log, and who it is there."""

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tiers.chassis.client import Peer
from tiers.chassis.tls import Tls
from tiers.wire.errors import Ours, Yours
from tiers.wire.identity import Identity
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.checkpoint import LoggedLeaf, ProofOfLogging, verify_logged
from tiers.wire.log.leaf import Author, Leaf, encode_leaf

_UNSURE = 1 << 10
"""Leaves that are remembered because nobody said whether they are in the log."""


class LedgerClient:
    """Appends leaves and believes nothing: what comes back is checked against the pinned log and witness."""

    def __init__(self, peer: Peer, trust: Callable[[], Trust]) -> None:
        self._peer = peer
        self._trust = trust
        self._unsure: dict[bytes, Leaf] = {}
        """Leaves that may be in the log though nobody said so, each by all that it says but its time."""

    async def append(self, leaf: Leaf) -> LoggedLeaf:
        """Append; returns the leaf, proved in a witnessed checkpoint. Raises `Ours` while that cannot be had.

        A fact that got no answer is sent again with the time that it had, so that it does not stand in the log twice.
        What the ledger refuses is ours as well, under the ledger's code: whoever asked us wrote no leaf.
        """
        fact = encode_leaf(replace(leaf, ts=0))
        sent = self._unsure.pop(fact, leaf)
        try:
            return await self._append(sent)
        except Yours as error:
            if sent is not leaf:  # it never got there, and is too old by now
                return await self.append(leaf)
            detail = f"Try again, or tell the operator of this party: the ledger refuses its leaf ({error.code})."
            raise Ours(error.code, detail) from None
        except BaseException:
            if len(self._unsure) < _UNSURE:
                self._unsure[fact] = sent
            raise

    async def _append(self, leaf: Leaf) -> LoggedLeaf:
        """Append; raises `Yours` for what is refused, and `Ours` for what may be in the log or not."""
        entry = encode_leaf(leaf)
        proof = await self._peer.ask("POST", "/v1/leaves", ProofOfLogging, entry)
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
