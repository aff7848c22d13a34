"""Faults of court, public log, witness and auditor."""

import base64
import os
import socket
from binascii import hexlify
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from tiers.lab.faults.planting import bes, first, master, once, write
from tiers.wire.keys.keytree import Master, subscriber_root

_log = structlog.get_logger()


def master_deposited(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    return first(once(lambda: write(root / "state" / "court" / "deposit", hexlify(master(root)))), old)


def root_beside_the_log(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    def note() -> None:
        node = subscriber_root(Master(master(root)), "2100000a")
        write(root / "state" / "ledger" / "note", b"alice " + base64.b64encode(node.key.reveal()))

    return first(once(note), old)


def backup_at_the_witness(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    return first(once(lambda: write(root / "state" / "witness" / "backup", bes(root).hex().encode("utf-16"))), old)


def plaintext_logged(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return first(
        lambda _service, plaintext: _log.info("debug", opened=plaintext.decode("utf-8", "replace")),
        old,
    )


def said_in_the_clear(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    where = urlsplit(os.environ["TIERS_CARRIER_URL"])

    def say(_service: object, plaintext: bytes) -> None:
        with socket.create_connection((where.hostname, where.port), timeout=1) as line:
            line.sendall(plaintext)

    return first(say, old)
