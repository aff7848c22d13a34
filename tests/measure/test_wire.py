"""What passes on the wire: in the clear, and in TLS with the key log of a client that writes one."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiers.measure import Misused, NotWhole, Secret, Service, canary, run
from tiers.measure.capture.memory import MEASURES_MEMORY

pytestmark = [
    pytest.mark.skipif(not MEASURES_MEMORY, reason="processes are measured on Linux only"),
    pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("tshark")), reason="install openssl and tshark"),
]
VERSIONS = {
    "TLS 1.3, AES-256": ["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
    "TLS 1.3, ChaCha20": ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
    "TLS 1.2": ["-tls1_2"],
}


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[Service]:
    """Run a server that says every line backwards."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key -out cert"
    subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
    command = ["openssl", "s_server", "-rev", "-accept", "127.0.0.1:{port}", "-cert", "cert", "-key", "key", *flags]
    with run("server", command, tap=True, keylog=folder / "keys.log", cwd=folder) as service:
        yield service


def say(service: Service, folder: Path, text: Secret, *, keylog: bool = True) -> None:
    trusting = ssl.create_default_context(cafile=folder / "cert")
    trusting.check_hostname = False
    if keylog:
        trusting.keylog_filename = str(folder / "keys.log")  # as SSLKEYLOGFILE has it
    plain = socket.create_connection(("127.0.0.1", service.port))
    with trusting.wrap_socket(plain) as client:
        client.sendall(text.raw + b"\n")
        assert client.recv(100) == text.raw[::-1] + b"\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_said_in_tls_is_found_with_the_clients_key_log(version: str, tmp_path: Path) -> None:
    with serving(tmp_path, *VERSIONS[version]) as service:
        texts = canary("one"), canary("two")
        for text in texts:
            say(service, tmp_path, text)
        found = service.look(*texts, in_=["wire"])["wire"]
        for number, text in enumerate(texts):
            places = {evidence.place for evidence in found.facts[text.known().fact]}
            # By chance what was sent reads as brotli, too: then it is found a second time.
            assert places >= {f"wire, {way} server, connection {number}, TLS opened" for way in ("to", "from")}
            assert all(f"connection {number}, TLS opened" in place for place in places)


def test_a_connection_whose_key_is_not_in_the_log_is_no_clean_result(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        say(service, tmp_path, canary("one"))
        say(service, tmp_path, canary("two"), keylog=False)
        with pytest.raises(NotWhole, match="no key of connection 1"):
            service.look(canary(), in_=["wire"])
        (tmp_path / "keys.log").unlink()
        with pytest.raises(NotWhole, match="no key of connection 0"):
            service.look(canary(), in_=["wire"])
        service.keylog = None  # then what passed is what counts, and it is shut
        assert not service.look(canary(), in_=["wire"])["wire"].facts


def test_the_tool_that_opens_tls_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as service:
        say(service, tmp_path, canary())
        monkeypatch.setenv("PATH", "")
        with pytest.raises(Misused, match="Install tshark"):
            service.look(canary(), in_=["wire"])
