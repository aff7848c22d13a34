"""What the processes of one relay tell each other: they share a port and a store, and nothing else.

    shard of a PIN   stored <pin>            a message is in its mailbox, and who stored it has no session of it
                     copied <xid>            a copy waits for the mediation
                     opened <pin> <process>  a session was opened there: one elsewhere is over
                     changed <pin> <process> what is registered for a device changed
    {li}             task <xid> <process>    a task stands on disk, or ended
                     orders . <process>      a regulator's order stands on disk

The first two are published by the script that stores, so they cannot be lost without what they tell of. All are heard
on the connection that commits, in one order with our own commits (tiers.store.pipeline). Who connects anew has missed
some, and looks at everything again.
"""

import secrets
import zlib
from collections.abc import Callable
from functools import lru_cache

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tiers.store.pipeline import unavailable

SHARDS = 64
TAGS = tuple(f"{{s{shard:02}}}" for shard in range(SHARDS))
COMMON = "gateway:{li}:told"
CHANNELS = (*(f"gateway:{tag}:told" for tag in TAGS), COMMON)

Told = Callable[[str], None]


@lru_cache(maxsize=100_000)
def shard_of(pin: str) -> int:
    """Return the shard of a receiver."""
    return zlib.crc32(pin.encode("ascii")) % SHARDS


class Bus:
    """The other processes. `heard` and `missed` go to the connection; whoever wants to know adds itself."""

    def __init__(self, store: Redis) -> None:
        self._store = store
        self._process = secrets.token_hex(8)
        self._told: dict[str, Told] = {}
        self._missed: list[Callable[[], None]] = []

    def on(self, word: str, told: Told) -> None:
        """Have `told` called with what a word is about."""
        self._told[word] = told

    def on_missed(self, look: Callable[[], None]) -> None:
        """Have `look` called whenever something may have been missed."""
        self._missed.append(look)

    async def tell(self, word: str, about: str = ".") -> None:
        """Tell the other processes; raises `Ours`. What is about a PIN goes where its mailbox is."""
        channel = COMMON if word in {"task", "orders"} else CHANNELS[shard_of(about)]
        try:
            await self._store.spublish(channel, f"{word} {about} {self._process}")
        except (RedisError, OSError):
            raise unavailable() from None

    def heard(self, _channel: bytes, said: bytes) -> None:
        """Pass on what another process told."""
        word, _, rest = said.decode(errors="replace").partition(" ")
        about, _, process = rest.partition(" ")
        if process != self._process and (told := self._told.get(word)):
            told(about)

    def missed(self) -> None:
        """Have everybody look."""
        for look in self._missed:
            look()
