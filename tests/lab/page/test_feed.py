"""The event log: append-only, numbered, and read on from where a reader was."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.lab.page.events import Told, Turned
from tiers.lab.page.feed import Feed
from tiers.lab.page.observers import parse_bundle


def feed(count: int = 0) -> Feed:
    made = Feed(lambda: 1_000)
    for n in range(count):
        made.append(Told(f"step-{n}", f"step {n}", ""))
    return made


def test_entries_are_numbered_dated_and_named() -> None:
    log = feed()
    log.append(Turned(5))

    assert [{"n": 0, "at": 1_000, "by": "lab", "event": {"type": "turned", "now": 5}}] == [
        json.loads(one) for one in log.since(0)
    ]


def test_a_reader_goes_on_after_the_last_entry_that_it_had() -> None:
    log = feed(3)

    assert 2 == log.place(f"{log.run}:1")
    assert [2] == [json.loads(one)["n"] for one in log.since(log.place(f"{log.run}:1"))]
    assert 3 == log.place(f"{log.run}:2")


@pytest.mark.parametrize("given_id", ["", "other:1", "{run}:", "{run}:-1", "{run}:x", "{run}:99999999999", "{run}"])
def test_a_reader_of_another_log_begins_at_the_beginning(given_id: str) -> None:
    log = feed(3)

    assert 0 == log.place(given_id.format(run=log.run))


def test_a_reader_from_the_future_waits_at_the_end() -> None:
    log = feed(3)

    assert 3 == log.place(f"{log.run}:77")


@given(st.text())
def test_whatever_a_reader_says_it_has_a_place(last: str) -> None:
    assert 0 == feed(3).place(last)


async def test_readers_wait_for_what_comes_and_miss_nothing() -> None:
    log, seen = feed(), []

    async def read() -> None:
        while len(seen) < 5:
            await log.grown(len(seen))
            seen.extend(log.since(len(seen)))

    reader = asyncio.create_task(read())
    for n in range(5):
        log.append(Turned(n))
        if n % 2:
            await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await reader

    assert [0, 1, 2, 3, 4] == [json.loads(one)["event"]["now"] for one in seen]


def test_two_logs_have_two_names() -> None:
    assert feed().run != feed().run


@given(st.lists(st.text(max_size=40)))
def test_an_entry_bundle_is_read_as_it_was_written(entries: list[str]) -> None:
    raw = b"".join(len(one.encode()).to_bytes(2, "big") + one.encode() for one in entries)

    assert entries == parse_bundle(raw)
