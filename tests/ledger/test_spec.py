"""The example in docs/spec/ledger.md is real."""

import re
from pathlib import Path

import pytest

from kits.seals import unopened_seals
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import (
    LogKey,
    LogSigner,
    PinnedLog,
    ProofOfLogging,
    WitnessKey,
    WitnessSigner,
    verify_logged,
)
from tiers.wire.log.leaf import parse_leaf, verify_opening

SPEC = (Path(__file__).parents[2] / "docs" / "spec" / "ledger.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", SPEC, re.DOTALL)


SERVED, OPENED = (block.removesuffix("\n") for block in blocks("leaf"))


@pytest.fixture
def pinned() -> PinnedLog:
    log, witness = blocks("vkeys")[0].split()
    return PinnedLog(LogKey.parse(log), (WitnessKey.parse(witness),))


def test_the_keys_of_the_example_are_the_ones_it_says(pinned):
    assert pinned == PinnedLog(
        LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32)).key,
        (WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32)).key,),
    )


def test_the_proof_of_logging_of_the_example_verifies(pinned):
    path = tuple(re.findall(r'"proof": \["(.*?)"\]', SPEC))
    logged = verify_logged(ProofOfLogging(1, SERVED, path, blocks("checkpoint")[0]), pinned)
    assert logged.leaf.type == "warrant.served"


def test_the_opening_of_the_example_opens_its_seal():
    served, opened = parse_leaf(SERVED.encode()), parse_leaf(OPENED.encode())
    assert verify_opening(opened, served).jti == "0198a0f2-0000-7000-8000-000000000001"
    filler = parse_leaf(SERVED.replace("warrant.served", "warrant.cancelled").encode())
    assert [late.index for late in unopened_seals([filler, served], opened.ts)] == [0, 1]
    assert unopened_seals([filler, served, opened], opened.ts) == ()
