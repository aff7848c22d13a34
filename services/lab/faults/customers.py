"""Faults of a customer's key server: it answers with a wrong key, shows what it opens, gives in."""

import importlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Counter

from tiers.lab.faults.planting import first
from tiers.wire.encoding import unb64u
from tiers.wire.enterprise import directory
from tiers.wire.identity import Role
from tiers.wire.keys.jose import HpkeJwk, SigningKey

_keys: list[Any] = []
"""The server's own, as soon as it has used them."""
_counters: list[Counter] = []


def keys_noticed(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return first(lambda keys, _generation: _keys.append(keys), old)


def receiver_key_swapped(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    quentin, ravi = "3100000b", "3100000c"

    def device(self: Any, pin: str) -> Any:
        token = old(self, pin)
        other = old(self, ravi) if pin == quentin and token else None
        if other is None:
            return token
        keys = _keys[0]
        mine, his = (directory.verify_entry(one, keys.org, keys.root.public) for one in (token, other))
        swapped = msgspec.structs.replace(mine, hpke=his.hpke)
        return directory.sign_statement(keys.root, keys.org, directory.ENTRY_TYP, swapped)

    return device


def texts_counted(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    def built(parts: Any) -> None:
        _keys.append(parts.keys)
        _counters.append(Counter("tiers_debug", "Texts.", ["text"], registry=parts.outside.metrics))

    return first(built, old)


def plaintext_in_metric(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    def journalled(_store: Any, envelope: Any, *_rest: Any) -> None:
        keys = _keys[0]
        copy = importlib.import_module("tiers.enterprise.journal").open_copy(envelope, keys.org, keys.key)
        text = unb64u(copy.plaintext.decode().split(".")[1], "fault").decode()
        _counters[0].labels(text).inc()

    return first(journalled, old)


def read_open_to_all(old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    return lambda self: [replace(one, roles=frozenset(Role)) if one.path == "/v1/read" else one for one in old(self)]


def ghost_recipient(_old: Callable[..., Any], root: Path) -> Callable[..., Any]:
    """Vouch for a false partner, whose key server is the auditor's key."""
    false = SigningKey(os.urandom(32))

    def resign(keys: Any, found: Any, partner: Any) -> Any:
        auditor = msgspec.json.decode((root / "trust" / "auditors" / "cbi.jwk").read_bytes(), type=HpkeJwk)
        bes = directory.BesKey(partner.org, 1, auditor, found.entry.issued)
        vouched = directory.Partner(partner.org, false.public.jwk())
        return type(found.answer)(
            directory.sign_statement(false, partner.org, directory.ENTRY_TYP, found.entry),
            directory.sign_statement(false, partner.org, directory.BES_TYP, bes),
            directory.sign_statement(keys.root, keys.org, directory.PARTNER_TYP, vouched),
        )

    async def look_up(self: Any, pin: str) -> Any:
        (partner,) = self._store.partners().values()
        return resign(self._keys, await self.ask(partner, pin), partner)

    return look_up


def orders_always_answered(_old: Callable[..., Any], _root: Path) -> Callable[..., Any]:
    orders = importlib.import_module("tiers.enterprise.orders")
    return lambda _policy, _order: orders.Decision.DISCLOSE
