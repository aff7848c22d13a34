"""Starts a Synapse on loopback, with everything that it keeps in one folder, and asks it."""

import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tiers.lab.systems.kit import configured, on_port
from tiers.measure import Service, run

API = "/_matrix/client/v3"


@contextmanager
def synapse(folder: Path, *, tap: bool = False) -> Iterator[Service]:
    """Start a Synapse in a new folder, and end it; raises `NotWhole` if it does not answer."""
    folder.mkdir()
    configured(folder, "homeserver.yaml", "synapse-log.yaml")
    command = on_port("homeserver.yaml", sys.executable, "-m", "synapse.app.homeserver", "-c", "homeserver.yaml")
    logs = [folder / "homeserver.log"]
    with run("synapse", command, ready="/health", cwd=folder, logs=logs, state=[folder], tap=tap) as server:
        yield server


def ask(
    server: Service, path: str, token: str = "", body: dict[str, Any] | None = None, method: str | None = None
) -> bytes:
    """Ask a server by its API; returns the answer, also one that refuses."""
    data, head = None if body is None else json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(server.url + path, data, head, method=method)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return bytes(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.read()


def administrator(server: Service) -> str:
    """Register an administrator by the server's shared secret; returns his token."""
    path, body = "/_synapse/admin/v1/register", {"username": "root", "password": "of root", "admin": True}
    body["nonce"] = json.loads(ask(server, path))["nonce"]
    signed = f"{body['nonce']}\0root\0of root\0admin".encode()
    body["mac"] = hmac.new(b"shared", signed, hashlib.sha1).hexdigest()
    return str(json.loads(ask(server, path, body=body))["access_token"])
