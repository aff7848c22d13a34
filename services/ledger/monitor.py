"""Read the log as its monitors do: `python -m tiers.ledger.monitor DIR --policy FILE`. Pure, but for reading files.

It knows no secret. One warrant is one commitment, so the leaves about it tell in which order things were done:

    applied -> approved -> served -> task activated, keys granted, task deactivated -> expired -> seal opened
                  |- suspended -> resumed
                  |- cancelled: nothing more begins

What is out of order is named. `verify` comes first: a log that is not what it says is no evidence of anything.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tiers.ledger.verify import Leaf, asked, tell

MINUTE_MS = 60_000
GRACE_MS = 300_000
"""How late the log may learn that a task has ended: a relay tells it when the minute is over. So far a leaf's date may
lie from the ledger's clock as well."""
LATE_MS = 24 * 3_600_000
"""How long after the day on which a warrant expires its seal may be opened and its task be told of: a court may be down
that night, and a classroom turns its clock by hours."""
RATE = 64
"""Refusals of one kind a minute: a party logs half of them one by one and counts the others."""
_COURT = {"court"}
WRITERS = {
    "warrant.applied": _COURT,
    "warrant.approved": _COURT,
    "warrant.rejected": _COURT,
    "warrant.suspended": _COURT,
    "warrant.resumed": _COURT,
    "warrant.cancelled": _COURT,
    "warrant.served": {"carrier"},
    "warrant.expired": {"court", "carrier"},
    "warrant.refused": {"court", "carrier", "auditor"},
    "task.activated": {"gateway"},
    "task.deactivated": {"gateway"},
    "task.refused": {"gateway"},
    "grant.released": {"carrier", "court"},
    "grant.refused": {"carrier", "court"},
    "order.answered": {"customer", "gateway"},
    "loss.recorded": {"gateway"},
    "seal.opened": {"court", "carrier"},
}
"""Who may log what."""
AFTER_THE_END = {"warrant.expired", "task.deactivated", "loss.recorded", "seal.opened"}
STANDS, OVER = "stands", {"rejected", "cancelled", "expired"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something out of order: at which leaf, and what, in a sentence."""

    index: int
    sentence: str


@dataclass(slots=True)
class Warrant:
    """What the log says of one warrant so far. Times are ms since 1970."""

    state: str = "unknown"
    names: dict[str, str] = field(default_factory=dict)
    since: int = 0
    open_after: int | None = None
    served: bool = False
    opened: bool = False
    active: bool = False
    activations: int = 0
    ends: int = 0


def monitor(leaves: Sequence[Leaf], now: int) -> list[Finding]:
    """Name what is out of order in a whole log (index = position) at `now`."""
    warrants, terms, found = dict[str, Warrant](), set[str](), list[Finding]()
    refused, latest = Counter[tuple[str, ...]](), 0
    for index, leaf in enumerate(leaves):
        kind, role = leaf["type"], leaf["party"].split("/")[3]
        if leaf["ts"] < latest - 2 * GRACE_MS:
            found.append(Finding(index, f"{kind} is dated long before a leaf that stands before it"))
        latest = max(latest, leaf["ts"])
        if kind.endswith(".refused"):
            named = (leaf["party"], kind, leaf["agency"], leaf["detail"], str(leaf["ts"] // MINUTE_MS))
            refused[named] += 1
            if refused[named] == RATE:
                found.append(Finding(index, f"{kind} is logged more often in a minute than a party may"))
        if role not in WRITERS.get(kind, set()):
            found.append(Finding(index, f"a {role} has logged {kind}, which is not for it to do"))
        elif not kind.endswith(".refused") and kind != "order.answered":
            warrant = warrants.setdefault(leaf["commitment"], Warrant())
            found += [Finding(index, why) for why in _expire(warrant, leaf["ts"])]
            found += [Finding(index, why) for why in _wrong(warrant, kind, role, leaf)]
            _follow(warrant, kind, role, leaf)
        if kind == "grant.released":
            if leaf["terms"] in terms:
                found.append(Finding(index, "one release is logged twice, or two are logged as one"))
            terms.add(leaf["terms"])
    for warrant in warrants.values():
        found += [Finding(len(leaves) - 1, why) for why in (*_expire(warrant, now), *_owed(warrant, now))]
    return found


def _expire(warrant: Warrant, at: int) -> list[str]:
    """Let the day that the court named take effect: whoever logs no expiry gains nothing. Say what stood until then."""
    if warrant.open_after is None or at < warrant.open_after or warrant.state in OVER:
        return []
    wrong = [_stood(warrant)] if warrant.active and _is_late(warrant, at) else []
    warrant.state, warrant.since, warrant.ends = "expired", warrant.open_after, warrant.ends + 1
    return wrong


def _wrong(warrant: Warrant, kind: str, role: str, leaf: Leaf) -> Iterator[str]:
    """Say what is wrong with a leaf about a warrant in this state."""
    state = warrant.state
    if state in OVER and kind not in AFTER_THE_END and not _bucketed(warrant, kind, leaf):
        yield f"{kind} after the warrant was {state}"
    elif state == "suspended" and kind in {"task.activated", "grant.released"} and not _bucketed(warrant, kind, leaf):
        yield f"{kind} while the warrant is suspended"
    needs = {
        "warrant.applied": state == "unknown",
        "warrant.approved": state == "applied",
        "warrant.rejected": state == "applied",
        "warrant.suspended": state == STANDS,
        "warrant.resumed": state == "suspended",
        "warrant.served": state not in {"unknown", "applied"} and not warrant.served,
        "task.activated": warrant.served and not warrant.active,
        "task.deactivated": warrant.active,
        "grant.released": warrant.served or (role == "court" and state not in {"unknown", "applied"}),
        "loss.recorded": warrant.activations > 0 and leaf["ts"] >= (warrant.open_after or 0),
        "seal.opened": warrant.open_after is not None and leaf["ts"] >= warrant.open_after,
    }
    if not needs.get(kind, state != "unknown") and not (state in OVER and kind not in AFTER_THE_END):
        yield f"{kind} out of order: the warrant is {state}{', and served' if warrant.served else ''}"
    for what, name in _names(leaf, role).items():
        if warrant.names.get(what, name) != name:
            yield f"{kind} names the {what} {name}, and the warrant is for {warrant.names[what]}"
    yield from _untimely(warrant, kind, leaf)


def _untimely(warrant: Warrant, kind: str, leaf: Leaf) -> Iterator[str]:
    """Say what of a leaf was not done on its day."""
    state = warrant.state
    if kind == "warrant.approved" and "open_after" not in leaf:
        yield "a warrant is approved, and no day is named on which its seal is opened"
    if kind == "warrant.served" and leaf.get("open_after") != warrant.open_after:
        yield "the carrier promises to open the seal on another day than the court"
    if kind == "warrant.expired" and warrant.open_after is not None and leaf["ts"] < warrant.open_after:
        yield "a warrant expires before its day"
    if kind == "seal.opened" and not warrant.opened and leaf["ts"] > (warrant.open_after or 0) + LATE_MS:
        yield "a seal is opened long after its day"
    ends = kind == "task.deactivated" or (state == "suspended" and kind.startswith("warrant."))
    if ends and warrant.active and _is_late(warrant, leaf["ts"]):
        yield _stood(warrant)


def _bucketed(warrant: Warrant, kind: str, leaf: Leaf) -> bool:
    """Whether a relay set this task before the warrant ended, and tells of it now that the minute is over."""
    same_minute = leaf["ts"] <= (warrant.since // MINUTE_MS + 1) * MINUTE_MS
    return kind == "task.activated" and same_minute and warrant.activations <= warrant.ends - 1


def _names(leaf: Leaf, role: str) -> dict[str, str]:
    """Name whose warrant a leaf takes it to be: one agency's, of one jurisdiction, and one party's of each role."""
    return {"agency": leaf["agency"], "jurisdiction": leaf["jurisdiction"], role: leaf["party"]}


def _follow(warrant: Warrant, kind: str, role: str, leaf: Leaf) -> None:
    warrant.names = _names(leaf, role) | warrant.names
    after = {"warrant.approved": STANDS, "warrant.resumed": STANDS}.get(kind, kind.partition(".")[2])
    if kind == "warrant.served":
        warrant.served = True
    elif kind.startswith("warrant.") and warrant.state not in OVER:
        warrant.state, warrant.since = after, leaf["ts"]
        warrant.ends += after in OVER | {"suspended"}
    if kind == "warrant.approved":
        warrant.open_after = leaf.get("open_after")
    elif kind == "task.activated":
        warrant.active, warrant.activations = True, warrant.activations + 1
    elif kind == "task.deactivated":
        warrant.active = False
    elif kind == "seal.opened":
        warrant.opened = True


def _is_late(warrant: Warrant, at: int) -> bool:
    """Whether a task that stands at `at` should have ended long before."""
    grace = LATE_MS if warrant.state == "expired" else GRACE_MS
    return warrant.state in OVER | {"suspended"} and at > warrant.since + grace


def _stood(warrant: Warrant) -> str:
    return f"a task stood for long after the warrant was {warrant.state}"


def _owed(warrant: Warrant, now: int) -> Iterator[str]:
    """Say what the log should have been told by `now`."""
    if warrant.active and _is_late(warrant, now):
        yield f"a task is still active, and its warrant has been {warrant.state} since {_date(warrant.since)}"
    if warrant.open_after is not None and not warrant.opened and now > warrant.open_after + GRACE_MS:
        yield f"a seal should have been opened on {_date(warrant.open_after)}"


def _date(at: int) -> str:
    return time.strftime("%FT%TZ", time.gmtime(at / 1000))


def main() -> None:
    """Name what is out of order, and exit with 1 if anything is; 3 if there is nothing to check."""
    report, now = asked(__doc__)
    found = monitor(report.leaves, now)
    warrants = {leaf["commitment"] for leaf in report.leaves if leaf["type"] == "warrant.applied"}
    lines = [f"{report.size} leaves, {len(warrants)} warrants, {len(found)} out of order\n"]
    for one in found:
        leaf = report.leaves[one.index]
        who = "/".join(leaf["party"].split("/")[3:])
        lines.append(f"  leaf {one.index} ({_date(leaf['ts'])}, {who}): {one.sentence}\n")
    tell("".join(lines))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
