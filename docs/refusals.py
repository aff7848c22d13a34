"""Writes the tables of docs/spec/refusals.md from the sources. `docs/generate.py` puts them there."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))  # whoever reads the sources is a kit of the tests

from kits.codes import Code, Sources  # noqa: E402 - the path to it stands above

FOLDERS = ["gateway", "services", "tests/bench"]
SECTIONS = {
    "Anybody asked: who are you, what is this": "request identity party peer jwk",
    "Envelopes and sessions: the relay": "envelope session frame device gateway mailbox sender store",
    "Admission and enrolment: the carrier": "admission carrier enrolment subscriber register",
    "Opening: whoever has the key": "sealing content keytree mail",
    "Warrants: applicant, court, carrier": "warrant court",
    "Orders: a regulator's to the relay, a court's to a customer": "order",
    "Tasks, product, grants: relay, carrier, auditor": "evidence task mediation product grant auditor",
    "X2 and X3": "x2x3",
    "The ledger and its witnesses": "leaf ledger checkpoint merkle witness",
    "The log's checker, `python -m tiers.ledger.verify`": "log",
    "A customer's key server": "activation directory partner journal read customer",
    "Starting a party": "settings state tls",
    "The classroom": "arrangement attacker bench compare custody exercise lab lesson policy scenario",
}
ASKED = ("auditor", "carrier", "court", "customer", "gateway", "ledger", "witness")
FILLED = {"{}.unavailable": ASKED, "{}.agency": ("grant", "product"), "{}.no_warrant": ("grant", "product")}
MOST = 4  # sentences to a code; who wants all of them searches the sources


def tables() -> str:
    """Write a table for each section: code, whose fault, and the sentences as the program writes them."""
    rows = dict(_rows(Sources(ROOT, FOLDERS).codes()))
    parts = []
    for title, areas in SECTIONS.items():
        lines = [rows.pop(code) for code in sorted(rows) if code.partition(".")[0] in areas.split()]
        parts.append(f"\n## {title}\n\n| code | whose | what it says |\n|---|---|---|\n" + "".join(lines))
    if rows:
        raise ValueError(f"Give these codes a section in docs/refusals.py: {', '.join(rows)}.")
    return "".join(parts) + "\n"


def _rows(found: Iterable[Code]) -> Iterator[tuple[str, str]]:
    named: dict[str, list[Code]] = {}
    for one in found:
        for code in [one.code.replace("{}", each) for each in FILLED.get(one.code, ("",))]:
            named.setdefault(code, []).append(one)
    for code, places in named.items():
        own = [one for one in places if one.said and not one.lent]
        told = own or [one for one in places if one.said]
        whose = ", ".join(sorted({one.fault for one in told if one.fault}, reverse=True))
        said = sorted({_sentence(one.said) for one in told})
        more = f" … and {len(said) - MOST} more." if len(said) > MOST else ""
        yield code, f"| `{code}` | {whose} | {' / '.join(said[:MOST])}{more} |\n"


def _sentence(said: str) -> str:
    """Write a sentence for a cell: one line, with nothing that Markdown would take for its own."""
    text = re.sub(r"([|<>*])", r"\\\1", " ".join(said.split()))
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…")) else ".")
