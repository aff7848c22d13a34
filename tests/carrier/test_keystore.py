import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.carrier import keystore
from tiers.carrier.keystore import KEEP_EPOCHS, Keystore
from tiers.chassis.state import StateDir
from tiers.wire.errors import Yours
from tiers.wire.keys.keytree import DEPTH, EPOCHS, Master, Position, descend, leaf, subscriber_root

MASTER = Master(b"m" * 32)
PINS = st.sampled_from(["2100000a", "2100000b", "2100000c"])


def test_the_master_key_is_drawn_once_and_kept_for_its_owner_alone(tmp_path) -> None:
    state = StateDir(tmp_path / "carrier")

    first = state.key("master.key", Master)

    assert state.key("master.key", Master) == first
    assert (tmp_path / "carrier" / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_master_key_that_others_can_read_is_refused(tmp_path) -> None:
    state = StateDir(tmp_path / "carrier")
    state.key("master.key", Master)
    (tmp_path / "carrier" / "master.key").chmod(0o640)

    with pytest.raises(Yours) as refused:
        state.key("master.key", Master)

    assert refused.value.code == "state.permissions"


@given(st.lists(st.tuples(PINS, st.integers(0, EPOCHS - 1) | st.integers(7_000_000, 7_000_005))))
def test_the_cache_gives_the_keys_of_the_tree_and_no_others(asked) -> None:
    keys = Keystore(MASTER)

    for pin, epoch in asked:
        at = Position(DEPTH, epoch)
        assert keys.leaf(pin, epoch) == descend(subscriber_root(MASTER, pin), at)


@given(st.lists(st.tuples(PINS, st.integers(1000, 1010)), min_size=1), st.integers(1000, 1011))
def test_leaves_of_past_minutes_are_erased_and_later_ones_kept(asked, current) -> None:
    keys = Keystore(MASTER)
    for pin, epoch in asked:
        keys.leaf(pin, epoch)

    keys.forget_before(current)

    assert set(keys._leaves) == {epoch for _, epoch in asked if epoch >= current}
    assert all(path[-1].at.index >= current for path in keys._paths.values())


def test_the_next_minute_costs_a_step_or_two_not_the_whole_path(monkeypatch) -> None:
    steps = []
    real = keystore.descend
    monkeypatch.setattr(keystore, "descend", lambda node, to: steps.append(to) or real(node, to))
    keys = Keystore(MASTER)
    keys.leaf("2100000a", 8_371_520)
    del steps[:]

    for epoch in range(8_371_521, 8_371_521 + 64):
        keys.leaf("2100000a", epoch)

    assert len(steps) < 2 * 64 + 1


def test_the_caches_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(keystore, "MAX_PATHS", 4)
    keys = Keystore(MASTER)

    for number in range(20):
        keys.leaf(f"{number:08x}", 9)

    assert len(keys._paths) == 4
    assert len(keys._leaves[9]) == 4


def test_an_epoch_outside_the_tree_is_refused() -> None:
    with pytest.raises(Yours) as refused:
        Keystore(MASTER).leaf("2100000a", EPOCHS)

    assert refused.value.code == "keytree.position"


def test_enrolment_gives_from_now_on_and_never_the_past() -> None:
    nodes = Keystore(MASTER).cover("2100000a", 8_371_520, EPOCHS)

    assert leaf(nodes, 8_371_520) == Keystore(MASTER).leaf("2100000a", 8_371_520)
    with pytest.raises(Yours):
        leaf(nodes, 8_371_519)


def test_no_key_shows_itself() -> None:
    assert repr(MASTER) == "<Master>"
    assert KEEP_EPOCHS == 2
