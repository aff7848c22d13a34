"""A handset's memory: once for the user, durable before it is acknowledged, gone when deleted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kits.keyring import ALICE, BOB, MID, NOW, subscriber
from tiers.device.keyring import Draft, Keyring, seal_consumer
from tiers.device.store import HandsetStore
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Envelope, Service


def envelope() -> Envelope:
    return seal_consumer(subscriber(ALICE), Draft(BOB, Service.BBM, b"canary", MID, NOW))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HandsetStore]:
    with closing(HandsetStore(tmp_path / "bob")) as made:
        yield made


def test_a_message_delivered_twice_is_new_once(store: HandsetStore) -> None:
    message = envelope()

    first, second = store.keep(message, b"canary"), store.keep(message, b"canary")

    assert first is not None
    assert second is None
    assert [b"canary"] == [kept.content for kept in store.messages()]


def test_a_message_says_who_can_read_it(store: HandsetStore) -> None:
    message = envelope()
    kids = tuple(one.header.kid for one in message.jwe.recipients)

    kept = store.keep(message, b"canary")

    assert kept is not None
    assert 1 == len(kids)
    assert kids == kept.readers
    assert [kids] == [one.readers for one in store.messages()]


def test_a_handset_that_kept_no_readers_goes_on_and_keeps_them_from_now_on(tmp_path: Path) -> None:
    HandsetStore(tmp_path / "bob").close()
    with closing(sqlite3.connect(tmp_path / "bob" / "messages.db")) as older, older:
        older.execute("ALTER TABLE message DROP COLUMN readers")
        older.execute("INSERT INTO message VALUES ('old', 'a', 'b', 'consumer', 'bbm', 1, x'00', NULL)")

    with closing(HandsetStore(tmp_path / "bob")) as store:
        store.keep(envelope(), b"canary")

        assert [0, 1] == [len(one.readers) for one in store.messages()]


def test_a_deleted_message_is_in_no_file_and_does_not_come_back(store: HandsetStore, tmp_path: Path) -> None:
    message = envelope()
    store.keep(message, b"canary that nobody else writes")
    database = tmp_path / "bob" / "messages.db"
    assert b"canary that nobody else writes" in database.read_bytes()

    store.delete(MID)

    assert b"canary that nobody else writes" not in database.read_bytes()
    assert store.keep(message, b"canary") is None
    assert [] == store.messages()


def test_a_handset_is_the_same_after_a_restart(store: HandsetStore, tmp_path: Path) -> None:
    made = store.create(ALICE)
    ring = Keyring(ALICE, made.sign, made.hpke, subscriber(ALICE).consumer)
    store.save(ring)
    store.close()

    with closing(HandsetStore(tmp_path / "bob")) as again:
        assert ring == again.load()


def test_forgotten_nodes_are_gone_from_the_file(store: HandsetStore, tmp_path: Path) -> None:
    made = store.create(ALICE)
    consumer = subscriber(ALICE).consumer
    assert consumer is not None
    store.save(Keyring(ALICE, made.sign, made.hpke, consumer))
    before = (tmp_path / "bob" / "keyring.json").read_text()

    store.save(Keyring(ALICE, made.sign, made.hpke, type(consumer)("in", consumer.nodes[1:])))

    after = (tmp_path / "bob" / "keyring.json").read_text()
    first = before.partition('"key":"')[2].partition('"')[0]
    assert first in before
    assert first not in after


def test_messages_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bob").mkdir(mode=0o700)
    (tmp_path / "bob" / "messages.db").write_bytes(b"x" * 4096)

    with pytest.raises(Yours, match=r"state\.unusable: Restore .*messages\.db"):
        HandsetStore(tmp_path / "bob")


def test_a_state_directory_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "alice"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)

    with pytest.raises(Yours, match="state.permissions"):
        HandsetStore(folder)
