"""A target cannot notice: the same replies, and the same waiting, with and without a task."""

import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tiers.chassis.tls import device_context
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.world.cast import party
from tiers.lab.world.world import booted
from tiers.wire.message.envelope import Channel, Service, format_envelope
from tiers.wire.message.proof import Request, sign_request

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ROUNDS = 300
PATH = "/v1/messages"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("unnoticed") / "w"
    async with booted(root) as world, opened(world) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Reply:
    """All that a sender gets to see, the message's own id taken out."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def reply(desk: Desk, http: aiohttp.ClientSession, body: bytes, mid: str, signer: str = "alice") -> Reply:
    ring = desk.devices[signer].ring
    proof = sign_request(
        ring.sign, ring.pin, party("gateway").identity, Request("POST", PATH, body), desk.world.clock.now()
    )
    url, host = desk.world.url("gateway") + PATH, party("gateway").identity.host
    async with http.post(url, data=body, headers={"Authorization": proof}, server_hostname=host) as answer:
        said = await answer.read()
        headers = tuple((name, value) for name, value in answer.headers.items() if name != "Date")
        return Reply(answer.status, headers, said.replace(mid.encode(), b"<mid>"))


async def conversation(desk: Desk) -> list[Reply]:
    """What Alice is told about a message, the same again, a spoilt one, one to nobody, and one in Mallory's name."""
    connector = aiohttp.TCPConnector(ssl=device_context(desk.world.ca))
    async with aiohttp.ClientSession(connector=connector) as http:
        alice, bob = desk.devices["alice"], desk.devices["bob"].ring.pin
        good = await alice.seal(Channel.CONSUMER, Service.BBM, bob, b"hello")
        lost = await alice.seal(Channel.CONSUMER, Service.BBM, "2999999f", b"hello")
        said, mid = format_envelope(good), good.header.mid
        spoilt = said.replace(b'"tag"', b'"gat"')
        replies = [
            await reply(desk, http, said, mid),
            await reply(desk, http, said, mid),
            await reply(desk, http, spoilt, mid),
            await reply(desk, http, format_envelope(lost), lost.header.mid),
            await reply(desk, http, said, mid, signer="mallory"),
        ]
    assert mid == (await desk.received("bob")).mid
    return replies


async def tasked(desk: Desk) -> str:
    jti = await desk.apply("alice", tuple(Service), minutes=30)
    await desk.decide(jti, "approval")
    await desk.serve(jti)
    return jti


async def test_every_reply_is_the_same_with_a_task_and_without(desk: Desk) -> None:
    before = await conversation(desk)
    jti = await tasked(desk)

    with_a_task = await conversation(desk)
    await desk.decide(jti, "cancellation")
    afterwards = await conversation(desk)

    assert before == with_a_task == afterwards
    assert [200, 200, 400, 400, 403] == [one.status for one in before]


async def timed(desk: Desk, sender: str) -> float:
    """Milliseconds from sending until `accepted`."""
    note = Note(sender, "bob", Channel.CONSUMER, Service.BBM, "how long does this take?")
    started = time.perf_counter()
    await desk.send(note)
    taken = time.perf_counter() - started
    await desk.received("bob")
    return taken * 1000


async def test_the_waiting_is_measured(desk: Desk, record_property: Callable[[str, object], None]) -> None:
    """In turns, so that whatever else this machine does falls on both. Not asserted: noise is not a promise."""
    jti = await tasked(desk)
    waits: dict[str, list[float]] = {"alice": [], "mallory": []}
    for number in range(2 * ROUNDS):
        sender = ("alice", "mallory")[number % 2]
        waits[sender].append(await timed(desk, sender))
    copied = len((await desk.inspect(jti)).findings)

    for name, task in (("alice", "with"), ("mallory", "without")):
        cuts = statistics.quantiles(waits[name], n=100)
        line = f"{task} a task: p50 {cuts[49]:.2f} ms, p90 {cuts[89]:.2f} ms, p99 {cuts[98]:.2f} ms"
        record_property(f"{task}_task", line)
        sys.stdout.write(f"{line}\n")
    assert ROUNDS == copied, "what was measured was copied"
