import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.keytree import (
    DEPTH,
    EPOCH_MS,
    EPOCH_ZERO_MS,
    EPOCHS,
    Master,
    Node,
    NodeJson,
    NodeKey,
    Position,
    cover,
    descend,
    epoch_of,
    epoch_start,
    forget_before,
    leaf,
    subscriber_root,
    window,
    wrap_key,
)
from tiers.wire.message.envelope import parse_envelope
from tiers.wire.message.sealing import open_message, unwrap_from_carrier

PAGE = (Path(__file__).parents[2] / "docs" / "spec" / "keytree.md").read_text(encoding="utf-8")
MASTER = Master(bytes(range(32)))
ROOT = subscriber_root(MASTER, "2100000a")
EPOCH_NUMBERS = st.integers(0, EPOCHS - 1)
WINDOWS = st.tuples(st.integers(0, EPOCHS), st.integers(0, EPOCHS)).map(sorted) | st.tuples(
    st.integers(0, EPOCHS - 400), st.integers(1, 400)
).map(lambda pair: [pair[0], pair[0] + pair[1]])


def on_the_page(name: str) -> bytes:
    match = re.search(rf"^{re.escape(name)} +([0-9a-f]{{64}})", PAGE, re.MULTILINE)
    assert match, name
    return bytes.fromhex(match[1])


def test_the_page_names_the_nodes_of_its_example():
    epoch = epoch_of(1_764_000_000_000)

    assert epoch == 8_361_600
    assert Master(on_the_page("master")) == MASTER
    assert on_the_page("root") == ROOT.key.reveal()
    assert on_the_page("leaf 24/8361600") == leaf([ROOT], epoch).key.reveal()
    for name in ("1/0", "2/1", "22/2090400", "23/4180800"):
        at = Position(*map(int, name.split("/")))
        assert on_the_page(f"node {name}") == descend(ROOT, at).key.reveal()


def test_the_page_shows_a_cover_that_opens_its_five_minutes():
    nodes = window(ROOT, 8_361_600, 8_361_605)

    assert [f"{node.at.depth}/{node.at.index}" for node in nodes] == ["22/2090400", "24/8361604"]
    for node in nodes:
        assert on_the_page(f"{node.at.depth}/{node.at.index}") == node.key.reveal()


@pytest.mark.parametrize(("at", "pin"), [(0, "2100000a"), (1, "2100000b")])
def test_the_pages_message_opens_with_the_pages_keys(at, pin):
    text = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert text
    envelope = parse_envelope(json.dumps(json.loads(text[1]), separators=(",", ":")))
    jwe = envelope.jwe
    key = wrap_key(leaf([subscriber_root(MASTER, pin)], 8_361_600), jwe.protected)

    assert key.reveal() == on_the_page(f"message key of {pin}")
    assert open_message(envelope, unwrap_from_carrier(jwe.recipients[at], key)) == b"Meet at six."
    if pin == "2100000b":
        assert b64u(key.reveal()) in PAGE


@given(WINDOWS)
def test_a_cover_opens_its_window_and_nothing_else(span):
    start, end = span

    positions = cover(start, end)

    assert len(positions) <= 46 < 2 * DEPTH
    at = start
    for position in positions:
        assert position.start == at
        at = position.end
    assert at == end


@given(WINDOWS)
def test_a_cover_is_minimal_for_no_two_neighbours_are_siblings(span):
    positions = cover(*span)

    for left, right in pairwise(positions):
        assert not (left.depth == right.depth and left.index ^ 1 == right.index)


@given(st.integers(0, EPOCHS - 200), st.integers(1, 100), st.integers(-100, 200))
def test_the_minute_before_and_the_minute_after_stay_shut(start, minutes, offset):
    epoch = min(max(start + offset, 0), EPOCHS - 1)
    nodes = window(ROOT, start, start + minutes)

    if start <= epoch < start + minutes:
        assert leaf(nodes, epoch) == leaf([ROOT], epoch)
    else:
        with pytest.raises(Yours) as refused:
            leaf(nodes, epoch)
        assert refused.value.code == "keytree.outside"


@given(EPOCH_NUMBERS, EPOCH_NUMBERS)
def test_two_minutes_have_two_keys_and_two_subscribers_too(one, other):
    assert (leaf([ROOT], one) == leaf([ROOT], other)) == (one == other)
    assert leaf([ROOT], one).key != leaf([subscriber_root(MASTER, "2100000b")], one).key


@given(EPOCH_NUMBERS, st.text(alphabet="abcXYZ019-_", max_size=80), st.text(alphabet="abcXYZ019-_", max_size=80))
def test_a_message_key_is_bound_to_the_header_as_sent(epoch, one, other):
    minute = leaf([ROOT], epoch)

    assert (wrap_key(minute, one) == wrap_key(minute, other)) == (one == other)


def test_a_message_key_comes_of_a_leaf_alone():
    with pytest.raises(Yours) as refused:
        wrap_key(ROOT, "x")

    assert refused.value.code == "keytree.position"


@given(WINDOWS, EPOCH_NUMBERS)
def test_what_is_forgotten_cannot_be_derived_and_the_rest_still_can(span, before):
    start, end = span
    left = forget_before(window(ROOT, start, end), before)

    assert [node.at for node in left] == cover(max(start, before), max(end, before, start))
    for epoch in {epoch for epoch in (start, before - 1, before, end - 1) if start <= epoch < end}:
        if epoch >= before:
            assert leaf(left, epoch) == leaf([ROOT], epoch)
        else:
            with pytest.raises(Yours):
                leaf(left, epoch)


@given(EPOCH_NUMBERS)
def test_an_epoch_lasts_a_minute(epoch):
    start = epoch_start(epoch)

    assert (epoch_of(start), epoch_of(start + EPOCH_MS - 1)) == (epoch, epoch)


@pytest.mark.parametrize("ts", [EPOCH_ZERO_MS - 1, EPOCH_ZERO_MS + EPOCHS * EPOCH_MS, -1, 2**70])
def test_a_time_outside_the_tree_is_refused(ts):
    with pytest.raises(Yours) as refused:
        epoch_of(ts)

    assert refused.value.code == "keytree.epoch"


@given(st.integers(), st.integers())
def test_a_window_outside_the_tree_is_refused(start, end):
    if 0 <= start <= end <= EPOCHS:
        cover(start, end)
    else:
        with pytest.raises(Yours) as refused:
            cover(start, end)
        assert refused.value.code == "keytree.window"


@given(st.integers(-2, 26), st.integers(-2, EPOCHS + 2), st.text(max_size=50) | st.binary(max_size=40).map(b64u))
def test_a_node_on_its_way_is_read_or_refused_with_our_own_error(depth, index, key):
    try:
        node = NodeJson(depth, index, key).node()
    except TiersError as error:
        assert error.code in {"keytree.node", "keytree.position"}
    else:
        assert NodeJson.of(node) == NodeJson(depth, index, key)


@given(EPOCH_NUMBERS, st.integers(0, DEPTH))
def test_nobody_climbs_the_tree(epoch, depth):
    low = leaf([ROOT], epoch)
    above = Position(depth, epoch >> (DEPTH - depth))

    if depth == DEPTH:
        assert descend(low, above) == low
    else:
        with pytest.raises(Yours):
            descend(low, above)


def test_no_node_shows_its_key():
    node = Node(Position(0, 0), NodeKey(b"k" * 32))

    assert b64u(b"k" * 32) not in repr([node, NodeJson.of(node), MASTER])
