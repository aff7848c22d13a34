"""Matrix of today, measured: what Synapse and a client's store leave to whom."""

import sys

import pytest

from tiers.lab import systems
from tiers.measure import Unmeasured
from tiers.measure.matrix.matrix import Content, Matrix


@pytest.fixture(scope="module")
def measured() -> Matrix:
    return systems.measured("matrix")  # skipped where something is to be installed, by its name


@pytest.mark.e2e
def test_every_cell_is_as_declared(measured: Matrix) -> None:
    assert measured.agreement.holds, measured.agreement


@pytest.mark.e2e
@pytest.mark.parametrize("key", ["megolm", "file"])
def test_a_seized_store_opens_what_lies_at_the_server(measured: Matrix, key: str) -> None:
    assert {measured.cell(who, key).content for who in ("operator", "receiver")} == {Content.SEALED}
    found = measured.cell("receiver-operator", key).derivation
    assert "session of megolm: found in bob" in found[0]
    assert f"{key}, shut: found in store" in found[1]
    assert f"session of megolm opens {key}" in found[2]


@pytest.mark.e2e
def test_a_backup_at_the_server_opens_with_the_recovery_key_and_not_without(measured: Matrix) -> None:
    assert measured.cell("operator", "backup").content is Content.SEALED
    assert measured.cell("recovery-operator", "megolm").content is Content.SEALED
    found = measured.cell("recovery-operator", "backup").derivation
    assert "recovery key: found in paper" in found[0]
    assert "key backup: found in store, homeserver.db, e2e_room_keys" in found[1]
    assert "recovery key and key backup open backup (from 1, 2, 3)" in found[3]


def test_what_is_to_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiers.lab.systems.matrix", raising=False)
    monkeypatch.setitem(sys.modules, "nio", None)
    with pytest.raises(Unmeasured, match=r"install intercept-tiers\[matrix\]: nio is not here"):
        systems.measured("matrix")
