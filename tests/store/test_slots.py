"""Which node has what: the map of slots, redirections, and URLs of nodes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from kits.relay import ALICE, header
from tiers.gateway.mailbox.promises import Entry, Left, Removal
from tiers.gateway.mailbox.shards import by_shard
from tiers.gateway.processes.bus import CHANNELS, TAGS, shard_of
from tiers.store.client import Store
from tiers.store.slots import COUNT, Address, parse_moved, parse_slots, slot_of
from tiers.store.url import is_cluster, node_url, one_node
from tiers.wire.errors import Ours, Yours
from tiers.wire.message.envelope import Channel

HERE = Address("10.0.0.9", 6379)
PINS = st.integers(0, 2**32 - 1).map("{:08x}".format)
anything = st.recursive(
    st.none() | st.binary(max_size=8) | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=5)
)


@given(st.lists(st.integers(1, COUNT - 1), unique=True, max_size=12).map(sorted))
def test_every_slot_goes_to_the_node_that_named_its_range(cuts: list[int]) -> None:
    edges = [0, *cuts, COUNT]
    reply = [
        [first, end - 1, [b"10.0.0.%d" % at, 7000 + at, b"id", []], [b"replica", 1, b"id"]]
        for at, (first, end) in enumerate(itertools.pairwise(edges))
    ]
    slots = parse_slots(reply, HERE)

    for at, (first, end) in enumerate(itertools.pairwise(edges)):
        owner = Address(f"10.0.0.{at}", 7000 + at)
        assert (owner, owner) == (slots.owner(first), slots.owner(end - 1))
    assert len(edges) - 1 == len(slots.nodes())


def test_a_node_that_does_not_know_its_own_name_is_the_one_that_was_asked() -> None:
    for name in (b"", None, b"?"):
        assert {Address(HERE.host, 7001)} == parse_slots([[0, 5, [name, 7001]]], HERE).nodes()
    assert (7, Address(HERE.host, 7001)) == parse_moved("MOVED 7 :7001", HERE)


@given(anything)
def test_no_answer_of_a_store_raises_anything_but_our_own_error(reply: object) -> None:
    try:
        parse_slots(reply, HERE)
    except Ours as error:
        assert "store.malformed" == error.code


@given(
    st.text(max_size=40)
    | st.tuples(st.integers(), st.text(max_size=5), st.integers()).map("MOVED {0[0]} {0[1]}:{0[2]}".format)
)
def test_what_is_no_redirection_is_none(said: str) -> None:
    moved = parse_moved(said, HERE)
    assert moved is None or (0 <= moved[0] < COUNT and said.startswith("MOVED "))


def test_a_redirection_is_read_with_an_address_of_any_kind() -> None:
    assert (3999, Address("127.0.0.1", 6381)) == parse_moved("MOVED 3999 127.0.0.1:6381", HERE)
    assert (0, Address("fe80::1", 6381)) == parse_moved("MOVED 0 fe80::1:6381", HERE)
    assert parse_moved("ASK 3999 127.0.0.1:6381", HERE) is None


@given(PINS)
def test_all_keys_of_a_shard_and_its_channel_have_one_slot(pin: str) -> None:
    shard = shard_of(pin)
    keys = [f"{TAGS[shard]}:box:{pin}", f"{TAGS[shard]}:mids:0123", f"{TAGS[shard]}:li", CHANNELS[shard]]
    assert 1 == len(set(map(slot_of, keys)))
    assert len(CHANNELS) == len(set(map(slot_of, CHANNELS)))


@given(st.lists(PINS, max_size=40), st.lists(PINS, max_size=10), st.lists(PINS, max_size=10))
def test_a_commit_taken_apart_holds_all_of_it_once_and_keeps_each_shards_order(
    to: list[str], acked: list[str], gone: list[str]
) -> None:
    entries = [Entry(header(Channel.CONSUMER, ALICE, pin, 0), b"%d" % at, "p", 0) for at, pin in enumerate(to)]
    parts = by_shard(entries, [Removal(pin, ("1-0",)) for pin in acked], [Left(pin) for pin in gone])

    assert list(range(len(to))) == sorted(place for part in parts.values() for place in part.places)
    for shard, part in parts.items():
        assert sorted(part.places) == part.places
        assert [entries[place] for place in part.places] == part.entries
        pins = [*(e.header.to for e in part.entries), *(a.pin for a in part.acks), *(one.pin for one in part.left)]
        assert {shard} == set(map(shard_of, pins))
    assert sum(len(part.acks) for part in parts.values()) == len(acked)
    assert sum(len(part.left) for part in parts.values()) == len(gone)


def test_another_node_is_reached_as_the_first_one() -> None:
    url = "rediss+cluster://relay:s%40crt@first.example:7000/?ssl_ca_certs=/ca.pem"
    assert is_cluster(url)
    assert "rediss://relay:s%40crt@first.example:7000/?ssl_ca_certs=/ca.pem" == one_node(url)
    assert "rediss://relay:s%40crt@10.0.0.9:6379/?ssl_ca_certs=/ca.pem" == node_url(url, HERE)
    assert "redis://[fe80::1]:1" == node_url("redis+cluster://first.example", Address("fe80::1", 1))
    assert not is_cluster("redis://first.example")
    assert "unix:///run/s" == one_node("unix:///run/s")


@pytest.mark.parametrize("url", ["http://nowhere", "unix+cluster:///run/s", "redis+clusters://nowhere", ""])
def test_a_url_that_is_none_is_a_setting_to_change(url: str) -> None:
    with pytest.raises(Yours, match=r"settings\.store_url"):
        Store(url, "x")


@given(
    st.binary(max_size=30)
    | st.tuples(st.binary(max_size=5), st.binary(max_size=9)).map(lambda ab: b"{".join(ab) + b"}x")
)
def test_a_slot_is_what_redis_says(key: bytes) -> None:
    assert key_slot(key) == slot_of(key)
