"""Who knows no secret reads in the log what was done out of order."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiers.ledger import verify
from tiers.ledger.monitor import WRITERS, monitor
from tiers.wire.log import leaf as treaty

MINUTE = 60_000
NOW = 1_764_000_000_000
EXP = NOW + 60 * MINUTE
DAY = 24 * 60  # minutes
C1, C2 = (letter.ljust(43, "A") for letter in "CD")
COURT, CARRIER, GATEWAY, CUSTOMER = (
    f"spiffe://tiers.example/{who}" for who in ("court/in", "carrier/in", "gateway/1", "customer/A")
)
BY = {
    "task.activated": GATEWAY,
    "task.deactivated": GATEWAY,
    "loss.recorded": GATEWAY,
    "warrant.served": CARRIER,
    "grant.released": CARRIER,
}


def said(kind: str, at: int = 0, **members: object) -> dict[str, object]:
    """A leaf, `at` minutes after NOW."""
    leaf = {"type": kind, "ts": NOW + at * MINUTE, "party": BY.get(kind, COURT), "agency": "cbi", "commitment": C1}
    leaf["jurisdiction"] = "IN"
    if kind in {"warrant.approved", "warrant.served"}:
        leaf["open_after"] = EXP
    if kind == "grant.released":
        leaf["terms"] = f"{at:A<43}"
    return leaf | members


BEGUN = [said("warrant.applied"), said("warrant.approved"), said("warrant.served"), said("task.activated", 1)]
EXPIRED = [said("warrant.expired", 60), said("warrant.expired", 60, party=CARRIER)]
ENDED = [said("task.deactivated", 10), *EXPIRED, said("seal.opened", 60)]
UNDATED = {name: value for name, value in said("warrant.approved").items() if name != "open_after"}
CANCELLED = said("warrant.cancelled", 2)
ORDERLY = [*BEGUN, said("grant.released", 5), *ENDED, said("loss.recorded", 60, count=3)]


def wrong(leaves: list[dict[str, object]], now: int = EXP) -> list[str]:
    return [found.sentence for found in monitor(leaves, now)]


def test_a_warrant_from_its_beginning_to_its_end_is_in_order() -> None:
    assert [] == wrong(ORDERLY, EXP + 10**9)
    assert [] == wrong([said("warrant.applied"), said("warrant.rejected")], EXP + 10**9)


def test_a_clock_that_is_turned_by_hours_puts_nothing_out_of_order() -> None:
    at = 60 + 23 * 60
    late = [said("task.deactivated", at), said("warrant.expired", at), said("seal.opened", at), said("seal.opened", at)]
    assert [] == wrong([*BEGUN, *late], NOW + at * MINUTE)


def test_a_warrant_that_is_suspended_and_resumed_within_a_minute_is_in_order() -> None:
    shortly = [
        said("warrant.suspended", 2),
        said("warrant.resumed", 2),
        said("task.deactivated", 3),
        said("task.activated", 3),
    ]
    assert [] == wrong([*BEGUN, *shortly, *ENDED])


def test_a_task_that_the_relay_set_before_a_cancellation_of_the_same_minute_is_told_of_afterwards() -> None:
    late = [said("warrant.cancelled"), said("task.activated", 1), said("task.deactivated", 1)]
    assert [] == wrong([*BEGUN[:3], *late], NOW + 20 * MINUTE)
    again = [*late, said("task.activated", 1, ts=NOW + MINUTE + 1)]
    assert ["task.activated after the warrant was cancelled"] == wrong([*BEGUN[:3], *again], NOW + MINUTE)


@pytest.mark.parametrize(
    ("leaves", "sentence"),
    [
        ([*BEGUN, CANCELLED, said("grant.released", 2)], "grant.released after the warrant was cancelled"),
        ([*BEGUN, CANCELLED, said("task.deactivated", 3), said("task.activated", 4)], "task.activated after"),
        ([*BEGUN[:2], CANCELLED, said("warrant.served", 2)], "warrant.served after the warrant was cancelled"),
        ([*BEGUN, *ENDED, said("grant.released", 61)], "grant.released after the warrant was expired"),
        ([*BEGUN, said("warrant.suspended", 2), said("grant.released", 2)], "while the warrant is suspended"),
        ([said("warrant.served")], "warrant.served out of order"),
        ([said("warrant.applied"), said("warrant.served")], "warrant.served out of order"),
        ([*BEGUN[:2], said("task.activated", 1)], "task.activated out of order"),
        ([*BEGUN[:2], said("grant.released", 1)], "grant.released out of order"),
        ([said("warrant.approved")], "warrant.approved out of order"),
        ([*BEGUN, said("task.activated", 2)], "task.activated out of order"),
        ([*BEGUN, said("warrant.served", 2)], "warrant.served out of order"),
        ([*BEGUN[:2], said("warrant.served", open_after=EXP + 10**12)], "another day than the court"),
        ([*BEGUN, said("grant.released", 2), said("grant.released", 3, terms=f"{2:A<43}")], "logged twice"),
        ([*BEGUN, said("warrant.cancelled", 2), said("task.deactivated", 9)], "a task stood for long after"),
        ([said("warrant.applied"), said("warrant.approved", party=CUSTOMER)], "a customer has logged warrant.approved"),
        ([*BEGUN[:3], said("task.activated", 1, party=CARRIER)], "a carrier has logged task.activated"),
        ([BEGUN[0], UNDATED], "no day is named on which its seal is opened"),
        ([*BEGUN, said("warrant.expired", 59)], "expires before its day"),
        ([said("grant.released", party=COURT)], "grant.released out of order: the warrant is unknown"),
        ([said("warrant.applied"), said("grant.released", party=COURT)], "out of order: the warrant is applied"),
        ([said("warrant.applied"), said("warrant.rejected"), said("seal.opened", 60)], "seal.opened out of order"),
        ([*BEGUN, said("grant.released", 2, agency="nia")], "names the agency nia, and the warrant is for cbi"),
        ([*BEGUN, said("grant.released", 2, jurisdiction="PK")], "names the jurisdiction PK"),
        ([*BEGUN, said("grant.released", 2, party=CARRIER[:-2] + "pk")], "names the carrier spiffe://tiers.example/car"),
        ([*BEGUN, said("grant.released", 60)], "grant.released after the warrant was expired"),
        ([*BEGUN[:3], said("task.activated", 62)], "task.activated after the warrant was expired"),
        ([*BEGUN, said("seal.opened", 59)], "seal.opened out of order"),
        ([*BEGUN, *ENDED[:-1], said("seal.opened", 61 + DAY)], "a seal is opened long after its day"),
        ([*BEGUN, said("loss.recorded", 59, count=3)], "loss.recorded out of order"),
        ([*BEGUN, said("warrant.suspended", 2), said("warrant.resumed", 9)], "stood for long after the war"),
        ([*BEGUN[:3], said("task.activated", 12), said("grant.released", 1)], "dated long before a leaf that stands"),
        ([*BEGUN, said("warrant.amended", 2)], "a court has logged warrant.amended"),
        ([said("warrant.refused", 0, detail="request.role", ts=NOW + n) for n in range(64)], "more often in a minute"),
    ],
)  # fmt: skip
def test_what_is_out_of_order_is_named(leaves: list[dict[str, object]], sentence: str) -> None:
    assert any(sentence in found for found in wrong(leaves)), wrong(leaves)


def test_what_the_log_should_have_been_told_is_named() -> None:
    cancelled = [*BEGUN, said("warrant.cancelled", 2)]
    assert [] == wrong(cancelled, NOW + 7 * MINUTE)
    assert any("still active" in found for found in wrong(cancelled, NOW + 7 * MINUTE + 1))
    unfinished = wrong(BEGUN, EXP + (DAY + 1) * MINUTE)
    assert any("should have been opened" in found for found in unfinished)
    assert any("still active, and its warrant has been expired" in found for found in unfinished)


@pytest.mark.parametrize(
    "later",
    [
        [],
        [said("task.deactivated", 60)],
        [said("warrant.expired", 60), said("task.deactivated", 60), said("seal.opened", 60)],
        [said("warrant.expired", 59), said("task.deactivated", 60), said("seal.opened", 60)],
    ],
)
def test_a_task_that_stood_through_a_suspension_is_named_though_its_day_came(later: list[dict[str, object]]) -> None:
    stood = "a task stood for long after the warrant was suspended"
    assert 1 == wrong([*BEGUN, said("warrant.suspended", 10), *later]).count(stood)
    assert 0 == wrong([*BEGUN, said("warrant.suspended", 58), *later]).count(stood)
    assert 0 == wrong([*BEGUN, said("warrant.suspended", 10), said("task.deactivated", 11), *later]).count(stood)


def test_two_warrants_are_two_stories() -> None:
    other = [leaf | {"commitment": C2} for leaf in BEGUN]
    assert [] == wrong([leaf for pair in zip(BEGUN, other, strict=True) for leaf in pair])


def test_its_table_of_writers_is_that_of_the_treaty() -> None:
    treatys = {kind: {str(role) for role in roles} for kind, roles in treaty.WRITERS.items()}
    assert treatys == WRITERS


OPENING = {"index": 0, "salt": "A" * 43, "jti": "x", "digest": "A" * 43}
ANY = st.sampled_from([None, True, 0, 1, -1, 2**53 - 1, 2**60, 1.0, "", "a.b", "\u202e", [], {}, {"index": 0}, OPENING])
MEMBERS = st.dictionaries(
    st.sampled_from([*said("warrant.applied"), "opens", "detail", "count", "open_after", "terms"]), ANY
)


@given(st.lists(st.tuples(st.sampled_from(sorted(WRITERS)), MEMBERS), max_size=4))
@example([("warrant.expired", {"opens": {}})])
@example([("warrant.expired", {"opens": None})])
def test_no_leaf_of_a_hostile_log_makes_the_verifier_or_the_monitor_fail(told: list[tuple[str, dict]]) -> None:
    leaves = []
    for index, (kind, members) in enumerate(told):
        entry = json.dumps(said(kind) | members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        with suppress(verify.LogInvalid):
            leaves.append(verify._leaf(index, entry))
    with suppress(verify.LogInvalid):
        verify._check_openings(leaves)
    wrong(leaves)
