"""What should be random and is computed from a key: run twice from one state, it comes out the same."""

import os
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.keyring import ALICE, BOB, MASTER, NOW, draft, subscriber
from tiers.carrier import admission
from tiers.carrier.admission import Admission, read
from tiers.carrier.keystore import Keystore
from tiers.device.keyring import seal_consumer
from tiers.measure import NotWhole, repeats
from tiers.wire.api.carrier import Ask
from tiers.wire.encoding import decode_b64u
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.message.envelope import Recipient

pytestmark = pytest.mark.unit


@given(st.binary(min_size=4, max_size=64), st.integers(0, 60), st.integers(4, 64))
def test_a_piece_of_the_state_at_one_place_is_found_among_true_randomness(key: bytes, start: int, size: int) -> None:
    piece = sha256(key).digest()[:size]

    def run() -> dict[str, bytes]:
        return {"nonce": os.urandom(start) + piece + os.urandom(8), "other": os.urandom(32)}

    assert "nonce" in repeats(run)


def test_true_randomness_repeats_nowhere() -> None:
    assert repeats(lambda: {"nonce": os.urandom(12), "tag": os.urandom(16)}) == {}


def test_nothing_to_compare_is_no_pass() -> None:
    for parts in ({}, {"nonce": b""}, {"nonce": b"abc"}):
        with pytest.raises(NotWhole):
            repeats(parts.copy)
    names = iter(("nonce", "other"))
    with pytest.raises(NotWhole):
        repeats(lambda: {next(names): os.urandom(12)})


def handset() -> dict[str, bytes]:
    """Seal one note, from the state that a handset has after its enrolment."""
    jwe = seal_consumer(subscriber(ALICE), draft()).jwe
    wrapped = jwe.recipients[0]
    return {"iv": decode_b64u(jwe.iv), "ciphertext": decode_b64u(jwe.ciphertext), **parts(wrapped)}


def carrier() -> dict[str, bytes]:
    """Admit that note, from the state of a carrier that has just started."""
    jwe = NOTE.jwe
    batch = read([Ask(jwe.protected, jwe.recipients[0])])
    (answer,) = Admission("in", Keystore(MASTER)).admit(batch, {ALICE, BOB}, epoch_of(NOW))
    assert isinstance(answer, Recipient)
    return parts(answer)


def parts(recipient: Recipient) -> dict[str, bytes]:
    head = recipient.header
    assert isinstance(head.iv, str)
    return {"wrapped.iv": decode_b64u(head.iv), "wrapped.key": decode_b64u(recipient.encrypted_key)}


NOTE = seal_consumer(subscriber(ALICE), draft())


def test_an_honest_handset_and_an_honest_carrier_repeat_nothing() -> None:
    assert repeats(handset) == repeats(carrier) == {}


@pytest.mark.parametrize(
    "nonce",
    [
        pytest.param(lambda n: MASTER.reveal()[:n], id="bytes of the master"),
        pytest.param(lambda n: sha256(MASTER.reveal()).digest()[:n], id="a hash of it"),
        pytest.param(lambda n: sha256(MASTER.reveal()).digest()[: n - 4] + os.urandom(4), id="a part of it random"),
    ],
)
def test_a_nonce_that_a_carrier_computes_from_its_master_is_found(
    nonce: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rogue:
        urandom = staticmethod(nonce)

    monkeypatch.setattr(admission, "os", Rogue)

    assert "wrapped.iv" in repeats(carrier)
