"""The keys on the way to each message, by value, so that a derivation can be read with its bytes. Lab only.

Each key stands under the words with which a derivation names it (tiers.lab.attack.derive.attacker).
"""

from collections.abc import Iterator, Mapping

from tiers.lab.attack.search.catalogue import catalogue
from tiers.lab.classroom.desk import Desk, Sent
from tiers.measure.derive.rules import Fact
from tiers.measure.search.spelling import Known
from tiers.wire.message.envelope import message_epoch

Named = tuple[str, str]


def keys_of(desk: Desk, messages: Mapping[str, Sent]) -> dict[str, tuple[Named, ...]]:
    """Return (words, hex) pairs for each message."""
    known = catalogue(desk, messages, ()).known
    return {key: tuple(_named(known, key, sent)) for key, sent in messages.items()}


def _named(known: Mapping[Fact, Known], key: str, sent: Sent) -> Iterator[Named]:
    for words, fact in _facts(key, sent):
        if fact in known:
            yield words, known[fact].raw.hex()


def _facts(key: str, sent: Sent) -> Iterator[tuple[str, Fact]]:
    minute = str(message_epoch(sent.envelope.header))
    yield "the carrier's master key", ("master",)
    for who in (sent.note.sender, sent.note.to):
        yield f"the root of {who}'s tree", ("node", who, "0/0")
        yield f"{who}'s key of minute {minute}", ("leaf", who, minute)
        yield f"the key that wraps for {who}", ("wrapkey", who, key)
    for recipient in sent.envelope.jwe.recipients:
        kid = recipient.header.kid
        yield f"the seed of the private key {kid}", ("seed", kid)
    yield f"the content key of {key}", ("cek", key)
