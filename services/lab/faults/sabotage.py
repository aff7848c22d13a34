"""How each seeded leak is done: one function each, run in the party's process before the party's program.

They take the world's folder, and change functions of the party's modules by name: the lab imports no party.
"""

import base64
import importlib
import os
from binascii import hexlify
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

_log = structlog.get_logger()
_kept: list[object] = []
"""What a process holds on to."""


def _replace(where: str, make: Callable[[Any], Any]) -> None:
    """Put `make(old)` in the place of `module:name` or `module:Class.name`."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, make(getattr(owner, name)))


def _before(where: str, act: Callable[..., object]) -> None:
    """Have `act` run first, with the same arguments, every time."""

    def make(old: Callable[..., Any]) -> Callable[..., Any]:
        def both(*args: Any, **names: Any) -> Any:
            act(*args, **names)
            return old(*args, **names)

        return both

    _replace(where, make)


def _once(act: Callable[[], object]) -> Callable[..., None]:
    done: list[bool] = []

    def doing(*_args: object, **_names: object) -> None:
        if not done:
            act()
            done.append(True)

    return doing


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _master(root: Path) -> bytes:
    return (root / "state" / "carrier" / "master.key").read_bytes()


def _bes(root: Path) -> bytes:
    return (root / "state" / "acme" / "bes-1.key").read_bytes()


# ---- the relay ----


def headers_logged(_root: Path) -> None:
    """Log the header of what is decided on."""
    _before(
        "tiers.gateway.channels:decide", lambda envelope, *_rest: _log.info("debug", protected=envelope.jwe.protected)
    )


def customer_key_at_relay(root: Path) -> None:
    """Keep a customer's key in memory."""
    _before("tiers.gateway.channels:decide", _once(lambda: _kept.append(_bes(root))))


# ---- the carrier ----


def content_key_in_store(_root: Path) -> None:
    """Write content keys into the store."""
    from redis import Redis  # noqa: PLC0415 - in the one process that needs it

    store = Redis.from_url(os.environ["TIERS_STORE_URL"])

    def make(old: Callable[..., bytes]) -> Callable[..., bytes]:
        def unwrap(*args: Any) -> bytes:
            cek = old(*args)
            store.rpush("carrier:debug", hexlify(cek))
            return cek

        return unwrap

    _replace("tiers.carrier.admission:_unwrap", make)


def core_file(root: Path) -> None:
    """Leave a core file among the store's files."""
    dump = partial(lambda: _write(root / "store" / "core.1", os.urandom(5000) + _master(root) + os.urandom(5000)))
    _before("tiers.carrier.admission:Admission.admit", _once(dump))


def grant_too_wide(_root: Path) -> None:
    """Widen every cover but a person's first."""
    seen = set[str]()

    def make(old: Callable[..., Any]) -> Callable[..., Any]:
        def cover(self: Any, pin: str, start: int, end: int) -> Any:
            wider = end + (pin in seen)
            seen.add(pin)
            return old(self, pin, start, wider)

        return cover

    _replace("tiers.carrier.keystore:Keystore.cover", make)


def agency_check_skipped(_root: Path) -> None:
    """Take every agency for the one that the warrant names."""
    make = lambda old: lambda auth, _agency, area: old(auth, auth.claims.agency if auth else "", area)  # noqa: E731 - short
    _replace("tiers.carrier.lawful:_for_agency", make)


def window_check_skipped(_root: Path) -> None:
    """Ask about the warrant's own window, and grant what was asked for."""
    import msgspec  # noqa: PLC0415 - in the one process that needs it

    from tiers.wire.keys.keytree import epoch_of  # noqa: PLC0415 - the same

    def make(old: Callable[..., Any]) -> Callable[..., Any]:
        def check(auth: Any, ask: Any, agency: str, auditors: Any, now: int) -> Any:
            window = auth.claims.window if auth else ask
            inside = msgspec.structs.replace(ask, start=window.start, until=window.until)
            order = old(auth, inside, agency, auditors, now)
            return type(order)(order.auth, epoch_of(ask.start), epoch_of(ask.until), order.kid, order.to)

        return check

    _replace("tiers.carrier.lawful:check_grant", make)


def expiry_skipped(_root: Path) -> None:
    """Take every warrant for one in force."""
    _replace("tiers.carrier.lawful:check_standing", lambda _old: lambda auth, _now: auth)


def epoch_rule_skipped(_root: Path) -> None:
    """Admit every minute."""
    _replace("tiers.carrier.admission:MAX_SKEW", lambda _old: 1 << 24)


# ---- the customers ----


def receiver_key_swapped(_root: Path) -> None:
    """Answer with another employee's key, under a true signature."""
    import msgspec  # noqa: PLC0415 - in the one process that needs it

    from tiers.wire.enterprise.directory import ENTRY_TYP, sign_statement, verify_entry  # noqa: PLC0415 - the same

    quentin, ravi = "3100000b", "3100000c"
    _before("tiers.enterprise.keystore:KeyStore.key", lambda keys, _generation: _kept.append(keys))

    def make(old: Callable[..., Any]) -> Callable[..., Any]:
        def device(self: Any, pin: str) -> Any:
            token = old(self, pin)
            other = old(self, ravi) if pin == quentin and token else None
            if other is None:
                return token
            keys: Any = _kept[0]
            mine, his = (verify_entry(one, keys.org, keys.root.public) for one in (token, other))
            return sign_statement(keys.root, keys.org, ENTRY_TYP, msgspec.structs.replace(mine, hpke=his.hpke))

        return device

    _replace("tiers.enterprise.store:Store.device", make)


