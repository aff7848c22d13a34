"""A policy file: every mistake is told in one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.measure.derive.closure import Forge
from tiers.measure.errors import Misused
from tiers.measure.matrix.policy import parse_policy

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


def test_a_small_policy_is_read() -> None:
    policy = parse_policy(GOOD)
    assert policy.reads("relay", "one")
    assert policy.forges("relay", "one") is Forge.BRIEFLY
    assert policy.because("relay", "one") == "Because."


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[messages]", "[messages", "Write the policy"),
        ('title = "The relay"', "", "Write the policy"),
        ('title = "The relay"', 'titel = "The relay"', "Write the policy"),
        ('all = ["one"]', 'all = ["one", "two"]', "the group all names two"),
        ('reads = ["all"]', 'reads = ["two"]', "Name messages"),
        ('forges.briefly = ["one"]', 'forges.briefly = ["two"]', "Name messages"),
        ('because.all = "Because."', 'because.al = "Because."', "Name messages"),
        ('holds = ["relay"]', 'holds = ["master"]', "Explain master"),
    ],
)
def test_a_mistake_is_told(old: str, new: str, says: str) -> None:
    with pytest.raises(Misused, match=says):
        parse_policy(GOOD.replace(old, new))


@given(st.text(max_size=200), st.integers(0, len(GOOD)))
def test_nothing_but_our_own_errors_escapes(text: str, at: int) -> None:
    for policy in (text, GOOD[:at] + text + GOOD[at:]):
        try:
            parse_policy(policy)
        except Misused:
            pass
