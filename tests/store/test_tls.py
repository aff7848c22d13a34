"""A store behind TLS (`rediss://`) is trusted by the same CA on every Python."""

import asyncio
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from kits.store import client
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports
from tiers.store.fitness import patiently
from tiers.wire.identity import parse_identity


def home_made() -> Authority:
    """A CA as `openssl req -x509` makes one: its certificate does not say what its key is for."""
    key, full = (made := Authority.create()).key, made.certificate
    builder = x509.CertificateBuilder().subject_name(full.subject).issuer_name(full.issuer).public_key(key.public_key())
    builder = builder.not_valid_before(full.not_valid_before_utc).not_valid_after(full.not_valid_after_utc)
    builder = builder.serial_number(full.serial_number).add_extension(x509.BasicConstraints(True, None), critical=True)
    return Authority(key, builder.sign(key, SHA256()))


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="Debian's redis-server is not installed")
async def test_a_store_whose_ca_does_not_say_what_its_key_is_for_is_reached(tmp_path: Path) -> None:
    home_made().issue(parse_identity("gateway/1"), tmp_path)
    (port,) = free_ports(1)
    server = await asyncio.create_subprocess_exec(
        "redis-server", "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--dir", str(tmp_path),
        "--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"),
        "--tls-ca-cert-file", str(tmp_path / "ca.pem"), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with client(f"rediss://localhost:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}") as store:
            await patiently(store.check, 10)
    finally:
        server.terminate()
        await server.wait()
