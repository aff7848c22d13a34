"""What a ledger or a peer answers wrongly is never the fault of whoever asked us."""

import json
from contextlib import suppress

import msgspec
import pytest

from tiers.chassis.client import _refusal
from tiers.chassis.outside import LedgerClient
from tiers.chassis.web import Problem
from tiers.wire.encoding import b64u
from tiers.wire.errors import Forbidden, Ours, TiersError, Unauthenticated, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, ProofOfLogging, WitnessSigner, verify_signed
from tiers.wire.log.leaf import Leaf, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash

NOW = 1_764_000_000_000
LOG = LogSigner("tiers.example/ledger/in", SigningKey(b"L" * 32))
WITNESS = WitnessSigner("tiers.example/witness/w1", SigningKey(b"W" * 32))
TRUST = Trust({}, {}, {}, {}, (PinnedLog(LOG.key, (WITNESS.key,)),))


def leaf(ts: int = NOW) -> Leaf:
    return Leaf(
        type="warrant.expired", ts=ts, jurisdiction="IN", agency="cbi", party="spiffe://tiers.example/carrier/in",
        commitment=b64u(bytes(32)),
    )  # fmt: skip


class Answering:
    """A ledger that proves `said`, whatever it was asked; `witnessed` or not."""

    def __init__(self, said: Leaf, *, witnessed: bool = True) -> None:
        entry = encode_leaf(said)
        note = LOG.sign(TreeHead(1, leaf_hash(entry)))
        note += WITNESS.cosign(verify_signed(note, LOG.key), NOW // 1000) if witnessed else ""
        self.proof = ProofOfLogging(0, entry.decode(), (), note)

    async def ask(self, *_asked: object) -> ProofOfLogging:
        return self.proof


class Refusing:
    """A ledger that refuses every leaf."""

    def __init__(self, error: TiersError) -> None:
        self.error = error

    async def ask(self, *_asked: object) -> ProofOfLogging:
        raise self.error


@pytest.mark.parametrize("error", [Yours("leaf.clock", "Set ts."), Forbidden("leaf.party", "Log your own.")])
async def test_what_the_ledger_refuses_is_no_fault_of_whoever_asked_us(error):
    with pytest.raises(Ours) as refused:
        await LedgerClient(Refusing(error), lambda: TRUST).append(leaf())
    assert (error.code, 503) == (refused.value.code, refused.value.status)


async def test_a_leaf_that_is_proved_is_logged():
    logged = await LedgerClient(Answering(leaf()), lambda: TRUST).append(leaf())
    assert (0, leaf()) == (logged.index, logged.leaf)


class Falling:
    """A ledger that answers what it is told to: nothing, a refusal, or that the leaf is in the log."""

    def __init__(self, *answers: TiersError | None) -> None:
        self.answers = list(answers)
        self.sent: list[int] = []

    async def ask(self, _method: str, _path: str, _answer: object, entry: bytes) -> ProofOfLogging:
        self.sent.append(json.loads(entry)["ts"])
        if (error := self.answers.pop(0)) is not None:
            raise error
        return Answering(leaf(self.sent[-1])).proof


SILENT, TOO_OLD = Ours("ledger.unwitnessed", "Try again."), Yours("leaf.clock", "Set ts.")


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ([None, None], [1, 2]),
        ([SILENT, None, None], [1, 1, 3]),
        ([SILENT, SILENT, None], [1, 1, 1]),
        ([SILENT, TOO_OLD, None, None], [1, 1, 2, 3]),
        ([TOO_OLD, None], [1, 2]),
    ],
    ids=["answered", "silent once", "silent twice", "never there", "refused"],
)
async def test_a_fact_that_got_no_answer_is_sent_again_as_it_was(answers: list[TiersError | None], sent: list[int]):
    ledger = Falling(*answers)
    client = LedgerClient(ledger, lambda: TRUST)
    for later in range(1, 4):
        if ledger.answers:
            with suppress(Ours):
                await client.append(leaf(later))
    assert sent == ledger.sent


@pytest.mark.parametrize(
    ("peer", "trust", "code"),
    [
        (Answering(leaf(), witnessed=False), TRUST, "ledger.bad_answer"),
        (Answering(leaf()), Trust({}, {}, {}, {}, ()), "ledger.bad_answer"),
        (Answering(leaf(NOW + 1)), TRUST, "ledger.other_leaf"),
    ],
    ids=["no witness saw it", "no log is pinned", "another leaf"],
)
async def test_an_answer_that_does_not_verify_is_ours_to_mend(peer, trust, code):
    with pytest.raises(Ours) as refused:
        await LedgerClient(peer, lambda: trust).append(leaf())
    assert code == refused.value.code


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthenticated), (503, Ours)])
def test_a_refusal_keeps_its_class_on_the_way(status: int, kind: type[TiersError]):
    error = _refusal(status, msgspec.json.encode(Problem("device.unknown", "Register it.", status)))
    assert (kind, "device.unknown") == (type(error), error.code)
