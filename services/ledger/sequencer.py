"""The order of things in the log: append, sign, have it cosigned, publish, and only then answer. Thin I/O.

It works in rounds. What arrives while a round runs shares the next one: one fsync, one checkpoint, one cosignature.
If too few witnesses answer, the entries stay and nobody is answered: the same leaf sent again is found where it stands.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from tiers.chassis import background
from tiers.ledger.cosigning import AddCheckpoint, OtherSize
from tiers.ledger.store import Store
from tiers.ledger.witness_client import HttpWitness
from tiers.wire.errors import Ours, TiersError, Yours
from tiers.wire.log.checkpoint import (
    MAX_SIGNATURES,
    LogSigner,
    PinnedLog,
    ProofOfLogging,
    WitnessedCheckpoint,
    b64,
    verify_witnessed,
)
from tiers.wire.log.merkle import TreeHead

_log = structlog.get_logger()
MAX_ROUND = 4_096  # entries


class Sequencer:
    """The one writer of the log."""

    def __init__(
        self,
        store: Store,
        signer: LogSigner,
        witnesses: Callable[[], Sequence[HttpWitness]],
        pinned: Callable[[], PinnedLog],
    ) -> None:
        """Take over a store. `pinned` gives the log's own policy, `witnesses` whom to ask, once that is known."""
        self._store = store
        self._signer = signer
        self._witnesses = witnesses
        self._pinned = pinned
        self._waiting: list[tuple[bytes, asyncio.Future[ProofOfLogging]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def add(self, entry: bytes) -> ProofOfLogging:
        """Log an entry and prove it in a witnessed checkpoint. Raises `Ours`: ask again, with the same bytes."""
        waiter: asyncio.Future[ProofOfLogging] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, waiter))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._run())
        return await waiter

    def published(self) -> WitnessedCheckpoint | None:
        """Return the checkpoint that everybody is shown; raises `Ours` before a witness is known."""
        note = self._store.checkpoint()
        return None if note is None else verify_witnessed(note, self._pinned())

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_ROUND], self._waiting[MAX_ROUND:]
            failure = Ours("ledger.failed", "Send the same leaf again; if that fails too, tell the ledger's operator.")
            try:
                proofs = await self._round([entry for entry, _ in batch])
                for (_, waiter), proof in zip(batch, proofs, strict=True):
                    if not waiter.done():
                        waiter.set_result(proof)
            except Exception as error:  # noqa: BLE001 - logged: a round that fails leaves nobody waiting in the next
                _log.warning("ledger.round_failed", entries=len(batch), error=str(error))
                failure = error if isinstance(error, Ours) else failure
            finally:  # whatever happened, nobody is left waiting
                for _, waiter in batch:
                    if not waiter.done():
                        waiter.set_exception(failure)

    async def _round(self, entries: Sequence[bytes]) -> list[ProofOfLogging]:
        indexes = await asyncio.to_thread(self._store.append, entries)
        published = self.published()
        if published is None or published.checkpoint.head.size <= max(indexes):
            published = await self._publish(published)
        return await asyncio.to_thread(self._prove, entries, indexes, published)

    async def _publish(self, before: WitnessedCheckpoint | None) -> WitnessedCheckpoint:
        head = await asyncio.to_thread(self._store.head)
        note = self._signer.sign(head)
        note += await self._cosignatures(note, head, 0 if before is None else before.checkpoint.head.size)
        witnessed = verify_witnessed(note, self._pinned())
        await asyncio.to_thread(self._store.publish, note)
        _log.info("ledger.published", size=head.size)
        return witnessed

    async def _cosignatures(self, note: str, head: TreeHead, old: int) -> str:
        """Ask every witness at once, and go on as soon as enough have cosigned. Nonsense counts for nothing.

        Of an answer one line is taken for each pinned witness: what else stands there could spoil the others' lines.
        """
        pinned, lines = self._pinned(), dict[tuple[str, ...], str]()
        asked = {asyncio.create_task(self._cosignature(one, note, head, old)) for one in self._witnesses()}
        failure = Ours("ledger.unwitnessed", "Send the same leaf again in a second: too few witnesses answer.")
        try:
            while asked and len(lines) < pinned.quorum:
                done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        lines |= _good_lines(task.result(), note, replace(pinned, quorum=1))
                    except TiersError as error:
                        _log.warning("ledger.not_cosigned", code=error.code, detail=error.detail)
                        failure = error if isinstance(error, Ours) else failure
        finally:
            await background.stop(*asked)
        if len(lines) < pinned.quorum:
            raise failure
        return "".join(lines.values())

    async def _cosignature(self, witness: HttpWitness, note: str, head: TreeHead, old: int) -> str:
        """Ask a witness; where it knows another size, once more from there (it may be behind, or ahead by a crash)."""
        try:
            return await witness.add_checkpoint(self._request(old, head.size, note))
        except OtherSize as error:
            known = error.size
        if known > head.size or known == old:
            _log.error("ledger.rolled_back", size=head.size, witnessed=known)
            raise Ours("ledger.rolled_back", "Tell the ledger's operator: a witness saw another or a longer log.")
        return await witness.add_checkpoint(self._request(known, head.size, note))

    def _request(self, old: int, new: int, note: str) -> AddCheckpoint:
        return AddCheckpoint(old, self._store.consistency_proof(old, new), note)

    def _prove(
        self, entries: Sequence[bytes], indexes: Sequence[int], published: WitnessedCheckpoint
    ) -> list[ProofOfLogging]:
        size = published.checkpoint.head.size
        return [
            ProofOfLogging(
                index=index,
                leaf=entry.decode(),
                proof=tuple(b64(node) for node in self._store.inclusion_proof(index, size)),
                checkpoint=published.note,
            )
            for entry, index in zip(entries, indexes, strict=True)
        ]


def _good_lines(answer: str, note: str, pinned: PinnedLog) -> dict[tuple[str, ...], str]:
    """Return a witness's cosignature by who made it; raises `Yours` where an answer holds none."""
    good = dict[tuple[str, ...], str]()
    failure: Yours | None = None
    for line in answer.splitlines(keepends=True)[:MAX_SIGNATURES]:
        try:
            good[verify_witnessed(note + line, pinned).witnesses] = line
        except Yours as error:
            failure = error
    if not good:
        raise failure or Yours("checkpoint.unwitnessed", "Send the cosignature as the witness wrote it.")
    return good
