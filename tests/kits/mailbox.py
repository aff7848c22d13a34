"""Mailboxes on a store, without a relay around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kits.relay import ALICE, BOB, header
from tiers.gateway.mailbox.promises import START, Entry, Match
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.processes.bus import Bus
from tiers.wire.message.envelope import Channel

NOW = 1_400_000_040_000
X1, X2 = "0b6e0e5a-0000-4000-8000-000000000001", "0b6e0e5a-0000-4000-8000-000000000002"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Mailboxes]:
    bus = Bus(url, HELLO)
    async with bus.store:
        yield Mailboxes(bus)


def entry(
    to: str = BOB, text: bytes = b"{}", at: int = 0, matches: tuple[Match, ...] = (), sender: str = ALICE
) -> Entry:
    return Entry(header(Channel.CONSUMER, sender, to, NOW), text, "protected", NOW, at, matches)


async def texts(boxes: Mailboxes, pin: str, after: str = START, count: int = 100) -> list[bytes]:
    return [message.envelope for message in await boxes.read(pin, after, count)]
