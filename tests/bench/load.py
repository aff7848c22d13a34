"""The load generator: `python -m bench.load SPEC`. One process, many sessions, one JSON result.

    closed  every session keeps `in_flight` messages on the way; the next one goes out when one has been *delivered*
    open    messages are due at a fixed rate, whatever the relay does; latency counts from when a message was due.
            A session with MAX_UNDECIDED of them unanswered keeps the next ones back, as docs/spec/session.md asks

It measures the middle of a run, then waits until the relay has nothing left, and says what was lost or came twice.
"""

import asyncio
import gc
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import msgspec

from bench import frames
from bench.client import Client, Connection, open_all
from bench.frames import Party, Ready, in_session
from bench.peers import PEERS, messages
from bench.results import Result, Usage, latency, usage
from tiers.wire.encoding import unb64u
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import NodeJson
from tiers.wire.message.envelope import Channel

_TICK = 0.002
_QUIET = 1.0
MAX_UNDECIDED = 60
_STEPS = (1, 7, 13, 29)
"""How far on the ring of sessions a sender's receivers sit."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One session: its PIN, its signing key and, for a subscriber, its keys."""

    pin: str
    sign: str
    nodes: tuple[NodeJson, ...] = ()


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to do. `rate` 0 is the closed loop; `pids` are the processes whose work is measured, by name.

    `peer` names somebody else's server (peers/), whose protocol is spoken then.
    """

    port: int
    ca: str
    channel: Channel
    members: tuple[Member, ...]
    each: int = 0
    in_flight: int = 0
    rate: int = 0
    pids: dict[str, int]
    peer: str = ""


class Load:
    def __init__(
        self, spec: Spec, parties: list[Party], ready: list[list[Ready]], kind: type[Connection] = Client
    ) -> None:
        self.spec = spec
        self.total = sum(map(len, ready))
        self._clients = [
            kind(party, self._on_accepted, self._on_delivered, partial(self._on_refused, number))
            for number, party in enumerate(parties)
        ]
        self._next = [iter(()) for _ in parties]  # type: list[Iterator[int]]
        self._senders: list[int] = []
        self._all: list[Ready] = []
        self._by_mid: dict[str, int] = {}
        self._by_key: dict[bytes, int] = {}
        for number, mine in enumerate(ready):
            start = len(self._all)
            self._all += mine
            self._senders += [number] * len(mine)
            self._next[number] = iter(range(start, len(self._all)))
        for index, one in enumerate(self._all):
            self._by_mid[one.mid] = self._by_key[one.key] = index
        zeros = bytes(8 * self.total)
        self._due, self._accepted_at, self._delivered_at = array("d", zeros), array("d", zeros), array("d", zeros)
        self._copies = bytearray(self.total)
        self.accepted = self.delivered = self.sent = 0
        self._undecided = [0] * len(parties)
        self._held: list[deque[int]] = [deque() for _ in parties]
        self.refused: Counter[str] = Counter()
        self._moved = time.perf_counter()
        self._marks: list[tuple[float, int, int, dict[str, Usage]]] = []
        self._targets: list[int] = []

    async def run(self) -> Result:
        await open_all(self._clients, self.spec.port, Path(self.spec.ca))
        gc.collect()
        gc.freeze()
        started = time.perf_counter()
        if self.spec.rate:
            await self._open(started)
        else:
            await self._closed()
        await self._drain()
        for client in self._clients:
            client.close()
        return self._result()

    async def _closed(self) -> None:
        self._targets = [self.total // 10, self.total - self.total // 10]
        for number, client in enumerate(self._clients):
            for _ in range(self.spec.in_flight):
                self._send(number)
            client.flush()
        while len(self._marks) < 2 and time.perf_counter() - self._moved < 10:
            await asyncio.sleep(0.05)
        while len(self._marks) < 2:
            self._mark()

    async def _open(self, started: float) -> None:
        """Send what is due; the measured part is all but the first fifth."""
        seconds = self.total / self.spec.rate
        turn = cycle(range(len(self._clients)))
        while self.sent < self.total:
            now = time.perf_counter() - started
            if not self._marks and now >= seconds / 5:
                self._mark()
            touched = set()
            while self.sent < min(self.total, int(now * self.spec.rate)):
                number = next(turn)
                self._send(number, started + self.sent / self.spec.rate)
                touched.add(number)
            for number in touched:
                self._clients[number].flush()
            await asyncio.sleep(_TICK)
        self._mark()

    async def _drain(self) -> None:
        while (
            self.delivered < self.accepted or any(self._held) or self.accepted + sum(self.refused.values()) < self.sent
        ):
            await asyncio.sleep(0.05)
            if time.perf_counter() - self._moved > 10 * _QUIET:
                return
        await asyncio.sleep(_QUIET / 2)  # whatever comes twice would come now

    def _send(self, number: int, due: float = 0.0) -> None:
        index = next(self._next[number], None)
        if index is None:
            return
        self._due[index] = due or time.perf_counter()
        self.sent += 1
        if self._undecided[number] >= MAX_UNDECIDED:
            self._held[number].append(index)
            return
        self._undecided[number] += 1
        self._clients[number].send(self._all[index].frame)

    def _decided(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._undecided[number] -= 1
            if self._held[number]:
                self._undecided[number] += 1
                self._clients[number].send(self._all[self._held[number].popleft()].frame)

    def _on_accepted(self, mids: tuple[str, ...]) -> None:
        now = self._moved = time.perf_counter()
        indexes = [self._by_mid[mid] for mid in mids]
        for index in indexes:
            self._accepted_at[index] = now
        self.accepted += len(mids)
        self._decided(self._senders[index] for index in indexes)

    def _on_delivered(self, keys: list[bytes]) -> None:
        now = self._moved = time.perf_counter()
        new = []
        for key in keys:
            index = self._by_key.get(key)
            if index is None:
                continue  # left over by an earlier run
            self._copies[index] += 1
            if self._copies[index] > 1:
                continue
            self._delivered_at[index] = now
            new.append(index)
        self.delivered += len(new)
        if not self.spec.rate:
            self._go_on([self._senders[index] for index in new])
        while self._targets and self.delivered >= self._targets[0]:
            self._targets.pop(0)
            self._mark()

    def _go_on(self, numbers: list[int]) -> None:
        for number in numbers:
            self._send(number)
        for number in set(numbers):
            self._clients[number].flush()

    def _on_refused(self, number: int, mid: str, code: str) -> None:
        self.refused[code] += 1
        if mid:
            self._decided([number])
        if mid and not self.spec.rate:
            self._go_on([number])

    def _mark(self) -> None:
        self._marks.append((time.perf_counter(), self.accepted, self.delivered, usage(self.spec.pids)))

    def _result(self) -> Result:
        (start, accepted, delivered, before), (end, accepted2, delivered2, after) = self._marks[:2]
        taken = [i for i in range(self.total) if self._accepted_at[i]]
        middle = [i for i in range(self.total) if start <= self._due[i] <= end]
        per_sender = Counter(self._senders[i] for i in range(self.total) if start <= self._accepted_at[i] <= end)
        mean = sum(per_sender.values()) / len(self._clients)
        rates = [(accepted2 - accepted) / (end - start), (delivered2 - delivered) / (end - start)]
        return Result(
            rate=min(rates),
            accepted=rates[0],
            delivered=rates[1],
            accept=latency([self._accepted_at[i] - self._due[i] for i in middle if self._accepted_at[i]]),
            delivery=latency([self._delivered_at[i] - self._due[i] for i in middle if self._delivered_at[i]]),
            least=min((per_sender[n] for n in range(len(self._clients))), default=0) / mean if mean else 0.0,
            usage={name: Usage(round(after[name].cpu - before[name].cpu, 3), after[name].rss) for name in after},
            seconds=end - start,
            sent=self.sent,
            lost=sum(1 for i in taken if not self._delivered_at[i]),
            twice=sum(1 for copies in self._copies if copies > 1),
            refused=dict(self.refused),
        )


def prepare(spec: Spec, parties: list[Party], dress: Callable[[bytes], bytes] = in_session) -> list[list[Ready]]:
    now = time.time_ns() // 1_000_000
    make = frames.consumer if spec.channel is Channel.CONSUMER else frames.enterprise
    pins = [party.pin for party in parties]

    def receivers(number: int) -> Iterator[str]:
        return islice(cycle(pins[(number + step) % len(pins)] for step in _STEPS), spec.each)

    return frames.interleaved([make(party, receivers(number), now, dress) for number, party in enumerate(parties)])


def parties_of(spec: Spec) -> list[Party]:
    return [
        Party(one.pin, SigningKey(unb64u(one.sign, "bench.key")), tuple(node.node() for node in one.nodes))
        for one in spec.members
    ]


def prepared(spec: Spec) -> Load:
    """Make every message that will be sent; the load is to be run once."""
    parties = parties_of(spec)
    if not spec.peer:
        return Load(spec, parties, prepare(spec, parties))
    peer = PEERS[spec.peer]
    envelopes = zip(parties, prepare(spec, parties, bytes), strict=True)
    return Load(spec, parties, [messages(peer, party.pin, mine) for party, mine in envelopes], peer.client)


def main() -> None:
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)

    async def work() -> Result:
        return await prepared(spec).run()

    sys.stdout.write(msgspec.json.encode(asyncio.run(work())).decode() + "\n")


if __name__ == "__main__":
    main()
