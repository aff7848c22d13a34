import pytest

from kits.enterprise import ACME, ALICE, BOB, GINA, GLOBEX, NOW
from tiers.chassis.state import StateDir
from tiers.enterprise.activation import OpenPassword
from tiers.enterprise.directory import PinnedPartner
from tiers.enterprise.store import Store
from tiers.wire.enterprise.activation import activation_key
from tiers.wire.enterprise.directory import Entry
from tiers.wire.errors import Forbidden, Ours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import DeviceKid
from tiers.wire.message.sealing import HpkeJwk

SIGN, HPKE = SigningKey(b"s" * 32).public.jwk(), HpkeJwk("x")
PASSWORD = OpenPassword(ALICE, activation_key("0" * 16), NOW, 0)
KID = DeviceKid(GLOBEX, GINA, 1)


def entry(org: str = ACME, pin: str = ALICE, generation: int = 1) -> Entry:
    return Entry(org, pin, generation, HPKE, SIGN, NOW)


@pytest.fixture
def store(tmp_path):
    opened = Store(StateDir(tmp_path / "state"))
    yield opened
    opened.close()


def test_an_activation_that_cannot_be_written_whole_leaves_nothing(store):
    store.activate(entry(), "first")
    store.put_password(PASSWORD)
    with pytest.raises(Ours, match=r"^store\.unavailable"):
        store.activate(entry(), "second")
    assert (store.device(ALICE), store.password(ALICE)) == ("first", PASSWORD)


def test_what_was_written_before_a_failure_is_taken_back(store):
    store._db.write("DROP TABLE passwords", ())  # the last of the three writes fails
    with pytest.raises(Ours, match=r"^store\.unavailable"):
        store.activate(entry(), "token")
    assert (store.device(ALICE), store.last_generation(ACME, ALICE)) == (None, 0)


def test_what_is_written_is_there_after_a_restart(store, tmp_path):
    store.put_password(PASSWORD)
    store.count_try(ALICE)
    store.activate(entry(pin=BOB), "token")
    again = Store(StateDir(tmp_path / "state"))
    try:
        assert (again.password(ALICE).tries, again.device(BOB), again.devices()) == (1, "token", 1)
    finally:
        again.close()


def test_entries_of_a_partner_last_as_long_as_its_root(store):
    for root, url, kept in (
        (b"a", "https://one", "token"),
        (b"a", "https://two", "token"),
        (b"b", "https://two", None),
    ):
        store.put_partner(PinnedPartner(GLOBEX, SigningKey(root * 32).public, url))
        if url == "https://one":
            store.remember(entry(GLOBEX, GINA), "token")
        assert store.entry(KID) == kept
    assert [partner.url for partner in store.partners().values()] == ["https://two"]


def test_the_first_entry_of_a_generation_is_the_one_that_counts(store):
    for token in ("first", "second"):
        store.remember(entry(GLOBEX, GINA), token)
    assert store.entry(KID) == "first"


def test_own_entries_outlive_a_revocation_so_that_old_messages_are_read(store):
    store.activate(entry(), "token")
    store.revoke(ALICE)
    assert store.device(ALICE) is None
    assert store.entry(DeviceKid(ACME, ALICE, 1)) == "token"
    assert store.last_generation(ACME, ALICE) == 1


def test_a_disk_that_fails_is_our_fault_and_retried(store):
    store.close()
    with pytest.raises(Ours, match=r"^store\.unavailable"):
        store.devices()
    with pytest.raises(Ours, match=r"^store\.unavailable"):
        store.count_try(ALICE)


async def test_the_metrics_count_and_name_nobody(acme, alice):
    peer_page = await acme.ask_raw("operator/in", "GET", "/metrics")
    assert b'tiers_enterprise_activations_total{outcome="activated"} 1.0' in peer_page
    assert b"tiers_enterprise_devices 1.0" in peer_page
    assert alice.pin.encode() not in peer_page
    with pytest.raises(Forbidden, match=r"^request\.role"):
        await acme.ask_raw(str(Identity(Role.CUSTOMER, ACME)), "GET", "/metrics")
