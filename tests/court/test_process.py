"""The court and the auditor as processes: what they make for themselves, and how they start and stop."""

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from kits import pki
from kits.court import People, StandinLedger, pin
from tiers.lab.world.processes import free_ports
from tiers.wire.keys.jose import PublicJwk, VerifyKey
from tiers.wire.message.sealing import HpkeJwk, HpkePrivateKey, HpkePublicKey

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PARTIES = {"court": ("court/in", "judge.key", "judge.jwk"), "auditor": ("auditor/cbi", "hpke.key", "auditor.jwk")}


class Running:
    """One party's process, from its settings on."""

    def __init__(self, folder: Path, party: str) -> None:
        self.folder, self.party = folder, party
        identity = PARTIES[party][0]
        pki.issue(identity, folder)
        (self.port,) = free_ports(1)
        self.environment = {
            "PATH": os.environ["PATH"],
            "NOTIFY_SOCKET": str(folder / "notify"),
            "TIERS_LISTEN": f"127.0.0.1:{self.port}",
            "TIERS_STATE": str(folder / "state"),
            "TIERS_TLS": str(folder / identity),
            "TIERS_TRUST": str(folder / "trust"),
            "TIERS_CARRIER_URL": "https://127.0.0.1:1",
            "TIERS_LEDGER_URL": "https://127.0.0.1:1",
        }

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tiers.{self.party}", cwd=ROOT, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def start_ready(self) -> asyncio.subprocess.Process:
        """Start, and wait for READY=1."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(self.environment["NOTIFY_SOCKET"])
            channel.setblocking(False)
            process = await self.start()
            async with asyncio.timeout(20):
                assert await loop.sock_recv(channel, 100) == b"READY=1"
        Path(self.environment["NOTIFY_SOCKET"]).unlink()
        return process


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("party", sorted(PARTIES))
async def test_a_party_makes_its_own_key_serves_and_stops_cleanly(tmp_path: Path, party: str) -> None:
    identity, key, public = PARTIES[party]
    running = Running(tmp_path, party)
    pin(tmp_path / "trust", StandinLedger())
    process = await running.start_ready()
    people = People(tmp_path)
    try:
        peer = people.peer("operator/in", f"https://127.0.0.1:{running.port}", identity)
        assert await peer.ask_raw("GET", "/readyz") == b'{"status":"ok"}'
        assert b"tiers_" in await peer.ask_raw("GET", "/metrics")
    finally:
        process.send_signal(signal.SIGTERM)
        await people.close()
    assert await ended(process) == (0, "")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert set(modes) >= {key, public}
    assert set(modes.values()) == {0o600}


async def test_the_public_files_are_those_of_the_private_keys_also_after_a_restart(tmp_path: Path) -> None:
    for party, (_, key, public) in PARTIES.items():
        folder = tmp_path / party
        running, files = Running(folder, party), []
        for _ in range(2):
            process = await running.start_ready()
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == (0, "")
            files.append([(folder / "state" / name).read_bytes() for name in (key, public)])
        assert files[0] == files[1]
        if party == "auditor":
            shown = HpkePublicKey.from_jwk(msgspec.json.decode(files[0][1], type=HpkeJwk))
            assert shown == HpkePrivateKey(files[0][0]).public
        else:
            assert VerifyKey.from_jwk(msgspec.json.decode(files[0][1], type=PublicJwk))


@pytest.mark.parametrize("party", sorted(PARTIES))
async def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path, party: str) -> None:
    running = Running(tmp_path, party)
    del running.environment["TIERS_CARRIER_URL"]
    code, errors = await ended(await running.start())
    assert (code, errors.count("\n")) == (2, 1)
    assert "TIERS_CARRIER_URL" in errors


@pytest.mark.parametrize("party", sorted(PARTIES))
async def test_a_state_directory_that_others_can_read_is_refused(tmp_path: Path, party: str) -> None:
    running = Running(tmp_path, party)
    (tmp_path / "state").mkdir(mode=0o755)
    code, errors = await ended(await running.start())
    assert (code, errors.partition(":")[0]) == (2, "state.permissions")
