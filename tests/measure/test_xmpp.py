"""XMPP of today, measured: what Prosody's archive and OMEMO leave to whom."""

import sys

import pytest

from tiers.lab import systems
from tiers.measure import Unmeasured
from tiers.measure.matrix.matrix import Content, Matrix

# slixmpp-omemo asks slixmpp for plugins as slixmpp no longer likes it.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing plugins through the XMPP object:DeprecationWarning")


@pytest.fixture(scope="module")
def measured() -> Matrix:
    return systems.measured("xmpp")  # skipped where something is to be installed, by its name


@pytest.mark.e2e
def test_every_cell_is_as_declared(measured: Matrix) -> None:
    assert measured.agreement.holds, measured.agreement


@pytest.mark.e2e
def test_a_device_that_has_opened_a_message_opens_it_no_more_and_one_that_has_not_does(measured: Matrix) -> None:
    assert measured.cell("receiver-operator", "omemo").content is Content.SEALED  # its three keys would open it
    assert measured.cell("receiver-operator", "second").content is Content.SEALED
    assert measured.cell("tablet-operator", "omemo").content is Content.SEALED
    found = measured.cell("tablet-operator", "second").derivation
    assert ["found in tablet, omemo.json" in line for line in found] == [True, True, True, False, False]
    assert "second, shut: found in store" in found[3]
    assert "one-time pre key open second (from 1, 2, 3, 4)" in found[4]


@pytest.mark.e2e
def test_an_administrator_reads_what_is_sent_after_he_has_joined(measured: Matrix) -> None:
    assert measured.cell("administrator", "omemo").content is Content.SEALED
    assert "found in answers to administrator" in measured.cell("administrator", "joined").derivation[0]


@pytest.mark.parametrize(
    ("missing", "says"), [("prosody", r"prosody \(Debian\)"), ("slixmpp", r"intercept-tiers\[xmpp\]")]
)
def test_what_is_to_be_installed_is_named(missing: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "prosody":
        pytest.importorskip("slixmpp_omemo", reason="install slixmpp-omemo")
        monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    else:
        monkeypatch.delitem(sys.modules, "tiers.lab.systems.xmpp", raising=False)
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Unmeasured, match=f"nstall {says}"):
        systems.measured("xmpp")
