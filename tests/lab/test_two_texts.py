"""One message, one text: a dishonest sender writes with two, and nobody reads another than the receiver."""

from dataclasses import replace

import pytest

from kits.keyring import MASTER, NOW, subscriber
from tiers.device.keyring import Contact
from tiers.lab.attack.derive.attacker import Scene, close
from tiers.lab.attack.derive.forge import Bench
from tiers.lab.attack.derive.scene import Case
from tiers.lab.attack.derive.two_texts import KEYS, TEXTS, scene_of, shown_twice, two_texts
from tiers.lab.world.cast import handset
from tiers.measure.derive.knowledge import Step
from tiers.wire.custody import CARRIER, CUSTOMER, DEVICE, GLOBAL, SPLIT, Arrangement, GlobalKey
from tiers.wire.keys.keytree import Master, epoch_of, leaf, subscriber_root
from tiers.wire.message.envelope import Channel, Recipient, Service
from tiers.wire.message.sealing import open_content

EPOCH = epoch_of(NOW)
CASE = Case("bbm", "alice", "bob", Channel.CONSUMER, str(EPOCH))


async def _nobody(*_: object) -> Recipient:
    raise AssertionError


async def _no_contact(*_: object) -> Contact:
    raise AssertionError


def bench(consumer=CARRIER) -> Bench:
    factory = GlobalKey(b"G" * 32)
    rings = {name: replace(subscriber(handset(name).pin), factory=factory) for name in ("alice", "bob")}
    met = {name: tuple(ring.card() for ring in rings.values()) for name in rings}
    rings = {name: replace(ring, cards=met[name], escrow=ring.consumer.nodes) for name, ring in rings.items()}
    custody = Arrangement(consumer, CUSTOMER)
    return Bench({"bbm": CASE}, {"bbm": Service.BBM}, rings, MASTER, EPOCH, _nobody, _no_contact, custody)


def test_the_two_keys_open_one_ciphertext_to_two_texts() -> None:
    jwe = two_texts("cHJvdGVjdGVk", [])
    assert open_content(jwe, KEYS[0])[:16] == TEXTS[0]
    assert open_content(jwe, KEYS[1])[16:32] == TEXTS[1]


def knowing(name: str, master: Master = MASTER) -> dict:
    minute = leaf([subscriber_root(master, handset(name).pin)], EPOCH)
    fact = ("leaf", name, str(EPOCH))
    return {fact: [Step(fact, minute)]}


async def twice(held: dict, consumer=CARRIER) -> frozenset[str]:
    doubles = await bench(consumer).doubles()
    assert len(doubles) == 2
    scene = scene_of(doubles, Scene({"": CASE}, (EPOCH,)))
    return shown_twice(close(held, scene), doubles, scene)


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_whoever_has_the_minute_of_either_end_reads_the_receivers_text_or_none(name: str) -> None:
    assert await twice(knowing(name)) == frozenset()


@pytest.mark.parametrize("custody", [GLOBAL, SPLIT, DEVICE], ids=lambda one: one.name)
async def test_no_other_custody_shows_two(custody) -> None:
    key = ("globalkey",)
    assert await twice({key: [Step(key, GlobalKey(b"G" * 32))]} | knowing("alice"), custody) == frozenset()


async def test_without_the_commitment_the_sender_would_have_two_texts_read(monkeypatch) -> None:
    """The control: what the column would show if readers did not compare."""
    from tiers.lab.attack.derive import attacker
    from tiers.wire.message import sealing

    monkeypatch.setattr(attacker, "check_commitment", lambda *_: None)
    monkeypatch.setattr(sealing, "check_commitment", lambda *_: None)
    assert await twice(knowing("alice")) == {"bbm"}
    assert await twice(knowing("bob")) == frozenset()
