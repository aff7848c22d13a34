"""Seeded leaks: faults that the lab plants in a party's process at its start, to prove that the matrix sees them.

No party has a switch for one. `plant` runs in the process that `tiers.lab.world.launcher` has begun, before the party's
program does, and changes the party's modules (sabotage.py). `LEAKS` says which cells each must turn red, and no other.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

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
class Leak:
    """One fault: in whose process, what happens, and the cells (vantage point, message) that must turn red."""

    party: str
    says: str
    cells: Cells


def _all(vantages: tuple[str, ...], messages: tuple[str, ...]) -> Cells:
    return frozenset(product(vantages, messages))


def _in_the_store() -> Cells:
    """Return who reads consumer messages once the store holds a key. Mallory reads her own anyway."""
    own = {(who, "bbm-untasked") for who in ("other-subscriber", "gateway-and-subscriber")}
    return _all(_WITH_STORE, CONSUMER) - own


LEAKS = {
    "headers-logged": Leak(
        "gateway",
        "The relay logs the header of every message.",
        _all(("logs",), (*CONSUMER, *ENTERPRISE)),
    ),
    "customer-key-at-relay": Leak(
        "gateway",
        "Acme's key server has handed its private key to the relay, which keeps it in memory.",
        _all(("gateway", "operator", "state", "gateway-and-subscriber"), ENTERPRISE),
    ),
    "content-key-in-store": Leak(
        "carrier",
        "The carrier writes every content key that it admits into the store, in hex, to trace a fault.",
        _in_the_store(),
    ),
    "core-file": Leak(
        "carrier",
        "The carrier has crashed once and left a core file with its master key where the store keeps its files.",
        _in_the_store(),
    ),
    "grant-too-wide": Leak(
        "carrier",
        "From the second grant on one person, the carrier's cover reaches one minute too far.",
        _all(("auditor-outside-window",), ("bbm-after",)),
    ),
    "agency-check-skipped": Leak(
        "carrier",
        "The carrier does not look whose agency a warrant is for.",
        _all(("auditor-none",), COPIED),
    ),
    "window-check-skipped": Leak(
        "carrier",
        "The carrier grants the minutes that are asked for, inside the warrant's window or not.",
        _all(("auditor-outside-window",), ("bbm-before", "bbm-after")),
    ),
    "expiry-skipped": Leak(
        "carrier",
        "The carrier goes on serving a warrant that has expired.",
        _all(("auditor-expired",), COPIED),
    ),
    "epoch-rule-skipped": Leak(
        "carrier",
        "The carrier admits a message of any minute, so an old grant writes as well as it reads.",
        _all(("auditor", "auditor-outside-window"), ("bbm", "employee-bbm"))
        | {("auditor-wrong-subject", "employee-bbm")},
    ),
    "receiver-key-swapped": Leak(
        "acme",
        "Acme's directory answers with Ravi's key where Quentin's is asked for, and signs it.",
        _all(("sender", "receiver", "seized-handset", "customer", "other-employee"), ("bes-bbm",)),
    ),
    "plaintext-in-metric": Leak(
        "acme",
        "Acme's key server opens what it journals, and counts it under a label that is the text.",
        _all(("operator", "state"), ENTERPRISE),
    ),
    "read-open-to-all": Leak(
        "acme",
        "Acme's key server reads its mail out to whoever asks, not to its administrator only.",
        _all((*_ASKERS, *_AGENCIES), ENTERPRISE) - {("other-customer", "bes-cross")},
    ),
    "ghost-recipient": Leak(
        "globex",
        "Globex vouches for a false Acme, whose key server is the auditor: a recipient that nobody sees.",
        _all(("auditor", "auditor-expired", "auditor-wrong-subject", "auditor-outside-window"), ("bes-cross",))
        | {("state", "bes-cross"), ("customer", "bes-cross")},
    ),
    "orders-always-answered": Leak(
        "globex",
        "Globex's key server gives in to every production order, whatever its policy says.",
        _all(("court", "state"), ("bes-cross",)),
    ),
    "master-deposited": Leak(
        "court",
        "The carrier has deposited its master key with the court, in a file.",
        _all(("court",), CONSUMER),
    ),
    "root-beside-the-log": Leak(
        "ledger",
        "The root of Alice's key tree lies in base64 in the log's folder.",
        _all(("ledger",), ("bbm-before", "bbm", "bis-mail", "bbm-after")),
    ),
    "backup-at-the-witness": Leak(
        "witness",
        "Acme keeps a backup of its private key with the witness, as UTF-16.",
        _all(("ledger", "state"), ENTERPRISE),
    ),
    "plaintext-logged": Leak(
        "auditor",
        "The auditor logs what it has opened.",
        _all(("logs",), UNDER_WARRANT),
    ),
}


def find_leak(name: str) -> Leak:
    """Return a leak; raises `Yours`."""
    if name not in LEAKS:
        raise Yours("lab.leak", f"Name one of the seeded leaks: {', '.join(sorted(LEAKS))}.")
    return LEAKS[name]


def plant(name: str) -> None:
    """Change the modules of the party in whose process this runs; the launcher's first argument names the world."""
    find_leak(name)
    from tiers.lab.faults import sabotage  # noqa: PLC0415 - a party that leaks nothing carries none of it

    sabotage.ACTS[name](Path(sys.argv[1]).parent)


def parties(names: Iterator[str]) -> dict[str, str]:
    """Return leaks by the party that starts with them, as `world.booted` takes them."""
    return {find_leak(name).party: name for name in names}
