"""The policy file: every mistake is told in one sentence, and every surprising cell is explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.lab.attack.derive.closure import Forge
from tiers.lab.attack.derive.scene import told
from tiers.lab.matrix.policy import load_policy, parse_policy
from tiers.wire.errors import Yours

GOOD = """
[messages]
one = "A message"
[groups]
all = ["one"]
[holdings]
relay = "the relay"
[vantages.relay]
title = "The relay"
says = "It relays."
holds = ["relay"]
reads = ["all"]
forges.briefly = ["one"]
because.all = "Because."
"""
POLICY = load_policy()
KEYS = [case.key for case in told()]


def test_a_small_policy_is_read() -> None:
    policy = parse_policy(GOOD)
    assert policy.reads("relay", "one")
    assert policy.forges("relay", "one") is Forge.BRIEFLY
    assert policy.because("relay", "one") == "Because."


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[messages]", "[messages", "policy.malformed"),
        ('title = "The relay"', "", "policy.malformed"),
        ('title = "The relay"', 'titel = "The relay"', "policy.malformed"),
        ('reads = ["all"]', 'reads = ["two"]', "policy.message"),
        ('forges.briefly = ["one"]', 'forges.briefly = ["two"]', "policy.message"),
        ('because.all = "Because."', 'because.al = "Because."', "policy.message"),
        ('holds = ["relay"]', 'holds = ["master"]', "policy.holds"),
    ],
)
def test_a_mistake_is_told(old: str, new: str, code: str) -> None:
    with pytest.raises(Yours) as told_of:
        parse_policy(GOOD.replace(old, new))
    assert told_of.value.code == code


@given(st.text(max_size=200), st.integers(0, len(GOOD)))
def test_nothing_but_our_own_errors_escapes(text: str, at: int) -> None:
    for policy in (text, GOOD[:at] + text + GOOD[at:]):
        try:
            parse_policy(policy)
        except Yours:
            pass


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
