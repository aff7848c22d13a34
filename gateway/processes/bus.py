"""What is told within one relay, in this process and between its processes: those share a port and a store only.

    shard of a PIN   stored <pin>            a message is in its mailbox, and who stored it has no session of it
                     copied <xid>/<shard>    a copy waits for the mediation there
                     opened <pin> <process>  a session was opened there: one elsewhere is over
                     changed <pin> <process> what is registered for a device changed
    {li}             task <xid> <process>    a task stands on disk, or ended
                     orders . <process>      a regulator's order stands on disk

                     lifted .                a suspension ended: in this process only

The first two are published by the script that stores, so they cannot be lost without what they tell of. All are heard
on the connection that commits, in one order with our own commits (tiers.store.connection). Who connects anew has missed
some, and looks at everything again.
"""

import secrets
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache

from tiers.store.client import Store
from tiers.store.connection import Command

SHARDS = 64
TAGS = tuple(f"{{s{shard:02}}}" for shard in range(SHARDS))
COMMON = "gateway:{li}:told"
SCRATCH = "gateway:ready:"
CHANNELS = (*(f"gateway:{tag}:told" for tag in TAGS), COMMON)

Told = Callable[[str], None]


@lru_cache(maxsize=100_000)
def shard_of(pin: str) -> int:
    return zlib.crc32(pin.encode("ascii")) % SHARDS


class Bus:
    """Who wants to know adds itself. `store` is the one client of this process; what others tell is heard on it."""

    def __init__(self, url: str, hello: Sequence[Command] = ()) -> None:
        """Reach the store at `url`; `hello` is said on every new connection. Raises `Yours`."""
        self.store = Store(url, SCRATCH, hello, CHANNELS, self._heard, self._missed_some)
        self._process = secrets.token_hex(8)
        self._told: defaultdict[str, list[Told]] = defaultdict(list)
        self._missed: list[Callable[[], None]] = []

    def on(self, word: str, told: Told) -> None:
        """Have `told` called with what a word is about, whoever says it: another process, or `say`."""
        self._told[word].append(told)

    def on_missed(self, look: Callable[[], None]) -> None:
        self._missed.append(look)

    def say(self, word: str, about: str = ".") -> None:
        for told in self._told[word]:
            told(about)

    async def tell(self, word: str, about: str = ".") -> None:
        """Tell the other processes; raises `Ours`. What is about a PIN goes where its mailbox is."""
        channel = COMMON if word in {"task", "orders"} else CHANNELS[shard_of(about)]
        await self.store.ask("SPUBLISH", channel, f"{word} {about} {self._process}")

    def _heard(self, _channel: bytes, said: bytes) -> None:
        word, _, rest = said.decode(errors="replace").partition(" ")
        about, _, process = rest.partition(" ")
        if process != self._process:
            self.say(word, about)

    def _missed_some(self) -> None:
        for look in self._missed:
            look()