def plaintext_in_metric(_root: Path) -> None:
    """Open every copy and count it by its text."""
    from prometheus_client import Counter  # noqa: PLC0415 - in the one process that needs it

    from tiers.wire.encoding import unb64u  # noqa: PLC0415 - the same

    counters: list[Counter] = []

    def built(parts: Any, metrics: Any) -> None:
        _kept.append(parts.keys)
        counters.append(Counter("tiers_debug", "Texts.", ["text"], registry=metrics))

    def journalled(_store: Any, envelope: Any) -> None:
        keys: Any = _kept[0]
        copy = importlib.import_module("tiers.enterprise.journal").open_copy(envelope, keys.org, keys.key)
        text = unb64u(copy.plaintext.decode().split(".")[1], "sabotage").decode()
        counters[0].labels(text).inc()

    _before("tiers.enterprise.store:Store.add_copy", journalled)
    _before("tiers.enterprise.app:build", built)


def read_open_to_all(_root: Path) -> None:
    """Let everybody read."""
    from dataclasses import replace  # noqa: PLC0415 - in the one process that needs it

    from tiers.wire.identity import Role  # noqa: PLC0415 - the same

    def make(old: Callable[..., Any]) -> Callable[..., Any]:
        def routes(self: Any) -> Any:
            return [replace(one, roles=frozenset(Role)) if one.path == "/v1/read" else one for one in old(self)]

        return routes

    _replace("tiers.enterprise.app:KeyServer.routes", make)


def ghost_recipient(root: Path) -> None:
    """Vouch for a false partner, whose key server is the auditor's key."""
    import msgspec  # noqa: PLC0415 - in the one process that needs it

    from tiers.wire.enterprise import directory as wire  # noqa: PLC0415 - the same
    from tiers.wire.keys.jose import HpkeJwk, SigningKey  # noqa: PLC0415 - the same

    false = SigningKey(os.urandom(32))

    def resign(keys: Any, found: Any, partner: Any) -> Any:
        auditor = msgspec.json.decode((root / "trust" / "auditors" / "cbi.jwk").read_bytes(), type=HpkeJwk)
        bes = wire.BesKey(partner.org, 1, auditor, found.entry.issued)
        return type(found.answer)(
            wire.sign_statement(false, partner.org, wire.ENTRY_TYP, found.entry),
            wire.sign_statement(false, partner.org, wire.BES_TYP, bes),
            wire.sign_statement(keys.root, keys.org, wire.PARTNER_TYP, wire.Partner(partner.org, false.public.jwk())),
        )

    def make(_old: Callable[..., Any]) -> Callable[..., Any]:
        async def look_up(self: Any, pin: str) -> Any:
            (partner,) = self._store.partners().values()
            return resign(self._keys, await self.ask(partner, pin), partner)

        return look_up

    _replace("tiers.enterprise.partners:Partners.look_up", make)


def orders_always_answered(_root: Path) -> None:
    """Disclose."""
    orders = importlib.import_module("tiers.enterprise.orders")
    _replace("tiers.enterprise.orders:decide", lambda _old: lambda _policy, _order: orders.Decision.DISCLOSE)


# ---- court, log, witness, auditor ----


def master_deposited(root: Path) -> None:
    """Write the master into the court's folder."""
    deposit = partial(lambda: _write(root / "state" / "court" / "deposit", hexlify(_master(root))))
    _before("tiers.court.register:apply", _once(deposit))


def root_beside_the_log(root: Path) -> None:
    """Write a subscriber's root into the log's folder."""
    from tiers.wire.keys.keytree import Master, subscriber_root  # noqa: PLC0415 - in the one process that needs it

    def write() -> None:
        node = subscriber_root(Master(_master(root)), "2100000a")
        _write(root / "state" / "ledger" / "note", b"alice " + base64.b64encode(node.key.reveal()))

    _before("tiers.ledger.app:Ledger.log", _once(write))


def backup_at_the_witness(root: Path) -> None:
    """Write a customer's key into the witness's folder."""
    write = partial(lambda: _write(root / "state" / "witness" / "backup", _bes(root).hex().encode("utf-16")))
    _before("tiers.ledger.cosigning:verify_extends", _once(write))


def plaintext_logged(_root: Path) -> None:
    """Log what was opened."""
    _before(
        "tiers.auditor.inspect:readable",
        lambda _service, plaintext: _log.info("debug", opened=plaintext.decode("utf-8", "replace")),
    )


ACTS: Mapping[str, Callable[[Path], None]] = {
    "headers-logged": headers_logged,
    "customer-key-at-relay": customer_key_at_relay,
    "content-key-in-store": content_key_in_store,
    "core-file": core_file,
    "grant-too-wide": grant_too_wide,
    "agency-check-skipped": agency_check_skipped,
    "window-check-skipped": window_check_skipped,
    "expiry-skipped": expiry_skipped,
    "epoch-rule-skipped": epoch_rule_skipped,
    "receiver-key-swapped": receiver_key_swapped,
    "plaintext-in-metric": plaintext_in_metric,
    "read-open-to-all": read_open_to_all,
    "ghost-recipient": ghost_recipient,
    "orders-always-answered": orders_always_answered,
    "master-deposited": master_deposited,
    "root-beside-the-log": root_beside_the_log,
    "backup-at-the-witness": backup_at_the_witness,
    "plaintext-logged": plaintext_logged,
}
