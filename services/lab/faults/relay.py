"""Faults of the relay: what leaks out of it, and what its operator, or an intruder in it, could install."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tiers.lab.faults.planting import bes, first, once
from tiers.wire.message.readers import is_admitted

FALSE_KEY = "false.key"
TRUE_CARD = "true.card"
COPIES = "copies.bin"
_log = structlog.get_logger()
_kept: list[bytes] = []


def headers_logged(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return first(lambda envelope, *_rest: _log.info("debug", protected=envelope.jwe.protected), old)


def customer_key_at_relay(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    return first(once(lambda: _kept.append(bes(root))), old)


def any_readers(_old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return lambda _self, envelope, *_named: is_admitted(envelope.jwe.recipients[0].header.kid)


def copy_all(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    return first(lambda _self, item, *_people: _keep(root, item.envelope), old)


def swap_keys(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    """Having given a sender a false key of the receiver: open, keep, and wrap again for the true one.

    The header stays as it was, and so does what the sender signed: the false key among the readers.
    """
    from tiers.wire.custody import Card  # noqa: PLC0415 - a relay has no way to open; this one brought it along
    from tiers.wire.message.envelope import format_jwe, format_kid, parse_envelope  # noqa: PLC0415 - as above
    from tiers.wire.message.sealing import (  # noqa: PLC0415 - as above
        HpkePrivateKey,
        HpkePublicKey,
        decrypt_with,
        encrypt_for,
        open_content,
    )

    def submit(self: Any, item: Any, device: Any, receiver: Any) -> None:
        card = msgspec.json.decode((_state(root) / TRUE_CARD).read_bytes(), type=Card)
        if item.parsed.header.to == card.pin:
            jwe = item.parsed.jwe
            false = HpkePrivateKey((_state(root) / FALSE_KEY).read_bytes())
            cek = decrypt_with(jwe.recipients[0], false)
            _keep(root, open_content(jwe, cek))
            true = encrypt_for(format_kid(card.kid), cek, HpkePublicKey.from_jwk(card.hpke))
            raw = format_jwe(msgspec.structs.replace(jwe, recipients=(true,)))
            item = msgspec.structs.replace(item, parsed=parse_envelope(raw), envelope=raw)
        old(self, item, device, receiver)

    return submit


def _state(root: Path) -> Path:
    return root / "state" / "gateway"


def _keep(root: Path, what: bytes) -> None:
    _state(root).mkdir(mode=0o700, exist_ok=True)  # an honest relay with a store elsewhere keeps nothing there
    with os.fdopen(os.open(_state(root) / COPIES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(bytes(what) + b"\n")
