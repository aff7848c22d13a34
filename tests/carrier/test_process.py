"""The process itself: it starts, says that it is ready, stops when told to, and refuses what is set wrong."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from kits import pki
from kits.carrier import World
from tiers.chassis.client import Peer
from tiers.lab.world.processes import free_ports
from tiers.wire.identity import parse_identity


def environ(world: World, **other: str) -> dict[str, str]:
    pki.issue("carrier/in", world.folder / "tls")
    settings = {
        "listen": f"127.0.0.1:{free_ports(1)[0]}",
        "mediation_listen": f"127.0.0.1:{free_ports(1)[0]}",
        "state": str(world.folder / "own"),
        "tls": str(world.folder / "tls" / "carrier/in"),
        "trust": str(world.folder / "trust"),
        "store_url": world.store_url,
        "gateway_url": world.gateway_url,
        "ledger_url": world.ledger_url,
    } | other
    return {f"TIERS_{name.upper()}": value for name, value in settings.items()} | {"PATH": os.environ["PATH"]}


async def start(settings: dict[str, str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tiers.carrier", env=settings, stdout=pipe, stderr=pipe, cwd=Path(__file__).parents[2]
    )


async def test_it_starts_says_so_answers_and_stops(world, tmp_path):
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "n"))
    channel.setblocking(False)
    settings = environ(world) | {"NOTIFY_SOCKET": str(tmp_path / "n")}
    process = await start(settings)

    ready = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(channel, 64), 20)
    channel.close()
    operator = world.peer("operator/in")
    peer = Peer(operator._session, f"https://{settings['TIERS_LISTEN']}", parse_identity("carrier/in"))
    answer = await peer.ask_raw("GET", "/readyz")
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 20)

    assert (ready, answer) == (b"READY=1", b'{"status":"ok"}')
    assert (process.returncode, err) == (0, b"")
    assert b"party.stopped" in out
    assert {path.name for path in (world.folder / "own").iterdir()} == {
        "master.key",
        "signing.key",
        "register.key",
        "carrier.jwk",
    }


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("store_url", "http://nowhere", b"settings.store_url"),
        ("tls", "/nonexistent", b"tls.files"),
        ("listen", "", b"settings.invalid"),
    ],
)
async def test_a_wrong_setting_ends_it_with_one_sentence(world, setting, value, code):
    process = await start(environ(world, **{setting: value}))

    _, err = await asyncio.wait_for(process.communicate(), 20)

    assert (process.returncode, err.split(b":")[0], err.count(b"\n")) == (2, code, 1)


async def test_a_state_directory_that_others_can_read_ends_it(world):
    (world.folder / "own").mkdir(mode=0o755)
    process = await start(environ(world))

    _, err = await asyncio.wait_for(process.communicate(), 20)

    assert (process.returncode, err.split(b":")[0]) == (2, b"state.permissions")
