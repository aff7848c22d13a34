"""A handset that is replaced says so and ends, and so does whoever waits for it; answers are told apart by `mid`."""

import asyncio

import pytest

from tiers.device.inbox import Inbox
from tiers.device.store import Message
from tiers.wire.errors import Forbidden


def message(mid: str) -> Message:
    return Message(mid, "2100000a", "2100000b", "consumer", "bbm", 0, b"x", None)


async def test_a_message_is_taken_by_its_mid_whatever_came_before() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.get("second"))
    for mid in ("interrupted", "first", "second"):
        inbox.put(message(mid))

    assert "second" == (await waiting).mid
    assert ["first", "interrupted"] == [(await inbox.get(mid)).mid for mid in ("first", "")]
    assert inbox.qsize() == 0


async def test_whoever_waits_is_told_why_nothing_comes() -> None:
    inbox, why = Inbox(), Forbidden("session.replaced", "Another session was opened.")
    waiting = [asyncio.create_task(inbox.get(mid)) for mid in ("", "one")]
    await asyncio.sleep(0)
    inbox.put(message("here"))
    inbox.end(why)

    assert "here" == (await waiting[0]).mid
    for late in (waiting[1], inbox.get()):
        with pytest.raises(Forbidden, match=r"session\.replaced"):
            await late
    inbox.end(None)
    inbox.put(message("again"))
    assert "again" == (await inbox.get()).mid
