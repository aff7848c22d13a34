"""Every fault that the lab plants in a party's process, in one registry: what it is, where it sits, what it must show.

A leak proves that the matrix sees it: `cells` says which cells must turn red, and no other. A fault without cells is
what a party does on purpose in a scenario. No party has a switch for any of it: `plant` runs in the process that
`tiers.lab.world.launcher` has begun, before the party's program does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tiers.lab.faults import carrier, customers, relay, state
from tiers.lab.faults.planting import Make, replace
from tiers.wire.errors import Yours

Cells = frozenset[tuple[str, str]]
CONSUMER = ("bbm-before", "bbm", "bis-mail", "bbm-untasked", "employee-bbm", "bbm-after")
ENTERPRISE = ("bes-bbm", "bes-mail", "bes-cross")
UNDER_WARRANT = ("bbm", "bis-mail", "employee-bbm")
COPIED = (*UNDER_WARRANT, *ENTERPRISE)
_WITH_STORE = ("store", "seized-handset", "other-subscriber", "gateway-and-subscriber", "other-employee")
_ASKERS = ("gateway", "operator", "court", "ledger", "state", "other-customer")
_AGENCIES = ("auditor-none", "auditor-expired", "auditor-wrong-subject", "auditor-outside-window")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: in whose process, what happens, what takes the place of which names, which cells turn red."""

    party: str
    says: str
    replaces: Mapping[str, Make]
    """`module:name` or `module:Class.name` of the party -> from what stands there to what takes its place."""
    cells: Cells = frozenset()


def _all(vantages: tuple[str, ...], messages: tuple[str, ...]) -> Cells:
    return frozenset(product(vantages, messages))


def _in_the_store() -> Cells:
    """Return who reads consumer messages once the store holds a key. Mallory reads her own anyway."""
    own = {(who, "bbm-untasked") for who in ("other-subscriber", "gateway-and-subscriber")}
    return _all(_WITH_STORE, CONSUMER) - own


