"""A log and its witness in one process, for the tests of this folder: fixed keys, a clock that stands still."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tiers.chassis.state import StateDir
from tiers.ledger.cosigning import AddCheckpoint
from tiers.ledger.sequencer import Sequencer
from tiers.ledger.store import Files, Store
from tiers.ledger.witness import Witness
from tiers.wire.errors import Ours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, ProofOfLogging, WitnessSigner, verify_signed
from tiers.wire.log.leaf import Leaf, Seal, encode_leaf
from tiers.wire.log.merkle import TreeHead

NOW = 1_764_000_000_000  # milliseconds
CARRIER = "spiffe://tiers.example/carrier/in"


class DirectWitness:
    """The real witness without a network between; `down` makes it fail before or after it has cosigned."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.down: str | None = None
        self.asked = 0

    async def add_checkpoint(self, request: AddCheckpoint) -> str:
        self.asked += 1
        if self.down == "before":
            raise Ours("ledger.unwitnessed", "down")
        line = self.witness.cosign(request.encode())
        if self.down == "after":
            raise Ours("ledger.unwitnessed", "down")
        return line


class World:
    """One log, one witness, and what everybody else pins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
        self.witness_signer = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
        self.pinned = PinnedLog(self.signer.key, (self.witness_signer.key,))
        self.witness = self.another_witness(self.witness_signer)
        self.others: list[DirectWitness] = []
        self.start()

    def another_witness(self, signer: WitnessSigner) -> DirectWitness:
        """Make a witness with a memory of its own."""
        folder = StateDir(self.folder / signer.name.replace("/", "-"))
        witness = Witness(folder, signer, lambda: self.signer.key, lambda: NOW // 1000, CollectorRegistry())
        return DirectWitness(witness)

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        self.store = Store(Files(self.log_folder))
        self.sequencer = Sequencer(self.store, self.signer, lambda: [self.witness, *self.others], lambda: self.pinned)

    def publish(self, head: TreeHead | None = None, signer: LogSigner | None = None, witness=None) -> None:
        """Sign, cosign and publish whatever is asked: a log and a witness that both lie."""
        signer = signer or self.signer
        note = signer.sign(head or self.store.head())
        note += (witness or self.witness_signer).cosign(verify_signed(note, signer.key), NOW // 1000)
        self.store.publish(note)

    def log(self, *entries: bytes) -> list[ProofOfLogging]:
        """Log entries in one turn of the loop."""

        async def add_all() -> list[ProofOfLogging]:
            return await asyncio.gather(*(self.sequencer.add(entry) for entry in entries))

        return asyncio.run(add_all())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def seal() -> Seal:
    return Seal(b"s" * 32, "0198a0f2-0000-7000-8000-000000000001", b"d" * 32)


@pytest.fixture
def leaf(seal: Seal) -> Callable[..., Leaf]:
    def make(**members) -> Leaf:
        basis = {
            "type": "warrant.served",
            "ts": NOW,
            "jurisdiction": "IN",
            "agency": "cbi",
            "party": CARRIER,
            "commitment": seal.commit(),
            "open_after": NOW + 60_000,
        }
        return Leaf(**{name: value for name, value in (basis | members).items() if value is not None})

    return make


@pytest.fixture
def entry(leaf) -> Callable[..., bytes]:
    """Number `n` of a series of different leaves."""

    def make(n: int = 0, **members) -> bytes:
        return encode_leaf(leaf(**{"type": "warrant.expired", "open_after": None, "ts": NOW + n} | members))

    return make
