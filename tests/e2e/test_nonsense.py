"""Nonsense in the head of a request, at every route of every party: a refusal of ours, and never a traceback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tiers.chassis.tls import Tls, device_context
from tiers.lab.world import requests
from tiers.lab.world.cast import PARTIES, party
from tiers.lab.world.requests import Row
from tiers.lab.world.world import World, booted
from tiers.wire.identity import ANYONE, Identity, Role

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 20.0
NAMES = {Role.CUSTOMER: "S50000001", Role.ADMINISTRATOR: "S50000001", Role.JUDGE: "delhi", Role.GATEWAY: "1"}
HEAD = "eyJhbGciOiJFZDI1NTE5IiwidHlwIjoicmVxdWVzdCtqd3MiLCJraWQiOiIyMTAwMDAwYSJ9"
TOKENS = f"""|Device|Device x.y.z|Device e30.e30.e30|Device é.é.é|Device \udce9|Bearer é|Basic é|Digest
|Device {HEAD}.\udcff.\udcff
|Device {"a" * 7000}|Device {HEAD}.e30.AA""".replace("\n", "").split("|")
NAMES_OF_HEADERS = [
    "Authorization",
    "Cookie",
    "Content-Encoding",
    "Content-Type",
    "Accept-Encoding",
    "Expect",
    "Origin",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Range",
    "If-Match",
    "X",
    "Transfer-Encoding",
    "Content-Length",
    "Last-Event-ID",
    "Accept",
    "Referer",
    "Te",
    "Trailer",
]
ODD = """gzip|br|zstd|deflate|gzip, br|é|\udcff\udcfe|chunked|gzip, chunked|-1|999999999999999999999999|a=\udcff; b|a="é
|13|text/plain; charset=é|100-continue|200-ok|websocket|upgrade|bytes=x""".replace("\n", "").split("|")
ANY = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
VALUES = st.sampled_from(TOKENS + ODD) | ANY
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES_OF_HEADERS), VALUES), max_size=6)
BODIES = st.sampled_from([b"", b"{}", b"\xff", b"[" * 5_000, b'{"pin":"\\ud800"}', b"0\r\n\r\n", b"5\r\nabc"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    root: Path = tmp_path_factory.mktemp("nonsense") / "w"
    async with booted(root) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tables() -> dict[str, tuple[Row, ...]]:
    return await requests.tables()


async def answer(world: World, name: str, who: Identity, head: bytes) -> bytes:
    """Send bytes; returns what comes until the party closes or falls silent."""
    if who != ANYONE and not world.tls(who).exists():
        world.authority.issue(who, world.tls(who))
    context = Tls(world.tls(who)).client if who != ANYONE else device_context(world.ca)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", world.ports[name], ssl=context, server_hostname=party(name).identity.host
    )
    try:
        writer.write(head)
        async with asyncio.timeout(SECONDS):
            first = await reader.readline()
            left = b""
            while (line := await reader.readline()).strip():
                left += line.lower()
            if b"content-length: " in left:
                left += await reader.readexactly(int(left.split(b"content-length: ")[1].split(b"\r\n")[0]))
            return first + left
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


def more_is_to_come(headers: list[tuple[str, str]], body: bytes) -> bool:
    """Whether a request promises more than it sends: a party waits, as long as tests/chassis/test_listener.py says."""
    said = {name.lower(): value.strip() for name, value in headers}
    size = said.get("content-length", "")
    chunked = "chunked" in said.get("transfer-encoding", "") and body in {b"", b"5\r\nabc"}
    return chunked or (size.isdecimal() and len(body) < int(size) < 1 << 30)


def requests_context(world: World):
    from tiers.chassis.tls import device_context

    return device_context(world.ca)


@pytest.mark.parametrize("name", [one.name for one in PARTIES if one.name != "globex"])
async def test_nonsense_gets_a_refusal_and_never_a_traceback(
    world: World, tables: dict[str, tuple[Row, ...]], name: str
) -> None:
    rows = tables[party(name).identity.role]
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(rows), HEADERS, BODIES)
    def send(row: Row, headers: list[tuple[str, str]], body: bytes) -> None:
        assume(not more_is_to_come(headers, body))
        role = min(row.roles)
        who = ANYONE if role is Role.ANYONE else Identity(role, NAMES.get(role, "in"))
        path = row.path.replace("{pin}", "2100000a").replace("{path:.+}", "0/000").replace("{", "").replace("}", "")
        lines = [f"{row.method} {path} HTTP/1.1", "Host: x", *(f"{key}: {value}" for key, value in headers)]
        if not {"Content-Length", "Transfer-Encoding"} & {key for key, _ in headers}:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        said = asyncio.run_coroutine_threadsafe(answer(world, name, who, head + body), loop).result(SECONDS * 2)
        status = int(said.split()[1]) if said else 400  # hung up on: a request that is none
        assert status < 500 or b'"code":' in said, (head, said)
        if b"application/problem+json" in said:
            assert msgspec.json.decode(said[said.index(b"{") :])["code"]

    await asyncio.to_thread(send)
    assert world.children[name].running
    logged = world.log(name).read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in logged
    assert "request.crashed" not in logged


@pytest.mark.parametrize("name", [one.name for one in PARTIES])
async def test_no_party_leaves_a_core_file(world: World, name: str) -> None:
    limits = Path(f"/proc/{world.children[name].pid}/limits").read_text(encoding="ascii")
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert ["0", "0"] == core.split()[4:6]