FAULTS = {
    "headers-logged": Fault(
        "gateway",
        "The relay logs the header of every message.",
        {"tiers.gateway.channels:decide": relay.headers_logged},
        _all(("logs",), (*CONSUMER, *ENTERPRISE)),
    ),
    "customer-key-at-relay": Fault(
        "gateway",
        "Acme's key server has handed its private key to the relay, which keeps it in memory.",
        {"tiers.gateway.channels:decide": relay.customer_key_at_relay},
        _all(("gateway", "operator", "state", "gateway-and-subscriber"), ENTERPRISE),
    ),
    "content-key-in-store": Fault(
        "carrier",
        "The carrier writes every content key that it admits into the store, in hex, to trace a fault.",
        {"tiers.carrier.admission:_unwrap": carrier.content_key_in_store},
        _in_the_store(),
    ),
    "core-file": Fault(
        "carrier",
        "The carrier has crashed once and left a core file with its master key where the store keeps its files.",
        {"tiers.carrier.admission:Admission.admit": carrier.core_file},
        _in_the_store(),
    ),
    "grant-too-wide": Fault(
        "carrier",
        "From the second grant on one person, the carrier's cover reaches one minute too far.",
        {"tiers.carrier.keystore:Keystore.cover": carrier.grant_too_wide},
        _all(("auditor-outside-window",), ("bbm-after",)),
    ),
    "agency-check-skipped": Fault(
        "carrier",
        "The carrier does not look whose agency a warrant is for.",
        {"tiers.carrier.lawful:_for_agency": carrier.agency_check_skipped},
        _all(("auditor-none",), COPIED),
    ),
    "window-check-skipped": Fault(
        "carrier",
        "The carrier grants the minutes that are asked for, inside the warrant's window or not.",
        {"tiers.carrier.lawful:check_grant": carrier.window_check_skipped},
        _all(("auditor-outside-window",), ("bbm-before", "bbm-after")),
    ),
    "expiry-skipped": Fault(
        "carrier",
        "The carrier goes on serving a warrant that has expired.",
        {
            "tiers.carrier.lawful:check_standing_here": carrier.expiry_skipped,
            "tiers.carrier.lawful:check_release": carrier.expired_keys_released,
        },
        _all(("auditor-expired",), COPIED),
    ),
    "epoch-rule-skipped": Fault(
        "carrier",
        "The carrier admits a message of any minute, so an old grant writes as well as it reads.",
        {"tiers.carrier.admission:MAX_SKEW": carrier.epoch_rule_skipped},
        _all(("auditor", "auditor-outside-window"), ("bbm", "employee-bbm"))
        | {("auditor-wrong-subject", "employee-bbm")},
    ),
    "receiver-key-swapped": Fault(
        "acme",
        "Acme's directory answers with Ravi's key where Quentin's is asked for, and signs it.",
        {
            "tiers.enterprise.keystore:KeyStore.key": customers.keys_noticed,
            "tiers.enterprise.store:Store.device": customers.receiver_key_swapped,
        },
        _all(("sender", "receiver", "seized-handset", "customer", "other-employee"), ("bes-bbm",)),
    ),
    "plaintext-in-metric": Fault(
        "acme",
        "Acme's key server opens what it journals, and counts it under a label that is the text.",
        {
            "tiers.enterprise.store:Store.add_copy": customers.plaintext_in_metric,
            "tiers.enterprise.app:build": customers.texts_counted,
        },
        _all(("operator", "state"), ENTERPRISE),
    ),
    "read-open-to-all": Fault(
        "acme",
        "Acme's key server reads its mail out to whoever asks, not to its administrator only.",
        {"tiers.enterprise.app:KeyServer.routes": customers.read_open_to_all},
        _all((*_ASKERS, *_AGENCIES), ENTERPRISE) - {("other-customer", "bes-cross")},
    ),
    "ghost-recipient": Fault(
        "globex",
        "Globex vouches for a false Acme, whose key server is the auditor: a recipient that nobody sees.",
        {"tiers.enterprise.partners:Partners.look_up": customers.ghost_recipient},
        _all(("auditor", "auditor-expired", "auditor-wrong-subject", "auditor-outside-window"), ("bes-cross",))
        | {("state", "bes-cross"), ("customer", "bes-cross")},
    ),
    "orders-always-answered": Fault(
        "globex",
        "Globex's key server gives in to every production order, whatever its policy says.",
        {"tiers.enterprise.orders:decide": customers.orders_always_answered},
        _all(("court", "state"), ("bes-cross",)),
    ),
    "master-deposited": Fault(
        "court",
        "The carrier has deposited its master key with the court, in a file.",
        {"tiers.court.register:apply": state.master_deposited},
        _all(("court",), CONSUMER),
    ),
    "root-beside-the-log": Fault(
        "ledger",
        "The root of Alice's key tree lies in base64 in the log's folder.",
        {"tiers.ledger.app:Ledger.log": state.root_beside_the_log},
        _all(("ledger",), ("bbm-before", "bbm", "bis-mail", "bbm-after")),
    ),
    "backup-at-the-witness": Fault(
        "witness",
        "Acme keeps a backup of its private key with the witness, as UTF-16.",
        {"tiers.ledger.cosigning:verify_extends": state.backup_at_the_witness},
        _all(("ledger", "state"), ENTERPRISE),
    ),
    "plaintext-logged": Fault(
        "auditor",
        "The auditor logs what it has opened.",
        {"tiers.auditor.inspect:readable": state.plaintext_logged},
        _all(("logs",), UNDER_WARRANT),
    ),
    "said-in-the-clear": Fault(
        "auditor",
        "The auditor tells the carrier what it has opened, and forgets TLS.",
        {"tiers.auditor.inspect:readable": state.said_in_the_clear},
        _all(("link", "seized-handset"), UNDER_WARRANT),
    ),
    "any-readers": Fault(
        "gateway",
        "The relay lets messages through whoever they name as readers.",
        {"tiers.gateway.channels:Readers.check": relay.any_readers},
    ),
    "copy-all": Fault(
        "gateway",
        "The relay keeps a copy of everything for itself, and tells nobody.",
        {"tiers.gateway.path.intake:Intake._submit": relay.copy_all},
    ),
    "swap-keys": Fault(
        "gateway",
        "The relay opens what was sealed to a false key that it gave out, keeps it, and seals again to the true one.",
        {"tiers.gateway.path.intake:Intake._submit": relay.swap_keys},
    ),
}
LEAKS = {name: fault for name, fault in FAULTS.items() if fault.cells}


def find_leak(name: str) -> Fault:
    """Return a fault that must turn cells red; raises `Yours`."""
    if name not in LEAKS:
        raise Yours("lab.leak", f"Name one of the seeded leaks: {', '.join(sorted(LEAKS))}.")
    return LEAKS[name]


def plant(name: str, root: Path) -> None:
    """Change the modules of the party in whose process this runs; `root` is the world's folder."""
    for where, make in FAULTS[name].replaces.items():
        replace(where, make, root)


def by_party(names: Iterable[str]) -> dict[str, str]:
    """Return leaks by the party that starts with them, as `world.booted` takes faults; raises `Yours`."""
    return {find_leak(name).party: name for name in names}
