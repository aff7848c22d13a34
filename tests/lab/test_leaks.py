"""Seeded leaks: each turns exactly its cells red. Leaks in different parties share a world where their cells differ."""

from pathlib import Path

import pytest

from kits.measuring import measure_with
from tiers.lab.faults.planting import find
from tiers.lab.faults.registry import FAULTS, LEAKS, find_leak, plant
from tiers.lab.world.cast import PARTIES, party
from tiers.measure.capture.memory import MEASURES_MEMORY
from tiers.wire.errors import Yours

WORLDS = (
    ("content-key-in-store", "headers-logged", "read-open-to-all"),
    ("core-file", "plaintext-in-metric", "master-deposited"),
    ("grant-too-wide", "customer-key-at-relay", "plaintext-logged"),
    ("agency-check-skipped", "receiver-key-swapped", "said-in-the-clear"),
    ("window-check-skipped", "backup-at-the-witness"),
    ("expiry-skipped", "root-beside-the-log", "orders-always-answered"),
    ("epoch-rule-skipped", "ghost-recipient"),
)


@pytest.mark.e2e
@pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only: some leaks are not seen elsewhere")
@pytest.mark.parametrize("leaks", WORLDS, ids="+".join)
def test_a_leak_turns_exactly_its_cells_red(leaks: tuple[str, ...], tmp_path: Path) -> None:
    matrix = measure_with(leaks, tmp_path / "world")

    red = {(wrong.vantage, wrong.message) for wrong in matrix.agreement.disagreements}
    assert red == frozenset().union(*(LEAKS[name].cells for name in leaks))
    assert () == matrix.agreement.missing_controls
    assert not matrix.agreement.holds


def test_every_leak_is_planted_in_some_world_and_no_two_hide_each_other() -> None:
    assert sorted(name for names in WORLDS for name in names) == sorted(LEAKS)
    for names in WORLDS:
        assert len({LEAKS[name].party for name in names}) == len(names)
        cells = [LEAKS[name].cells for name in names]
        assert sum(map(len, cells)) == len(frozenset().union(*cells))


def test_there_are_at_least_ten_leaks_and_one_in_every_party() -> None:
    assert len(LEAKS) >= 10
    assert {leak.party for leak in LEAKS.values()} == {one.name.partition("-")[0] for one in PARTIES}  # one witness


def test_a_leak_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Yours, match=r"lab\.leak"):
        find_leak("none")


@pytest.mark.parametrize("name", FAULTS)
def test_every_name_that_a_fault_replaces_exists_and_belongs_to_its_party(name: str) -> None:
    program = party(FAULTS[name].party).program.removesuffix(".witness")
    for where in FAULTS[name].replaces:
        assert where.startswith(f"{program}.")
        find(where)


def test_a_fault_takes_the_place_of_what_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tiers.carrier.admission.MAX_SKEW", 5)
    plant("epoch-rule-skipped", tmp_path)
    from tiers.carrier import admission

    assert admission.MAX_SKEW > 5
