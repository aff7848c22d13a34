"""The real process, wired as `python -m tiers.enterprise` wires it."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from kits.enterprise import ACME, Town, issued
from tiers.chassis.client import Peer
from tiers.lab.world.processes import free_ports
from tiers.wire.api.enterprise import Roots
from tiers.wire.identity import Identity, Role

IDENTITY = Identity(Role.CUSTOMER, ACME)


def settings(folder: Path, tls: Path, **changed: str) -> dict[str, str]:
    issued(f"customer/{ACME}", tls)
    (port,) = free_ports(1)
    values = {
        "TIERS_LISTEN": f"127.0.0.1:{port}",
        "TIERS_STATE": str(folder / "state"),
        "TIERS_TLS": str(tls / f"customer/{ACME}"),
        "TIERS_TRUST": str(folder / "trust"),
        "TIERS_NAME": ACME,
        "TIERS_GATEWAY_URL": "https://127.0.0.1:1",
        "TIERS_LEDGER_URL": "https://127.0.0.1:1",
        "PATH": os.environ["PATH"],
        "NOTIFY_SOCKET": str(folder / "notify"),
    }
    return values | changed


@asynccontextmanager
async def running(environ: dict[str, str]):
    """Start the process and wait until it says that it is ready."""
    Path(environ["NOTIFY_SOCKET"]).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
        channel.bind(environ["NOTIFY_SOCKET"])
        process = await start(environ)
        try:
            assert await asyncio.get_running_loop().sock_recv(channel, 64) == b"READY=1"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def start(environ: dict[str, str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tiers.enterprise", env=environ, stdout=pipe, stderr=pipe
    )


@pytest.mark.e2e
async def test_it_starts_answers_survives_a_kill_with_its_keys_and_stops_cleanly(tmp_path, tls):
    environ = settings(tmp_path, tls)
    town = Town(tmp_path, tls)
    async with town.stack:
        session = await town.session(town.stack, f"administrator/{ACME}")
        peer = Peer(session, f"https://{environ['TIERS_LISTEN']}", IDENTITY)
        async with running(environ) as process:
            before = await peer.ask("GET", "/v1/root", Roots)
            process.kill()
            await process.communicate()
        async with running(environ) as process:
            assert await peer.ask("GET", "/v1/root", Roots) == before
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert (tmp_path / "state" / "root.jwk").read_bytes() == msgspec.json.encode(before.root)
    events = [msgspec.json.decode(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["party.listening", "party.stopping", "party.stopped"]
    assert {event["party"] for event in events} == {f"customer/{ACME}"}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("changed", "code"), [({"TIERS_NAME": "acme"}, b"settings.invalid"), ({"TIERS_TLS": "/nowhere"}, b"tls.files")]
)
async def test_a_wrong_setting_ends_it_with_one_sentence_and_status_2(tmp_path, tls, changed, code):
    process = await start(settings(tmp_path, tls, **changed))
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.startswith(code + b": ")
    assert err.count(b"\n") == 1


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("file", "text", "code"), [("root.key", "x" * 32, b"state.permissions"), ("policy.toml", "[", b"order.policy")]
)
async def test_a_state_that_is_not_right_ends_it_too(tmp_path, tls, file, text, code):
    (tmp_path / "state").mkdir(mode=0o700)
    path = tmp_path / "state" / file
    path.write_text(text)
    path.chmod(0o644 if code == b"state.permissions" else 0o600)
    process = await start(settings(tmp_path, tls))
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.startswith(code + b": ")
