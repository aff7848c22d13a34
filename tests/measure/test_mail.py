"""Mail of today, measured: what Exim, Dovecot and S/MIME leave to whom."""

import pytest

from tiers.lab import systems
from tiers.measure import Unmeasured
from tiers.measure.matrix.matrix import Content, Matrix


@pytest.fixture(scope="module")
def measured() -> Matrix:
    return systems.measured("mail")  # skipped where a server is to be installed, by its name


@pytest.mark.e2e
def test_every_cell_is_as_declared(measured: Matrix) -> None:
    assert measured.agreement.holds, measured.agreement


@pytest.mark.e2e
def test_a_key_opens_by_derivation_and_only_what_was_enveloped_for_it(measured: Matrix) -> None:
    assert measured.cell("company", "smime").content is Content.SEALED
    found = measured.cell("company", "escrow").derivation
    assert "key of company: found in company, key.pem" in found[0]
    assert "escrow, shut: found in store" in found[1]
    assert "key of company opens escrow" in found[2]


@pytest.mark.e2e
def test_the_link_recorded_opens_with_a_key_seized_later(measured: Matrix) -> None:
    assert measured.cell("link", "smime").content is Content.SEALED
    assert "smime, shut: found in wire" in measured.cell("recorded", "smime").derivation[1]


@pytest.mark.e2e
def test_starttls_shuts_the_link_and_the_clients_key_log_opens_it(measured: Matrix) -> None:
    assert measured.cell("link-tls", "plain").content is Content.SEALED
    assert measured.cell("link-keys", "smime").content is Content.SEALED
    for text in ("plain", "subject"):
        assert "TLS opened" in measured.cell("link-keys", text).derivation[0]


def test_what_is_to_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Unmeasured, match="Install exim4-daemon-light, dovecot-imapd, tshark"):
        systems.measured("mail")
