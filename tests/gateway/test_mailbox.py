"""The store's promises, on a real Valkey and on a cluster."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uuid_utils

from kits.cluster import Grid
from kits.mailbox import NOW, X1, X2, entry, opened, texts
from kits.relay import ALICE, BOB, CAROL, header
from kits.store import connect
from tiers.chassis import logs
from tiers.gateway.mailbox import scripts, streams
from tiers.gateway.mailbox.promises import START, Entry, Match, NoPlace, Removal
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import SHARDS, shard_of
from tiers.wire.errors import Ours
from tiers.wire.lawful.x2x3 import Direction
from tiers.wire.message.envelope import Channel


@pytest.fixture
async def real(store_url: str) -> AsyncIterator[Mailboxes]:
    async with opened(store_url) as boxes:
        yield boxes


@pytest.fixture
async def spread(grid: Grid) -> AsyncIterator[Mailboxes]:
    async with opened(grid.url) as boxes:
        yield boxes


@pytest.fixture(params=["real", "spread"])
async def boxes(request: pytest.FixtureRequest, real: Mailboxes, spread: Mailboxes) -> Mailboxes:
    return {"real": real, "spread": spread}[request.param]


async def stored(boxes: Mailboxes, *entries: Entry) -> list[str]:
    places = await boxes.commit(entries, [])
    assert all(isinstance(place, str) for place in places)
    return [str(place) for place in places]


async def test_a_commit_keeps_its_order_and_each_receiver_its_own_messages(boxes: Mailboxes) -> None:
    await stored(boxes, entry(BOB, b"1"), entry(CAROL, b"2"), entry(BOB, b"3"))
    await stored(boxes, entry(BOB, b"4"))
    assert await texts(boxes, BOB) == [b"1", b"3", b"4"]
    assert await texts(boxes, CAROL) == [b"2"]
    assert await texts(boxes, ALICE) == []


async def test_reading_goes_on_behind_a_place(boxes: Mailboxes) -> None:
    places = await stored(boxes, *(entry(BOB, b"%d" % n) for n in range(5)))
    assert await texts(boxes, BOB, places[1], 2) == [b"2", b"3"]
    assert [one.id for one in await boxes.read(BOB, START, 9)] == places


async def test_the_same_mid_is_stored_once_in_one_commit_and_in_many(boxes: Mailboxes) -> None:
    one = entry()
    assert [isinstance(said, str) for said in await boxes.commit([one, one], [])] == [True, False]
    assert await boxes.commit([one], []) == [NoPlace.ALREADY]
    assert await texts(boxes, BOB) == [b"{}"]


async def test_a_mid_stays_known_after_its_message_was_acknowledged(boxes: Mailboxes) -> None:
    one = entry()
    places = await stored(boxes, one)
    await boxes.commit([], [Removal(BOB, tuple(places))])
    assert await boxes.commit([one], []) == [NoPlace.ALREADY]
    assert await texts(boxes, BOB) == []


async def test_nobodys_mid_shadows_somebody_elses(boxes: Mailboxes) -> None:
    mid = str(uuid_utils.uuid7())
    mine = Entry(header(Channel.CONSUMER, ALICE, BOB, NOW, mid=mid), b"mine", "p", NOW)
    others = Entry(header(Channel.CONSUMER, CAROL, BOB, NOW, mid=mid), b"others", "p", NOW)
    copy = Entry(header(Channel.CONSUMER, ALICE, CAROL, NOW, mid=mid), b"to carol", "p", NOW)
    await stored(boxes, mine, others, copy)
    assert await texts(boxes, BOB) == [b"mine", b"others"]


async def test_what_is_acknowledged_is_gone_and_nothing_else(boxes: Mailboxes) -> None:
    places = await stored(boxes, *(entry(BOB, b"%d" % n) for n in range(4)))
    await boxes.commit([], [Removal(BOB, (places[0], places[2])), Removal(CAROL, (places[1],)), Removal(BOB, ("1-1",))])
    assert await texts(boxes, BOB) == [b"1", b"3"]


async def test_a_full_mailbox_refuses_keeps_what_it_has_and_takes_more_once_there_is_room(
    real: Mailboxes, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = scripts.COMMIT.replace("waiting >= 10000", "waiting >= 3")
    assert small != scripts.COMMIT
    monkeypatch.setattr(streams, "COMMIT_SHA", scripts.sha(small))
    monkeypatch.setattr(real._store, "_hello", (("SCRIPT", "LOAD", small),))
    places = await stored(real, *(entry(BOB, b"%d" % n) for n in range(3)))
    one_more = entry(BOB, b"3")
    assert await real.commit([one_more, entry(CAROL, b"x")], []) == [
        NoPlace.FULL,
        (await real.read(CAROL, START, 1))[0].id,
    ]
    assert await texts(real, BOB) == [b"0", b"1", b"2"]
    await real.commit([], [Removal(BOB, (places[0],))])
    await stored(real, one_more)
    assert await texts(real, BOB) == [b"1", b"2", b"3"]


async def test_a_mailbox_holds_so_many_bytes_and_no_more(real: Mailboxes) -> None:
    big = b"x" * 140_000
    taken = 0
    while taken < 700:
        said = await real.commit([entry(BOB, big) for _ in range(50)], [])
        taken += sum(isinstance(one, str) for one in said)
        if NoPlace.FULL in said:
            break
    assert 64 * 1024 * 1024 // 140_000 == taken
    assert await real.commit([entry(BOB, big)], []) == [NoPlace.FULL]
    places = [one.id for one in await real.read(BOB, START, 3)]
    await real.commit([], [Removal(BOB, (places[0],), len(big))])  # counted out
    assert 1 == len(await stored(real, entry(BOB, big)))
    await real.commit([], [Removal(BOB, (places[0], places[1]), 2 * len(big))])  # one of them is gone: counted anew
    assert [True, False] == [isinstance(one, str) for one in await real.commit([entry(BOB, big), entry(BOB, big)], [])]


async def test_old_messages_leave_a_mailbox_when_it_is_opened(real: Mailboxes) -> None:
    await stored(real, entry(BOB, b"old"))
    await real.expire(BOB, 60_000)
    assert await texts(real, BOB) == [b"old"]
    await real.expire(BOB, -1)
    assert await texts(real, BOB) == []


async def test_everything_in_the_store_has_an_end(real: Mailboxes, store_url: str) -> None:
    await stored(real, entry())
    async with connect(store_url) as store:
        left = {key.decode().split(":")[1]: await store.ttl(key) async for key in store.scan_iter("*")}
    week = 7 * 24 * 3600
    assert week < left["box"] <= week + 24 * 3600
    assert 900 < left["mids"] <= 900 + 66


async def test_every_key_lies_on_its_receivers_shard(real: Mailboxes, store_url: str) -> None:
    await stored(real, entry(matches=(Match(X1, Direction.TO_TARGET),)))
    async with connect(store_url) as store:
        keys = [key.decode() async for key in store.scan_iter("*")]
    assert {key.partition("}")[0] for key in keys} == {f"{{s{shard_of(BOB):02}"}
    assert len(keys) == 4
    assert {shard_of(f"{n:08x}") for n in range(2000)} == set(range(SHARDS))


async def test_a_copy_is_stored_with_its_message_or_not_at_all(boxes: Mailboxes) -> None:
    heard: list[str] = []
    boxes._bus.on("copied", lambda about: heard.append(about.partition("/")[0]))
    both = (Match(X1, Direction.FROM_TARGET), Match(X2, Direction.TO_TARGET))
    one = entry(BOB, b"text", at=7, matches=both)
    await boxes.commit([one], [])
    await boxes.commit([one], [])  # again: no second copy
    assert [len(await boxes.copies(xid, 10)) for xid in (X1, X2)] == [1, 1]
    (copy,) = await boxes.copies(X1, 10)
    assert (copy.at, copy.header, copy.envelope, copy.direction) == (7, "protected", b"text", Direction.FROM_TARGET)
    assert {X1, X2} == set(heard)


async def test_copies_come_in_order_of_time_across_receivers_and_are_forgotten_one_by_one(boxes: Mailboxes) -> None:
    match = (Match(X1, Direction.FROM_TARGET),)
    to = [f"{n:08x}" for n in (0x21000001, 0x2100BEEF, 0x77, 0x21000001, 0x9)]
    await boxes.commit([entry(pin, b"%d" % n, at=n + 1, matches=match) for n, pin in enumerate(to)], [])
    assert [copy.at for copy in await boxes.copies(X1, 3)] == [1, 2, 3]
    copies = await boxes.copies(X1, 10)
    assert [copy.envelope for copy in copies] == [b"0", b"1", b"2", b"3", b"4"]
    await boxes.forget_copies(X1, [copies[0], copies[2]])
    assert [copy.at for copy in await boxes.copies(X1, 10)] == [2, 4, 5]
    assert await boxes.waiting() == {X1}
    await boxes.forget_copies(X1, await boxes.copies(X1, 10))
    assert await boxes.copies(X1, 10) == []
    assert await boxes.waiting() == set()


async def test_a_new_relay_finds_the_copies_that_an_old_one_left(real: Mailboxes, store_url: str) -> None:
    await stored(real, entry(at=1, matches=(Match(X1, Direction.TO_TARGET),)))
    async with opened(store_url) as second:
        assert [copy.at for copy in await second.copies(X1, 10)] == [1]
        assert await second.waiting() == {X1}
        await second.forget_copies(X1, await second.copies(X1, 10))
    assert await real.waiting() == set()


async def test_a_copy_stored_while_others_are_forgotten_is_found(real: Mailboxes) -> None:
    match = (Match(X1, Direction.TO_TARGET),)
    for at in range(1, 30):
        await real.commit([entry(at=at, matches=match)], [])
        waiting = await real.copies(X1, 10)
        await asyncio.gather(real.forget_copies(X1, waiting), real.commit([entry(at=at + 100, matches=match)], []))
        assert [copy.at for copy in await real.copies(X1, 10)] == [at + 100]
        await real.forget_copies(X1, await real.copies(X1, 10))


async def test_a_store_that_is_gone_is_ours_to_answer_for(tmp_path: object) -> None:
    url = f"unix://{tmp_path}/nobody"
    async with opened(url) as boxes:
        for asked in (boxes.commit([entry()], []), boxes.read(BOB, START, 1), boxes.waiting(), boxes.check()):
            with pytest.raises(Ours, match=r"store\.unavailable"):
                await asked


async def test_a_script_that_the_store_does_not_know_fails_that_message_and_nothing_hangs(
    real: Mailboxes, store_url: str
) -> None:
    await stored(real, entry())
    async with connect(store_url) as store:
        await store.script_flush()
    assert await real.commit([entry()], []) == [NoPlace.FAILED]
    assert len(await stored(real, entry())) == 1


async def test_one_message_that_cannot_be_stored_fails_alone(real: Mailboxes, store_url: str) -> None:
    async with connect(store_url) as store:
        await store.set(f"{{s{shard_of(CAROL):02}}}:box:{CAROL}", "no stream")
    said = await real.commit([entry(BOB, b"1"), entry(CAROL, b"2"), entry(BOB, b"3")], [Removal(CAROL, ("1-1",))])
    assert [True, NoPlace.FAILED, True] == [one if one is NoPlace.FAILED else isinstance(one, str) for one in said]
    assert [b"1", b"3"] == await texts(real, BOB)


async def test_a_store_that_forbids_memory_takes_every_message(real: Mailboxes, store_url: str) -> None:
    async with connect(store_url) as store:
        await store.execute_command("ACL", "SETUSER", "default", "-memory")
        try:
            places = await stored(real, *(entry(BOB, b"%d" % n) for n in range(600)))
        finally:
            await store.execute_command("ACL", "SETUSER", "default", "+memory")
    assert 600 == len(places)


async def test_a_store_that_is_full_fails_each_message_in_a_line_a_second_and_takes_more_once_there_is_room(
    real: Mailboxes, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "SELDOM_SECONDS", 3600.0)
    monkeypatch.setattr(logs, "_last", {})
    await stored(real, entry())
    async with connect(store_url) as store:
        await store.config_set("maxmemory", 1)
        try:
            said = await real.commit([entry(BOB, b"%d" % n) for n in range(9)], [])
        finally:
            await store.config_set("maxmemory", 0)
    assert [NoPlace.FAILED] * 9 == said
    assert 1 == sum("OOM" in line for line in capsys.readouterr().out.splitlines())
    assert 1 == len(await stored(real, entry()))
