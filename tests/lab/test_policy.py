"""The policy file: every mistake is told in one sentence, and every surprising cell is explained."""

from tiers.lab.attack.derive.scene import told
from tiers.lab.matrix.policy import load_policy
from tiers.measure.derive.closure import Forge

POLICY = load_policy()
KEYS = [case.key for case in told()]


def test_the_policy_speaks_of_the_messages_of_the_story() -> None:
    assert list(POLICY.messages) == KEYS
    assert list(POLICY.groups["all"]) == KEYS


def surprising(vantage: str, key: str) -> bool:
    """Whether somebody who is neither end reads or writes, or somebody who might is kept out."""
    if vantage in {"sender", "receiver"}:
        return vantage == "receiver" and POLICY.forges(vantage, key) is not Forge.NO
    reads, forge = POLICY.reads(vantage, key), POLICY.forges(vantage, key)
    return reads or forge is not Forge.NO or vantage == "seized-handset"


def test_every_surprising_cell_has_one_sentence() -> None:
    silent = [
        (vantage, key)
        for vantage in POLICY.vantages
        for key in KEYS
        if surprising(vantage, key) and not POLICY.because(vantage, key).endswith(".")
    ]
    assert [] == silent
