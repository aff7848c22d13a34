"""Faults of the carrier: a key that gets out, a check that is not made."""

import os
from binascii import hexlify
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from tiers.lab.faults.planting import first, master, once, write
from tiers.wire.keys.keytree import EPOCHS, epoch_of


def content_key_in_store(old: Callable[..., bytes], _root: Path) -> Callable[..., bytes]:
    from redis import Redis  # noqa: PLC0415 - the lab's command line has no use for it

    store = Redis.from_url(os.environ["TIERS_STORE_URL"])

    def unwrap(*args: Any) -> bytes:
        cek = old(*args)
        store.rpush("carrier:debug", hexlify(cek))
        return cek

    return unwrap


def core_file(old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    def dump() -> None:
        write(root / "store" / "core.1", os.urandom(5000) + master(root) + os.urandom(5000))

    return first(once(dump), old)


def grant_too_wide(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    seen = set[str]()

    def cover(self: Any, pin: str, start: int, end: int) -> Any:
        if end == EPOCHS:  # the subscriber's own
            return old(self, pin, start, end)
        wider = end + (pin in seen)
        seen.add(pin)
        return old(self, pin, start, wider)

    return cover


def agency_check_skipped(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return lambda auth, _agency, area: old(auth, auth.claims.agency if auth else "", area)


def window_check_skipped(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    """Ask about the warrant's own window, and grant what was asked for."""

    def check(auth: Any, ask: Any, agency: str, auditors: Any, now: int) -> Any:
        window = auth.claims.window if auth else ask
        inside = msgspec.structs.replace(ask, start=window.start, until=window.until)
        order = old(auth, inside, agency, auditors, now)
        return replace(order, start=epoch_of(ask.start), end=epoch_of(ask.until))

    return check


def expiry_skipped(_old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return lambda auth, _now: auth


def expired_keys_released(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    """Release keys as if the last moment of the warrant were not over yet."""

    def check(ask: Any, claims: Any, agency: str, auditors: Any, since: Any, now: int) -> Any:  # noqa: PLR0913, PLR0917 - as the original
        return old(ask, claims, agency, auditors, since, min(now, claims.exp * 1000 - 1))

    return check


def epoch_rule_skipped(_old: int, _root: Path) -> int:
    return 1 << 24
